// What the application gives to a group: one handler for all listeners, and a handler for each connection. Types only.

import type { Duplex } from 'node:stream';
import type { QuicConnection } from '../runtime/connection.ts';
import type { GroupAddress } from './address.ts';
import type { KillSwitch } from './kill-switch.ts';
import type { ListenerKind } from './specification.ts';

/** What is known of a connection before anybody handles it. The same fields on all kinds; null where a kind has none. */
export interface ConnectionFacts {
  readonly kind: ListenerKind;
  readonly localAddress: GroupAddress;
  readonly remoteAddress: GroupAddress;
  /** The agreed protocol. */
  readonly alpn: string | null;
  /** The name that the client asked for. */
  readonly serverName: string | null;
  /** The cipher suite by its name in RFC 8446 or its elders. */
  readonly cipher: string | null;
  /** The client's certificate, DER. */
  readonly peerCertificate: Uint8Array | null;
}

/** A new connection, as `connected` gets it. */
export interface GroupConnectionInfo<LId = unknown> extends ConnectionFacts {
  readonly listenerId: LId;
  /** Unique in the group while the connection lives, and among all groups that share its id pool. */
  readonly connectionId: number;
}

/** What goes with a stream or connection that is handled. */
export interface ConnectionContext<LId = unknown, Data = undefined> {
  readonly info: GroupConnectionInfo<LId>;
  /** What `connected` returned as `data`; undefined if it returned none. */
  readonly data: Data;
  /** Ends this connection, and tells when it is ended by others. */
  readonly killSwitch: KillSwitch;
  /** Aborted when the connection is killed: its kill switch's. */
  readonly signal: AbortSignal;
  /** Aborted when the group begins to shut down: finish what is in progress. */
  readonly closing: AbortSignal;
  /** The QUIC connection that the stream belongs to; null for other kinds. */
  readonly connection: QuicConnection | null;
  /** The id of the QUIC stream; null for other kinds and for whole connections. */
  readonly streamId: number | null;
  /** Data of the stream came in 0-RTT: it may be a copy of what was sent before (RFC 8446 §8). False for other kinds. */
  readonly early: boolean;
}

/** Handles connections: their streams, or QUIC connections as a whole. What it got is its own until it is over. */
export interface ConnectionHandler<LId = unknown, Data = undefined> {
  /**
   * Gets a TCP, TLS or Unix socket, or a bidirectional stream that a QUIC client opened, once each. The stream is a Duplex
   * that can be half closed on every kind: iterating, to the end or not, destroys nothing. It has a listener for 'error'.
   *
   * It is over, if `run` gives a promise, when that is fulfilled: the writable side is ended, the client takes what was
   * written as fast as it can, gets some seconds to end its side, and the stream is freed. Otherwise it is over when the stream is closed. A throw or rejection
   * destroys the stream with the error; a `QuicError` of type 'application' lends its code to a QUIC stream.
   */
  run?(stream: Duplex, context: ConnectionContext<LId, Data>): void | Promise<void>;
  /** With `mode: 'connection'`: gets the QUIC connection, once. When it is over the connection is closed. */
  runConnection?(connection: QuicConnection, context: ConnectionContext<LId, Data>): void | Promise<void>;
}

/** How a connection is handled; null refuses it. */
export type ConnectionOutcome<LId = unknown, Data = undefined> = {
  readonly handler: ConnectionHandler<LId, Data>;
  /** `'stream'` (default): each stream goes to `run`. `'connection'`, for QUIC: the connection goes to `runConnection`. */
  readonly mode?: 'stream' | 'connection';
  /** The application's own, for `context.data`, snapshots and `disconnected`. */
  readonly data?: Data;
} | null;

/** Where an error came up that is nobody's but the application's (or, for 'accept', the system's). */
export interface ErrorOrigin<LId = unknown> {
  readonly during: 'bound' | 'unbound' | 'failed' | 'connected' | 'run' | 'disconnected' | 'accept';
  readonly listenerId: LId;
  readonly connectionId: number | null;
}

/**
 * The callbacks of a group, all optional but `connected`. They may be asynchronous and may call the group. One that
 * throws or rejects ends its own connection (`connected`, and `run`) or listener (`bound`), and is told to `errored`.
 */
export interface GroupHandler<LId = unknown, Data = undefined> {
  /** A listener is bound, at its real address. Before its first connection. */
  bound?(id: LId, address: GroupAddress): void | Promise<void>;
  /** A listener that was bound takes no connections any more, for whatever reason. Once for each `bound`. */
  unbound?(id: LId): void | Promise<void>;
  /** A bind failed, or a bound listener did. Without back-off the listener is gone (with later bind: as it was). */
  failed?(id: LId, error: Error): void | Promise<void>;
  /** A connection is complete, its handshake too. Says who handles it, or refuses it with null. */
  connected(
    info: GroupConnectionInfo<LId>,
  ): ConnectionOutcome<LId, Data> | Promise<ConnectionOutcome<LId, Data>>;
  /** A connection that was not refused is over, and its handlers are. `error` is null if both sides ended it. */
  disconnected?(
    info: GroupConnectionInfo<LId>,
    data: Data | undefined,
    error: Error | null,
  ): void | Promise<void>;
  /** A callback threw, or a connection could not be accepted. Default: a warning of the process. */
  errored?(error: unknown, origin: ErrorOrigin<LId>): void;
}
