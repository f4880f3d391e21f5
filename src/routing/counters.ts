// What a router did with every datagram, counted: nothing disappears without a number.

import type { AnswerKind } from './limits.ts';

/** Why a datagram went nowhere. */
export const DROP_REASONS = [
  /** Shorter than any packet (RFC 9000 §10.3). */
  'too-small',
  /** Larger than we keep for a connection that does not exist yet. */
  'too-large',
  /** No header can be read. */
  'malformed',
  /** Not QUIC: the fixed bit is 0. */
  'fixed-bit',
  /** A Version Negotiation that nobody asked for (RFC 9000 §6.1). */
  'version-negotiation',
  /** An unknown version in a datagram that starts no connection (RFC 9000 §5.2.2). */
  'small-unknown-version',
  /** A first Initial in a datagram under 1200 bytes (RFC 9000 §14.1). */
  'small-initial',
  /** A first Initial whose destination id is under 8 bytes (RFC 9000 §7.2). */
  'short-destination-id',
  /** A first Initial that its own keys do not open. */
  'not-authentic',
  /** A packet that starts nothing, for an id that nobody has. */
  'unknown-id',
  /** A 0-RTT packet before its Initial, and more than is kept of such. */
  'early-zero-rtt',
  /** For another server, or for another shard and nobody takes it there. */
  'foreign-id',
  /** Nobody listens. */
  'not-accepting',
  /** The listener has as many connections as it may. */
  'over-limit',
  /** An answer was due to somebody who is not to know that a server is here. */
  'quiet',
  /** Too many incoming connections wait for a decision. */
  'pending-limit',
  /** This incoming connection was decided about. */
  'decided',
  /** More than is kept for a pending incoming connection. */
  'incoming-full',
  /** An answer was due, and the rate limit or a switch forbade it. */
  'answer-limited',
  /** A part of the application's (token provider, id generator) threw, or we are wrong. */
  'internal-error',
] as const;

export type DropReason = (typeof DROP_REASONS)[number];

export interface RouterCounters {
  /** Datagrams for connections, stateless resets among them. */
  routed: number;
  resetsReceived: number;
  /** New incoming connections, and further datagrams of those that are pending. */
  incoming: number;
  buffered: number;
  /** Late datagrams of closed connections. */
  absorbed: number;
  foreign: number;
  /** Tokens that were good, bad Retry tokens, and others that counted as none. */
  tokens: { valid: number; invalidRetry: number; ignored: number };
  answers: Record<AnswerKind, number>;
  limited: Record<AnswerKind, number>;
  dropped: Record<DropReason, number>;
}

export function newRouterCounters(): RouterCounters {
  const perAnswer = (): Record<AnswerKind, number> => ({
    'version-negotiation': 0,
    retry: 0,
    'stateless-reset': 0,
    refusal: 0,
  });
  return {
    routed: 0,
    resetsReceived: 0,
    incoming: 0,
    buffered: 0,
    absorbed: 0,
    foreign: 0,
    tokens: { valid: 0, invalidRetry: 0, ignored: 0 },
    answers: perAnswer(),
    limited: perAnswer(),
    dropped: Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as Record<DropReason, number>,
  };
}
