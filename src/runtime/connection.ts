// A connection as its user sees it: streams to open and to accept, how it began, how it ended. Lives on a
// DrivenConnection; knows no packets and no sockets.

import { switchCongestionControl } from '../connection/congestion-choice.ts';
import type { ConnectionCore } from '../connection/connection.ts';
import type { DatagramFate } from '../connection/datagrams.ts';
import type { ConnectionEvent } from '../connection/events.ts';
import type { PathEvent } from '../connection/path-events.ts';
import { StreamNotice } from '../connection/streams/streams.ts';
import { invalidArgType, type QuicError, quicError } from '../errors.ts';
import type { SocketAddress } from '../util/address.ts';
import { Ring } from '../util/ring.ts';
import { ConnectionFacts } from './connection-facts.ts';
import { DatagramChannel } from './datagrams.ts';
import { type Deferred, defer } from './deferred.ts';
import type { ConnectionOwner, DrivenConnection } from './driven-connection.ts';
import { type MigrateOptions, Migrations } from './migrations.ts';
import type { QuicPath } from './path.ts';
import type { HandshakeQuestions } from './questions.ts';
import { QuicStream, type StreamHost } from './stream.ts';
import type { OpenOptions, WaitOptions } from './stream-options.ts';
import { Waiters } from './waiters.ts';

/** What the handshake agreed on. */
export interface ConnectionInfo {
  alpn: string;
  serverName: string | null;
  cipher: string;
  localAddress: SocketAddress;
  remoteAddress: SocketAddress;
}

/** How a connection ended without an error. */
export interface CloseInfo {
  /** Application error code, or 0 for a transport close. */
  errorCode: bigint;
  reason: string;
  /** The peer closed. */
  remote: boolean;
}

/**
 * A QUIC connection. `opened` and `closed` may be left alone: their rejections are handled.
 *
 * Waiting calls reject with the `QuicError` that ended the connection: ERR_QUIC_APPLICATION_ERROR,
 * ERR_QUIC_TRANSPORT_ERROR, ERR_QUIC_TLS_FAIL, ERR_QUIC_CERTIFICATE_…, ERR_QUIC_IDLE_TIMEOUT,
 * ERR_QUIC_HANDSHAKE_TIMEOUT, ERR_QUIC_STATELESS_RESET, ERR_QUIC_VERSION_NEGOTIATION, ERR_QUIC_CONNECTION_REFUSED.
 */
export class QuicConnection extends ConnectionFacts implements ConnectionOwner, StreamHost {
  readonly #driven: DrivenConnection;
  #questions: HandshakeQuestions | null;
  readonly #now: () => number;
  readonly #opened: Deferred<ConnectionInfo> = defer();
  readonly #active: Deferred<ConnectionInfo> = defer();
  readonly #closed: Deferred<CloseInfo> = defer();
  readonly #streams: Set<QuicStream> = new Set();
  readonly #incoming: Record<Direction, Ring<QuicStream>> = { bidi: new Ring(), uni: new Ring() };
  readonly #acceptors: Record<Direction, Waiters<QuicStream>> = { bidi: new Waiters(), uni: new Waiters() };
  readonly #openers: Record<Direction, Waiters<QuicStream>> = { bidi: new Waiters(), uni: new Waiters() };
  readonly #datagrams: DatagramChannel;
  readonly #migrations: Migrations;
  /** Streams of both directions in order of arrival, while somebody iterates. */
  #iterators: Deferred<void>[] = [];
  #error: QuicError | null = null;
  #refusals = 0;
  /** Client: gets each session that the server gives, as the option of `connect` does. What it throws ends the connection. */
  onSession: ((session: Uint8Array) => void) | null = null;

  /** Made by `connect` and by listeners. */
  constructor(driven: DrivenConnection, questions: HandshakeQuestions, now: () => number) {
    super(driven.core, driven.batches);
    this.#driven = driven;
    this.#questions = questions;
    this.#now = now;
    this.#migrations = new Migrations(driven, now);
    this.#datagrams = new DatagramChannel(driven.core, this.#closed.promise, () => this.wantSend());
    this.#opened.promise.catch(() => {});
    this.#active.promise.catch(() => {});
    this.#closed.promise.catch(() => {});
  }

  // ---- state ----

  /** Resolves when the handshake is complete; rejects with the reason if it fails. */
  get opened(): Promise<ConnectionInfo> {
    return this.#opened.promise;
  }

  /** Resolves when the peer can use it: like `opened`, or before that with its first stream in 0-RTT. Rejects like `opened`. */
  get active(): Promise<ConnectionInfo> {
    return this.#active.promise;
  }

  /** Resolves when the connection was closed on purpose, by either side; rejects with the error that ended it. */
  get closed(): Promise<CloseInfo> {
    return this.#closed.promise;
  }

  // ---- streams ----

  /** Opens a stream for both to write. Waits for the handshake and for the peer's limit. */
  createBidirectionalStream(options: OpenOptions = {}): Promise<QuicStream> {
    return this.#open('bidi', options);
  }

  /** Opens a stream that only this side writes. Waits for the handshake and for the peer's limit. */
  createUnidirectionalStream(options: OpenOptions = {}): Promise<QuicStream> {
    return this.#open('uni', options);
  }

  /** The next bidirectional stream that the peer opened. */
  acceptBidirectionalStream(options: WaitOptions = {}): Promise<QuicStream> {
    return this.#accept('bidi', options);
  }

  /** The next unidirectional stream that the peer opened. */
  acceptUnidirectionalStream(options: WaitOptions = {}): Promise<QuicStream> {
    return this.#accept('uni', options);
  }

  /** All streams that the peer opens, until the connection is closed on purpose; an error of it is thrown. */
  async *incomingStreams(): AsyncGenerator<QuicStream, void, undefined> {
    for (;;) {
      const stream = this.#incoming.bidi.shift() ?? this.#incoming.uni.shift();
      if (stream !== undefined) {
        yield stream;
        continue;
      }
      if (this.#error !== null) {
        await this.#closed.promise;
        return;
      }
      const arrival = defer<void>();
      this.#iterators.push(arrival);
      await arrival.promise;
    }
  }

  // ---- datagrams ----

  /**
   * Sends an unreliable datagram (RFC 9221), once and never again. Resolves with what became of it: 'acknowledged' by
   * the peer, 'lost' as far as can be told, or 'abandoned', which was never sent because the path got smaller or the
   * connection ended. The promise never rejects and may be left alone; `bytes` may be reused at once.
   *
   * Throws ERR_QUIC_DATAGRAM_UNSUPPORTED if the peer takes none, ERR_QUIC_DATAGRAM_TOO_LARGE above `maxDatagramSize`,
   * ERR_QUIC_DATAGRAM_QUEUE_FULL while congestion holds too many back, and ERR_QUIC_INVALID_STATE before `opened`.
   */
  sendDatagram(bytes: Uint8Array): Promise<DatagramFate> {
    return this.#datagrams.send(bytes);
  }

  /** The longest datagram that can be sent now, bytes; follows the path. 0 if the peer takes none, or did not say yet. */
  get maxDatagramSize(): number {
    return this.#datagrams.maxSize;
  }

  /** The next datagram of the peer. Rejects with ERR_QUIC_DATAGRAM_UNSUPPORTED without the option `datagrams`. */
  receiveDatagram(options: WaitOptions = {}): Promise<Uint8Array> {
    return this.#datagrams.receive(options);
  }

  /** All datagrams that the peer sends, until the connection is closed on purpose; an error of it is thrown. */
  get datagrams(): AsyncIterable<Uint8Array> {
    return this.#datagrams;
  }

  // ---- ending ----

  /**
   * Closes the connection with an application error code (default 0) and a reason of up to 256 bytes. Streams are not
   * waited for: end them first. Idempotent; gives `closed`.
   */
  close(options: { code?: number | bigint; reason?: string } = {}): Promise<CloseInfo> {
    const { code = 0, reason = '' } = options;
    if (typeof reason !== 'string') throw invalidArgType('reason', 'of type string', reason);
    if (typeof code !== 'number' && typeof code !== 'bigint')
      throw invalidArgType('code', 'of type number or bigint', code);
    if (this.core.close(true, code, reason, this.#now())) this.#driven.touch();
    return this.#closed.promise;
  }

  /** Closes at once; with an error, `closed` rejects with it. */
  destroy(error?: Error): void {
    if (error !== undefined && this.#error === null) {
      this.#error = quicError('ERR_QUIC_CLOSED_LOCALLY', { message: error.message, cause: error });
    }
    void this.close({ code: 0 });
  }

  onCallbackError(error: unknown): void {
    this.destroy(error instanceof Error ? error : new Error(String(error)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close().catch(() => {});
  }

  /**
   * Puts another congestion controller in charge, which goes on from the present window. Throws ERR_QUIC_CONGESTION_CONTROL
   * for a name other than 'cubic', 'reno' and 'bbr'.
   */
  setCongestionControl(name: string): void {
    switchCongestionControl(this.core, name);
    this.wantSend();
  }

  /** Starts a key update (RFC 9001 §6). False if the handshake is not confirmed or the last update is not over. */
  updateKeys(): boolean {
    const started = this.core.updateKeys(this.#now());
    if (started) this.wantSend();
    return started;
  }

  /**
   * Client: opens another socket and moves there, in the midst of whatever goes on (RFC 9000 §9), once the handshake is
   * confirmed. Resolves when the server was heard there; `localAddress` tells the new address as soon as it is used.
   *
   * Rejects with ERR_QUIC_MIGRATION_FAILED if nothing comes back (the connection returns to the old path then),
   * ERR_QUIC_INVALID_STATE on a server, on a closed connection, or if the server does not allow it,
   * ERR_QUIC_OUT_OF_IDENTIFIERS while the server has no spare connection id for us, and ERR_QUIC_BIND.
   */
  migrate(options: MigrateOptions = {}): Promise<void> {
    return this.#migrations.migrate(options);
  }

  /**
   * Client: opens another socket and asks whether the server answers there, while everything goes on where it was. Resolves
   * with the path, which stays: where the active one falls silent, the connection goes on over one that still answers.
   * Rejects as `migrate` does. To be removed by `close()` of the path.
   */
  addPath(options: MigrateOptions = {}): Promise<QuicPath> {
    return this.#migrations.add(options);
  }

  /** All paths, in the order in which they came; the one with `isActive` carries everything but probes. */
  get paths(): QuicPath[] {
    return this.#migrations.paths;
  }

  /** Is told once what happens to each path of the connection. */
  get onPathEvent(): ((event: PathEvent) => void) | null {
    return this.#migrations.onPathEvent;
  }

  set onPathEvent(listener: ((event: PathEvent) => void) | null) {
    this.#migrations.onPathEvent = listener;
  }

  // ---- for streams ----

  get streams(): ConnectionCore['streams'] {
    return this.core.streams;
  }

  get deadlines(): ConnectionCore['deadlines'] {
    return this.core.deadlines;
  }

  now(): number {
    return this.#now();
  }

  get error(): QuicError | null {
    return this.#error;
  }

  wantSend(): void {
    this.#driven.wantSend();
  }

  // ---- from the loop ----

  onEvent(event: ConnectionEvent, now: number): void {
    switch (event.type) {
      case 'client-hello':
        this.askedName = event.hello.serverName;
        this.#ask(event, now);
        return;
      case 'verify':
      case 'early-data':
      case 'session':
      case 'new-token':
        this.#ask(event, now);
        return;
      case 'established':
        // A server asks nothing any more, and who answers holds all that the client's first packet told.
        if (this.isServer) this.#questions = null;
        this.#opened.resolve(this.#info());
        this.#active.resolve(this.#info());
        this.#datagrams.onEstablished();
        this.#retryOpeners();
        return;
      case 'closing':
        this.#end(event.error);
        return;
      case 'stream-deadline':
        (this.core.streams.getStreamData(event.streamId) as QuicStream | undefined)?.onDeadlinePassed(
          event.isReset,
        );
        return;
      default:
        this.#migrations.onEvent(event);
        return;
    }
  }

  onStreams(_now: number): void {
    const { streams } = this.core;
    this.#datagrams.deliver();
    for (const direction of DIRECTIONS) {
      for (let id = streams.nextIncoming(direction); id !== null; id = streams.nextIncoming(direction)) {
        this.#arrive(direction, this.#make(id, false));
      }
      if (streams.takeStreamsAvailable(direction)) this.#retryOpeners();
    }
    for (let id = streams.nextReadable(); id !== null; id = streams.nextReadable()) {
      (streams.getStreamData(id) as QuicStream | undefined)?.onReadable();
    }
    for (let id = streams.nextWritable(); id !== null; id = streams.nextWritable()) {
      (streams.getStreamData(id) as QuicStream | undefined)?.onWritable();
    }
    while (streams.nextNotice(NOTICE)) {
      const stream = NOTICE.data as QuicStream | undefined;
      if (stream === undefined) continue;
      stream.onNotice(NOTICE.flags, NOTICE.resetCode, NOTICE.stopCode);
      if (!streams.isStreamOpen(stream.id)) this.#streams.delete(stream);
    }
    NOTICE.data = undefined;
  }

  /**
   * Nobody listens there, says the system. It may be forged, so it counts only while the server has not said a word,
   * and only when said twice.
   */
  onSocketError(error: Error & { code?: string }): void {
    if (error.code !== 'ECONNREFUSED' || this.core.paths.first.bytesReceived > 0) return;
    this.#refusals++;
    if (this.#refusals < REFUSALS_BELIEVED || this.#error !== null) return;
    const { address, port } = this.remoteAddress;
    const message = `Nothing listens at ${address} port ${port} (ECONNREFUSED)`;
    this.core.closer.abandon(quicError('ERR_QUIC_CONNECT_FAILED', { message, cause: error }), false);
    this.#driven.touch();
  }

  // ---- inside ----

  #ask(event: ConnectionEvent, now: number): void {
    this.#questions?.(this.core, event, now, () => this.#driven.touch());
    if (event.type === 'session') this.onSession?.(event.session);
  }

  #open(direction: Direction, options: OpenOptions): Promise<QuicStream> {
    if (this.#error !== null) return Promise.reject(this.#error);
    const stream = this.#openers[direction].length === 0 ? this.#tryOpen(direction) : null;
    if (stream !== null) return Promise.resolve(stream);
    if (options.failOnBlocked === true) {
      const isReady = this.isOpen || this.core.earlyData.canSend;
      return Promise.reject(quicError(isReady ? 'ERR_QUIC_STREAM_LIMIT' : 'ERR_QUIC_INVALID_STATE'));
    }
    return this.#openers[direction].wait(options.signal);
  }

  #tryOpen(direction: Direction): QuicStream | null {
    const isEarly = this.core.earlyData.canSend;
    if (!this.isOpen && !isEarly) return null;
    const id = this.core.streams.openStream(direction);
    // At the limit the peer is told that we wait (RFC 9000 §4.6).
    this.wantSend();
    if (id !== null && isEarly) this.core.earlyData.noteStream(id);
    return id === null ? null : this.#make(id, true);
  }

  #retryOpeners(): void {
    for (const direction of DIRECTIONS) {
      const waiting = this.#openers[direction];
      while (waiting.length > 0) {
        const stream = this.#tryOpen(direction);
        if (stream === null) break;
        waiting.give(stream);
      }
    }
  }

  #accept(direction: Direction, options: WaitOptions): Promise<QuicStream> {
    const stream = this.#incoming[direction].shift();
    if (stream !== undefined) return Promise.resolve(stream);
    if (this.#error !== null) return Promise.reject(this.#error);
    return this.#acceptors[direction].wait(options.signal);
  }

  #arrive(direction: Direction, stream: QuicStream): void {
    if (!this.isOpen) this.#active.resolve(this.#info());
    if (this.#acceptors[direction].give(stream)) return;
    this.#incoming[direction].push(stream);
    this.#iterators.shift()?.resolve();
  }

  #make(id: number, isLocal: boolean): QuicStream {
    const stream = new QuicStream(this, id, isLocal, this.core.earlyData.isStreamEarly(id));
    this.core.streams.setStreamData(id, stream);
    this.#streams.add(stream);
    return stream;
  }

  #info(): ConnectionInfo {
    const { localAddress, remoteAddress, serverName } = this;
    const { alpn, suite } = this.core.handshake.engine;
    return { alpn: alpn ?? '', serverName, cipher: suite?.name ?? '', localAddress, remoteAddress };
  }

  #end(error: QuicError): void {
    const given = this.#error;
    this.#error = given ?? error;
    const { type, errorCode, reason, remote } = error;
    const onPurpose = type === 'application' && (errorCode === 0n || !remote);
    const isClean = given === null && (onPurpose || (type === 'transport' && errorCode === 0n));
    if (isClean) this.#closed.resolve({ errorCode, reason, remote });
    else this.#closed.reject(this.#error);
    this.#opened.reject(this.#error);
    this.#active.reject(this.#error);
    this.#datagrams.end(this.#error);
    this.#migrations.end(this.#error);
    for (const direction of DIRECTIONS) {
      this.#acceptors[direction].rejectAll(this.#error);
      this.#openers[direction].rejectAll(this.#error);
    }
    for (const stream of this.#streams) stream.onConnectionClosed(this.#error);
    this.#streams.clear();
    for (const iterator of this.#iterators.splice(0)) iterator.resolve();
  }
}

type Direction = 'bidi' | 'uni';

const DIRECTIONS: readonly Direction[] = ['bidi', 'uni'];
/** ECONNREFUSED this often means that nobody is there. */
const REFUSALS_BELIEVED = 2;
const NOTICE = new StreamNotice();
