// Address validation tokens (RFC 9000 §8.1): what a router asks of whoever makes and reads them.

import type { SocketAddress } from '../util/address.ts';

/** Replaceable by the application. Times are milliseconds since 1970. */
export interface TokenProvider {
  /** For a Retry (RFC 9000 §8.1.2). */
  makeRetry(request: RetryTokenRequest): Uint8Array;
  /** For a NEW_TOKEN frame (RFC 9000 §8.1.3). Each one is different, and nobody can tell whose it is. */
  makeNew(request: NewTokenRequest): Uint8Array;
  /** What a token in an Initial is worth. */
  open(token: Uint8Array, seen: TokenContext): OpenedToken;
}

export interface RetryTokenRequest {
  /** The destination id of the Initial that the Retry answers. */
  originalDestinationId: Uint8Array;
  /** The id that the client has to use from now on. */
  retrySourceId: Uint8Array;
  address: SocketAddress;
  wallTime: number;
}

export interface NewTokenRequest {
  address: SocketAddress;
  /** QUIC version of the connection that gives the token: it is good for no other (RFC 9369 §5). */
  version: number;
  wallTime: number;
}

/** The Initial that a token came in. */
export interface TokenContext {
  address: SocketAddress;
  destinationId: Uint8Array;
  version: number;
  wallTime: number;
}

export type OpenedToken =
  /** The client followed our Retry; its address is validated. */
  | { kind: 'retry'; originalDestinationId: Uint8Array; retrySourceId: Uint8Array }
  /** From an earlier connection; its address is validated. */
  | { kind: 'new' }
  /** Meant to be from a Retry, but not a good one: such a client follows no second Retry (RFC 9000 §8.1.2). */
  | { kind: 'invalid-retry' }
  /** Anything else counts as no token (RFC 9000 §8.1.3). */
  | { kind: 'none' };
