// Named limits of the routing part: everything here that a stranger can make us store or send has its number in this file.

import type { RateLimit } from '../util/token-bucket.ts';

/** Incoming connections that nobody decided about yet; further ones are dropped silently. */
export const MAX_PENDING_INCOMING = 1024;

/** Datagrams kept for one pending incoming connection, and their bytes together. */
export const MAX_INCOMING_DATAGRAMS = 8;
export const MAX_INCOMING_BYTES: number = 16 * 1024;

/** Milliseconds after which a pending one counts as ignored. */
export const PENDING_INCOMING_LIFETIME = 10_000;

/** Clients whose 0-RTT packets are kept until their Initial comes; of more, the first is forgotten. */
export const MAX_OVERTAKING_CLIENTS = 64;

/** Datagrams that are kept of one such client, and their bytes together. */
export const MAX_OVERTAKING_DATAGRAMS = 4;
export const MAX_OVERTAKING_BYTES = 6000;

/** Milliseconds for which they are kept: packets are overtaken on their way by little. */
export const OVERTAKING_LIFETIME = 500;

/** Incoming connections whose decision is remembered, so that a retransmitted Initial is no new one. */
export const MAX_DECIDED_INCOMING = 4096;

/** Milliseconds for which such a decision is remembered: several retransmissions of a first Initial. */
export const DECIDED_INCOMING_LIFETIME = 5000;

/** Closed connections whose ids still absorb late packets; beyond it the one that ends first is forgotten. */
export const MAX_CLOSING_RECORDS = 16_384;

/** Tokens of NEW_TOKEN frames that are remembered as used; beyond it the oldest is forgotten. */
export const MAX_REMEMBERED_TOKENS = 4096;

/** Answers to datagrams of strangers, per second and in one burst, for the whole endpoint. */
export const ANSWER_LIMITS: Readonly<Record<AnswerKind, RateLimit>> = {
  'version-negotiation': { perSecond: 1000, burst: 1000 },
  // High, because under a flood the way in for honest clients is a Retry.
  retry: { perSecond: 20_000, burst: 5000 },
  'stateless-reset': { perSecond: 500, burst: 250 },
  refusal: { perSecond: 2000, burst: 1000 },
};

/** What a router says to those it knows nothing about. */
export type AnswerKind = 'version-negotiation' | 'retry' | 'stateless-reset' | 'refusal';
