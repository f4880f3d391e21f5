// What a connection tells its owner, in order, through `nextEvent()`. Stream readiness is not here: it has its own
// edge-triggered calls, because it happens per packet.

import type { PrivateKey } from '../crypto/provider.ts';
import type { QuicError } from '../errors.ts';
import type { ClientHelloInfo } from '../tls/engine.ts';
import type { SocketAddress } from '../util/address.ts';
import type { PathEvent } from './path-events.ts';

export type ConnectionEvent =
  /** A server waits for `answerClientHello`. */
  | { type: 'client-hello'; hello: ClientHelloInfo }
  /** Waits for `answerVerification`. DER, leaf first. */
  | {
      type: 'verify';
      certificates: readonly Uint8Array[];
      serverName: string | null;
      ocspResponse: Uint8Array | null;
    }
  /** Waits for `answerSignature`; only for keys made by `externalKey`. */
  | { type: 'sign'; key: PrivateKey; scheme: number; content: Uint8Array }
  /** The TLS handshake is complete (RFC 9001 §4.1.1). */
  | { type: 'established' }
  /** The handshake is confirmed (RFC 9001 §4.1.2). */
  | { type: 'confirmed' }
  /** For routing: packets with this id are ours from now on, or no longer. */
  | { type: 'id-issued'; connectionId: Uint8Array }
  | { type: 'id-retired'; connectionId: Uint8Array }
  /** For routing: a datagram that ends with this token is a stateless reset of this connection (RFC 9000 §10.3). */
  | { type: 'reset-token-added'; token: Uint8Array }
  | { type: 'reset-token-removed'; token: Uint8Array }
  /** A token for the next connection to this server (RFC 9000 §8.1.3). */
  | { type: 'new-token'; token: Uint8Array; version: number }
  /** A session for later connections to this server, for `session`; there may be several. Keep it secret. */
  | { type: 'session'; session: Uint8Array }
  /**
   * Server: a client sent early data; waits for `answerEarlyData`. Accept only if no other hello with this id was
   * accepted in the last `keepFor` milliseconds, by any server with the same ticket keys (RFC 8446 §8.2).
   */
  | { type: 'early-data'; helloId: Uint8Array; ticket: Uint8Array; keepFor: number }
  /** Early data were accepted, or not: then they are sent again. */
  | { type: 'early-data-result'; accepted: boolean }
  /** What happened to a path; `nextPathEvent()` of the public core tells the same in quiche's words. */
  | PathEvent
  /** Client: the server wants to be reached elsewhere from now on (RFC 9000 §9.6); each address may be missing. */
  | { type: 'preferred-address'; ipv4: SocketAddress | null; ipv6: SocketAddress | null }
  /** The deadline of a stream has passed, see `setStreamDeadline`; `isReset`: and the stream was reset for it. */
  | { type: 'stream-deadline'; streamId: number; isReset: boolean }
  /** Closing or draining began; `error` says who and why. */
  | { type: 'closing'; error: QuicError }
  /** The end: nothing will happen any more. */
  | { type: 'closed'; error: QuicError };
