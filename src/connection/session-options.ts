// Options of the public core about sessions: tickets, resumption, 0-RTT and external keys. Parsed once into what a
// connection takes.

import { type KeyRingInput, parseKeyRing } from '../crypto/key-ring.ts';
import type { CryptoProvider, RandomSource } from '../crypto/provider.ts';
import { invalidArgType, invalidArgValue, outOfRange } from '../errors.ts';
import type { ExternalPsk } from '../tls/engine.ts';
import { TicketKeys } from '../tls/ticket-keys.ts';
import type { SessionConfig } from './config.ts';

export interface SessionOptions {
  /**
   * Milliseconds since 1970. Without it a client is given no sessions and resumes none, and a server makes no tickets.
   * Default none.
   */
  readonly wallTime?: () => number;
  /**
   * Server: 32 bytes that seal tickets, or several such keys, the current one first, or a ring; the same in all processes
   * that shall resume each other's sessions. Default none: no tickets.
   */
  readonly ticketKeys?: KeyRingInput;
  /** Server: seconds that a ticket is good for, at most 604800. Default 86400. */
  readonly ticketLifetime?: number;
  /**
   * Client: offers 0-RTT where the session allows it. Server: takes it, if 'early-data' is answered with yes. What is sent
   * that way can be replayed (RFC 8446 §8). Default false.
   */
  readonly earlyData?: boolean;
  /** External keys: a client offers them, a server takes them in place of certificates. Default none. */
  readonly psks?: readonly ExternalPsk[];
  /**
   * How external keys and sessions may be used (RFC 8446 §4.2.9): 'psk_dhe_ke', with a key agreement beside them, and
   * 'psk_ke', without one, which saves its CPU and gives up forward secrecy. A server takes the first in any case. Default
   * ['psk_dhe_ke'].
   */
  readonly pskModes?: readonly PskMode[];
}

export type PskMode = 'psk_dhe_ke' | 'psk_ke';

export const SESSION_OPTION_NAMES: readonly string[] = [
  'wallTime',
  'ticketKeys',
  'ticketLifetime',
  'earlyData',
  'psks',
  'pskModes',
];

/** Undefined if nothing was asked for. Throws `TypeError` and `RangeError` that name the option. */
export function parseSessions(
  options: SessionOptions,
  provider: CryptoProvider,
  random: RandomSource,
): SessionConfig | undefined {
  const { wallTime, ticketKeys, ticketLifetime, earlyData } = options;
  if (wallTime !== undefined && typeof wallTime !== 'function') {
    throw invalidArgType('wallTime', 'of type function', wallTime);
  }
  if (earlyData !== undefined && typeof earlyData !== 'boolean') {
    throw invalidArgType('earlyData', 'of type boolean', earlyData);
  }
  const needsTime = ticketKeys !== undefined || earlyData === true;
  if (needsTime && wallTime === undefined) {
    throw invalidArgType('wallTime', 'of type function where there are sessions', wallTime);
  }
  const psks = parsePsks(options.psks);
  const tickets =
    ticketKeys === undefined
      ? undefined
      : new TicketKeys(provider, random, parseKeyRing('ticketKeys', ticketKeys));
  const lifetime = parseLifetime(ticketLifetime);
  const plainPsk = parsePskModes(options.pskModes);
  if (wallTime === undefined && psks === undefined) return undefined;
  return {
    plainPsk,
    ...(wallTime === undefined ? {} : { wallTime }),
    ...(earlyData === undefined ? {} : { earlyData }),
    ...(psks === undefined ? {} : { psks }),
    ...(tickets === undefined ? {} : { tickets }),
    ...(lifetime === undefined ? {} : { ticketLifetime: lifetime }),
  };
}

export function parseLifetime(value: number | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number') throw invalidArgType('ticketLifetime', 'of type number', value);
  // RFC 8446 §4.6.1: a week at most.
  if (!Number.isInteger(value) || value < 1 || value > 604_800) {
    throw outOfRange('ticketLifetime', 'an integer >= 1 && <= 604800', value);
  }
  return value;
}

/** The option `pskModes`. */
export function parsePskModes(value: unknown): NonNullable<SessionConfig['plainPsk']> {
  if (value === undefined) return 'never';
  if (!Array.isArray(value) || value.length === 0) {
    throw invalidArgType('pskModes', "a list of 'psk_dhe_ke' and 'psk_ke'", value);
  }
  for (const mode of value) {
    if (mode === 'psk_dhe_ke' || mode === 'psk_ke') continue;
    throw invalidArgValue('pskModes', mode, "must be of 'psk_dhe_ke', 'psk_ke'");
  }
  if (!value.includes('psk_ke')) return 'never';
  return value.includes('psk_dhe_ke') ? 'allow' : 'only';
}

export function parsePsks(value: readonly ExternalPsk[] | undefined): readonly ExternalPsk[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length === 0) {
    throw invalidArgType('psks', 'a list of at least one { identity, secret }', value);
  }
  for (const psk of value as readonly Partial<ExternalPsk>[]) {
    const { identity, secret, hash } = psk ?? {};
    if (!(identity instanceof Uint8Array)) {
      throw invalidArgType('psks.identity', 'an instance of Uint8Array', identity);
    }
    if (!(secret instanceof Uint8Array)) {
      throw invalidArgType('psks.secret', 'an instance of Uint8Array', secret);
    }
    if (identity.length === 0 || identity.length > 0xffff) {
      throw outOfRange('psks.identity.length', '>= 1 && <= 65535', identity.length);
    }
    if (secret.length === 0) throw outOfRange('psks.secret.length', '>= 1', 0);
    if (hash !== undefined && hash !== 'sha256' && hash !== 'sha384') {
      throw invalidArgValue('psks.hash', hash, "must be 'sha256' or 'sha384'");
    }
  }
  return value;
}
