// A stream as its user sees it: reading, writing, ending, and why it ended. Waits in promises for what the core says at
// once. Knows the calls of `Streams` and nothing of packets.

import {
  DEADLINE_ERROR_CODE,
  type DeadlineAction,
  type StreamDeadlines,
} from '../connection/stream-deadlines.ts';
import { NoticeBit } from '../connection/streams/stream.ts';
import type { StreamChunk, Streams } from '../connection/streams/streams.ts';
import { invalidArgType, invalidArgValue, outOfRange, type QuicError, quicError } from '../errors.ts';
import { abortable, type Deferred, defer, RESOLVED } from './deferred.ts';
import { deadlineTime, type StreamDeadline } from './stream-deadline.ts';
import type { ReadOptions, WriteOptions } from './stream-options.ts';
import { makeReadable, makeWritable } from './web-streams.ts';

/** How a stream is used; the first way locks out the others, per direction. */
export type StreamUse = 'native' | 'web' | 'duplex';

/** What a stream needs of its connection. */
export interface StreamHost {
  readonly streams: Streams;
  readonly deadlines: StreamDeadlines;
  /** Milliseconds, monotonic. */
  now(): number;
  /** Something may wait to be sent. */
  wantSend(): void;
  /** Why the connection is over; null while it is not. */
  readonly error: QuicError | null;
}

interface PendingWrite {
  data: Uint8Array;
  offset: number;
  fin: boolean;
  owned: boolean;
  done: Deferred<void>;
}

/**
 * One stream (RFC 9000 §2). Async-iterable over its chunks.
 *
 * Errors of its calls: ERR_QUIC_STREAM_RESET and ERR_QUIC_STREAM_STOPPED with the peer's code, ERR_QUIC_STREAM_LOCKED,
 * ERR_QUIC_STREAM_NOT_READABLE, ERR_QUIC_STREAM_NOT_WRITABLE, ERR_QUIC_STREAM_FINISHED, or the error of the connection.
 */
export class QuicStream {
  /** RFC 9000 §2.1: bit 0 tells who opened it, bit 1 whether it is unidirectional. */
  readonly id: number;
  readonly direction: 'bidi' | 'uni';
  /** This side opened it. */
  readonly isLocal: boolean;
  /** Data of it went in 0-RTT packets: on a server it may be a copy of what another connection sent (RFC 8446 §8). */
  readonly early: boolean;
  /** Called at the deadline, unless its action is `'reset'`. */
  onDeadline: ((isReset: boolean) => void) | null = null;
  /** For adapters: the peer reset what it sends, the deadline did, or the connection is over. */
  onLost: ((error: QuicError) => void) | null = null;
  #deadlineAction: DeadlineAction = 'both';
  #deadlineCode: number | bigint = DEADLINE_ERROR_CODE;
  readonly #host: StreamHost;
  #readUse: StreamUse | null = null;
  #writeUse: StreamUse | null = null;
  #readEnded = false;
  #readError: QuicError | null = null;
  #reader: Deferred<Uint8Array | null> | null = null;
  /** Where the waiting read wants its bytes. */
  #into: Uint8Array | undefined = undefined;
  #writes: PendingWrite[] = [];
  #finQueued = false;
  #acked = false;
  #writeError: QuicError | null = null;
  #ended: Deferred<void> | null = null;
  #closed: Deferred<void> | null = null;
  #isOver = false;
  #readable: ReadableStream<Uint8Array> | null = null;
  #writable: WritableStream<Uint8Array> | null = null;

  /** Made by a connection. */
  constructor(host: StreamHost, id: number, isLocal: boolean, early = false) {
    this.#host = host;
    this.id = id;
    this.isLocal = isLocal;
    this.early = early;
    this.direction = (id & 2) === 0 ? 'bidi' : 'uni';
  }

  get isReadable(): boolean {
    return this.direction === 'bidi' || !this.isLocal;
  }

  get isWritable(): boolean {
    return this.direction === 'bidi' || this.isLocal;
  }

  // ---- reading ----

  /** The next bytes; null after the last. They belong to the caller, or are the filled part of `into`. */
  read(options: ReadOptions = {}): Promise<Uint8Array | null> {
    this.claim('read', 'native');
    return this.pull(options);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    this.claim('read', 'native');
    try {
      for (;;) {
        const chunk = await this.pull({});
        if (chunk === null) return;
        yield chunk;
      }
    } finally {
      // Leaving the loop early means that the rest is not wanted.
      if (!this.#readEnded && this.#readError === null) this.stopSending(0);
    }
  }

  /** Asks the peer to stop sending, with an application error code; what has come is dropped (RFC 9000 §3.5). */
  stopSending(code: number | bigint = 0): void {
    this.#needs('readable');
    if (this.#readEnded || this.#readError !== null || this.#isOver) return;
    this.#host.streams.streamShutdown(this.id, 'read', checkCode(code));
    this.#readEnded = true;
    this.#reader?.resolve(null);
    this.#reader = null;
    this.#host.wantSend();
  }

  // ---- writing ----

  /**
   * Writes all of `data`. Resolves when the connection has taken it, which waits for the peer's credit and for buffer
   * space; `data` may be reused then, unless it is `owned`. Calls wait for each other in order.
   */
  write(data: Uint8Array, options: WriteOptions = {}): Promise<void> {
    this.claim('write', 'native');
    return this.push(data, false, options);
  }

  /**
   * Ends the writable side, with a last piece of data if given. Resolves when the peer has acknowledged everything.
   */
  end(data?: Uint8Array, options: WriteOptions = {}): Promise<void> {
    this.claim('write', 'native');
    return this.finish(data, options);
  }

  /**
   * Gives up sending, with an application error code (RFC 9000 §3.1). The first `reliableSize` bytes, default none, are
   * delivered all the same: as far as they were taken, and only to a peer with the option `resetStreamAt`.
   */
  reset(code: number | bigint = 0, options: { reliableSize?: number } = {}): void {
    this.#needs('writable');
    if (this.#writeError !== null || this.#acked || this.#isOver) return;
    this.#host.streams.streamResetAt(this.id, checkCode(code), options.reliableSize ?? 0);
    this.#failWrites(
      quicError('ERR_QUIC_STREAM_FINISHED', {
        message: 'The stream was reset on this side',
        streamId: this.id,
      }),
    );
    this.#host.wantSend();
  }

  /**
   * Priority of this stream's data among the connection's streams, as in RFC 9218: `urgency` 0 (first) to 7, default 3;
   * incremental streams of one urgency take turns. In the core it is urgency × 32 + 31, so that the default is its 127.
   */
  setPriority(priority: { urgency?: number; incremental?: boolean }): void {
    const { urgency = 3, incremental = false } = priority;
    if (!Number.isInteger(urgency) || urgency < 0 || urgency > 7) {
      throw outOfRange('urgency', 'an integer >= 0 && <= 7', urgency);
    }
    this.#needs('writable');
    if (!this.#isOver) this.#host.streams.streamPriority(this.id, urgency * 32 + 31, incremental);
  }

  // ---- deadline ----

  /**
   * What happens if the stream is not over on both sides in time: `'reset'` resets and stops it, with `code`, default
   * 0xff; `'notify'` calls `onDeadline`; `'both'`, the default, does both. Replaces an earlier deadline. False for a
   * stream that is over.
   */
  setDeadline(deadline: StreamDeadline): boolean {
    const { action, code, at } = deadlineTime(deadline, this.#host.now());
    const checked = checkCode(code);
    if (this.#isOver || this.#host.error !== null) return false;
    // The core is silent about a mere reset, but what waits here has to hear of it.
    const asked = action === 'reset' ? 'both' : action;
    if (!this.#host.deadlines.set(this.id, at, asked, checked)) return false;
    this.#deadlineAction = action;
    this.#deadlineCode = checked;
    this.#host.wantSend();
    return true;
  }

  /** False if there is no deadline. */
  cancelDeadline(): boolean {
    return this.#host.deadlines.cancel(this.id);
  }

  /** Milliseconds until the deadline, 0 if it is due; null if there is none. */
  get remaining(): number | null {
    return this.#host.deadlines.remaining(this.id, this.#host.now());
  }

  // ---- other ways to use it ----

  /** The readable side as a web stream, made on first touch. */
  get readable(): ReadableStream<Uint8Array> {
    this.claim('read', 'web');
    this.#readable ??= makeReadable(this);
    return this.#readable;
  }

  /** The writable side as a web stream, made on first touch. */
  get writable(): WritableStream<Uint8Array> {
    this.claim('write', 'web');
    this.#writable ??= makeWritable(this);
    return this.#writable;
  }

  /** Resolves when both sides are over; rejects with the first reset, stop or error of the connection. */
  get closed(): Promise<void> {
    if (this.#closed === null) {
      this.#closed = defer();
      this.#closed.promise.catch(() => {});
      const error = this.#writeError ?? this.#readError;
      if (error !== null) this.#closed.reject(error);
      else if (this.#isOver) this.#closed.resolve();
    }
    return this.#closed.promise;
  }

  // ---- for adapters ----

  /** Takes a side for one way of use. Throws ERR_QUIC_STREAM_LOCKED if another has it. */
  claim(side: 'read' | 'write', use: StreamUse): void {
    this.#needs(side === 'read' ? 'readable' : 'writable');
    const current = side === 'read' ? this.#readUse : this.#writeUse;
    if (current !== null && current !== use) {
      throw quicError('ERR_QUIC_STREAM_LOCKED', {
        streamId: this.id,
        message: `The ${side === 'read' ? 'readable' : 'writable'} side of stream ${this.id} is used as ${USES[current]} already`,
      });
    }
    if (side === 'read') this.#readUse = use;
    else this.#writeUse = use;
  }

  /** `read` without the lock. */
  pull(options: ReadOptions): Promise<Uint8Array | null> {
    if (this.#reader !== null) {
      return Promise.reject(
        quicError('ERR_QUIC_INVALID_STATE', { message: 'A read is waiting already', streamId: this.id }),
      );
    }
    const { into } = options;
    if (into !== undefined && !(into instanceof Uint8Array && into.length > 0))
      return Promise.reject(invalidArgValue('into', into, 'must be a Uint8Array that is not empty'));
    try {
      const chunk = this.#take(into);
      if (chunk !== undefined) return Promise.resolve(chunk);
    } catch (error) {
      return Promise.reject(error);
    }
    const reader = defer<Uint8Array | null>();
    this.#reader = reader;
    this.#into = into;
    return abortable(reader, options.signal, () => {
      if (this.#reader === reader) this.#reader = null;
    });
  }

  /** `write` without the lock. */
  push(data: Uint8Array, fin: boolean, options: WriteOptions): Promise<void> {
    if (!(data instanceof Uint8Array)) throw invalidArgType('data', 'an instance of Uint8Array', data);
    if (this.#writeError !== null) return Promise.reject(this.#writeError);
    if (this.#host.error !== null) return Promise.reject(this.#host.error);
    if (this.#finQueued) return Promise.reject(quicError('ERR_QUIC_STREAM_FINISHED', { streamId: this.id }));
    if (fin) this.#finQueued = true;
    else if (data.length === 0) return RESOLVED;
    const { owned = false } = options;
    let offset = 0;
    if (this.#writes.length === 0) {
      try {
        offset = this.#send(data, 0, fin, owned);
      } catch (error) {
        return Promise.reject(error);
      }
      if (offset < 0) return RESOLVED;
    }
    const write: PendingWrite = { data, offset, fin, owned, done: defer() };
    this.#writes.push(write);
    return abortable(write.done, options.signal, () => this.#abandon(write));
  }

  /** `end` without the lock. */
  finish(data: Uint8Array | undefined, options: WriteOptions): Promise<void> {
    const pushed = this.push(data ?? EMPTY, true, options);
    if (this.#ended === null) {
      this.#ended = defer();
      this.#ended.promise.catch(() => {});
      if (this.#acked) this.#ended.resolve();
    }
    const ended = pushed.then(() => abortable(this.#ended as Deferred<void>, options.signal, () => {}));
    ended.catch(() => {});
    return ended;
  }

  // ---- from the connection ----

  /** There is something to read, or the peer reset. */
  onReadable(): void {
    const reader = this.#reader;
    if (reader === null) return;
    try {
      const chunk = this.#take(this.#into);
      if (chunk === undefined) return;
      this.#reader = null;
      reader.resolve(chunk);
    } catch (error) {
      this.#reader = null;
      reader.reject(error as Error);
    }
  }

  /** There is room to write, or the peer stopped reading. */
  onWritable(): void {
    try {
      while (this.#writes.length > 0) {
        const write = this.#writes[0];
        const offset = this.#send(write.data, write.offset, write.fin, write.owned);
        if (offset >= 0) {
          write.offset = offset;
          return;
        }
        this.#writes.shift();
        write.done.resolve();
      }
    } catch (error) {
      this.#failWrites(error as QuicError);
    }
  }

  onNotice(flags: number, resetCode: number | bigint, stopCode: number | bigint): void {
    const streamId = this.id;
    if (flags & NoticeBit.RESET) {
      const error = quicError('ERR_QUIC_STREAM_RESET', {
        errorCode: resetCode,
        type: 'application',
        remote: true,
        streamId,
      });
      this.#failRead(error);
      this.onLost?.(error);
    }
    if (flags & NoticeBit.STOPPED) {
      this.#failWrites(
        quicError('ERR_QUIC_STREAM_STOPPED', {
          errorCode: stopCode,
          type: 'application',
          remote: true,
          streamId,
        }),
      );
    }
    if (flags & NoticeBit.ACKED) {
      this.#acked = true;
      this.#ended?.resolve();
    }
    if (flags & NoticeBit.CLOSED) {
      this.#isOver = true;
      this.#closed?.resolve();
    }
  }

  /** The deadline passed; after a reset everything that waits fails. */
  onDeadlinePassed(isReset: boolean): void {
    if (isReset) {
      const error = quicError('ERR_QUIC_STREAM_FINISHED', {
        message: 'The deadline of the stream passed',
        errorCode: this.#deadlineCode,
        type: 'application',
        streamId: this.id,
      });
      this.#failRead(error);
      if (!this.#acked) this.#failWrites(error);
      this.onLost?.(error);
    }
    if (this.#deadlineAction !== 'reset') this.onDeadline?.(isReset);
  }

  /** The connection is over: everything that waits fails. */
  onConnectionClosed(error: QuicError): void {
    this.#failRead(error);
    if (!this.#acked) this.#failWrites(error);
    const wasOver = this.#isOver;
    this.#isOver = true;
    this.#closed?.reject(error);
    if (!wasOver) this.onLost?.(error);
  }

  // ---- inside ----

  /** The next chunk, null at the end, undefined if there is nothing now. */
  #take(into: Uint8Array | undefined): Uint8Array | null | undefined {
    if (this.#readEnded) return null;
    if (this.#readError !== null) throw this.#readError;
    const { streams } = this.#host;
    const chunk = into === undefined ? streams.streamRecvChunk(this.id) : fill(streams, this.id, into);
    if (chunk === null) {
      if (this.#host.error !== null) throw this.#host.error;
      return undefined;
    }
    if (chunk.fin) this.#readEnded = true;
    // Reading makes credit for the peer.
    this.#host.wantSend();
    return chunk.data.length === 0 ? (chunk.fin ? null : undefined) : chunk.data;
  }

  /** Sends from `offset`. Returns where to go on when there is room again, or -1 when all was taken. */
  #send(data: Uint8Array, offset: number, fin: boolean, owned: boolean): number {
    const { streams } = this.#host;
    let at = offset;
    for (;;) {
      const rest = at === 0 ? data : data.subarray(at);
      const taken = owned
        ? streams.streamSendOwned(this.id, rest, fin)
        : streams.streamSend(this.id, rest, fin);
      if (taken === null) break;
      at += taken;
      this.#host.wantSend();
      if (taken === rest.length) return -1;
    }
    // No low watermark: a peer with a small window gives credit in pieces that may stay below any.
    return at;
  }

  #abandon(write: PendingWrite): void {
    const at = this.#writes.indexOf(write);
    if (at < 0) return;
    // A part of it may be on its way: to go on after it would corrupt the stream.
    if (write.offset > 0 || write.fin) this.reset(0);
    else this.#writes.splice(at, 1);
  }

  #failRead(error: QuicError): void {
    if (this.#readEnded || this.#readError !== null) return;
    this.#readError = error;
    this.#reader?.reject(error);
    this.#reader = null;
    this.#closed?.reject(error);
  }

  #failWrites(error: QuicError): void {
    if (this.#writeError !== null) return;
    this.#writeError = error;
    for (const write of this.#writes.splice(0)) write.done.reject(error);
    this.#ended?.reject(error);
    if (this.isWritable) this.#closed?.reject(error);
  }

  #needs(side: 'readable' | 'writable'): void {
    if (side === 'readable' ? this.isReadable : this.isWritable) return;
    const code = side === 'readable' ? 'ERR_QUIC_STREAM_NOT_READABLE' : 'ERR_QUIC_STREAM_NOT_WRITABLE';
    throw quicError(code, { streamId: this.id });
  }
}

/** The next bytes in memory of the caller; null if there are none now. */
function fill(streams: Streams, id: number, into: Uint8Array): StreamChunk | null {
  const result = streams.streamRecv(id, into);
  return result && { data: into.subarray(0, result.length), fin: result.fin };
}

function checkCode(code: number | bigint): number | bigint {
  if (typeof code !== 'number' && typeof code !== 'bigint')
    throw invalidArgType('code', 'of type number or bigint', code);
  if (code < 0 || code >= 2n ** 62n || (typeof code === 'number' && !Number.isSafeInteger(code))) {
    throw outOfRange('code', 'an integer >= 0 && < 2 ** 62', code);
  }
  return code;
}

const USES: Readonly<Record<StreamUse, string>> = {
  native: 'reads, writes or iteration',
  web: 'a web stream',
  duplex: 'a Duplex',
};

const EMPTY = new Uint8Array(0);
