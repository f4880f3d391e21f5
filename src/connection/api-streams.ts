// The stream calls of the public core, with quiche's semantics: `null` is its "Done" where a value is due, `false` where
// none is. Adds nothing to the streams part but the public face.

import { invalidArgType, invalidArgValue, outOfRange } from '../errors.ts';
import type { ConnectionCore } from './connection.ts';
import { DEADLINE_ERROR_CODE, type DeadlineAction } from './stream-deadlines.ts';
import type { ReadResult, StreamChunk, StreamDirection } from './streams/streams.ts';

/**
 * The streams of a {@link Connection}. Bit 0 of a stream id says that the server opened it, bit 1 that it is
 * unidirectional; ids are the application's choice (quiche), or `openStream`'s.
 *
 * After any of these calls, and after reading too, call `send` until it is null.
 */
export abstract class ConnectionStreams {
  /** Replaced once on a server, by its first datagram. */
  protected abstract readonly core: ConnectionCore;

  /**
   * Writes a copy of `data` and creates the stream if the id is ours and free. Returns how many bytes were taken: if
   * that is not all of them, `fin` was not applied. 0 only for empty `data`; null if nothing could be taken, or if the
   * stream is over and forgotten.
   *
   * Throws `QuicError`: ERR_QUIC_STREAM_STOPPED with the peer's code after its STOP_SENDING, ERR_QUIC_STREAM_LIMIT above
   * the peer's limit on streams, ERR_QUIC_FINAL_SIZE after the end or a shutdown, ERR_QUIC_INVALID_STREAM_STATE for the
   * peer's unidirectional streams and for streams that it did not open. Use it once established.
   */
  streamSend(streamId: number, data: Uint8Array, fin: boolean = false): number | null {
    return this.core.streams.streamSend(streamId, data, fin);
  }

  /** Like `streamSend`, without a copy: what was taken of `data` must not change until it is acknowledged. */
  streamSendOwned(streamId: number, data: Uint8Array, fin: boolean = false): number | null {
    return this.core.streams.streamSendOwned(streamId, data, fin);
  }

  /**
   * Copies what can be read into `out`; null if there is nothing. A result of 0 bytes with `fin` is possible. Throws
   * `QuicError`: ERR_QUIC_STREAM_RESET with the peer's code after its reset, ERR_QUIC_INVALID_STREAM_STATE for our own
   * unidirectional streams, for unknown streams and for those that are over and forgotten.
   */
  streamRecv(streamId: number, out: Uint8Array): ReadResult | null {
    return this.core.streams.streamRecv(streamId, out);
  }

  /** The next bytes without another copy; they belong to the caller. Null and errors as `streamRecv`. */
  streamRecvChunk(streamId: number): StreamChunk | null {
    return this.core.streams.streamRecvChunk(streamId);
  }

  /** Drops up to `length` bytes that could be read. Null and errors as `streamRecv`. */
  streamDiscard(streamId: number, length: number): ReadResult | null {
    return this.core.streams.streamDiscard(streamId, length);
  }

  /**
   * `'read'` drops what was not read and asks the peer to stop, unless its end has come; `'write'` drops what was not
   * acknowledged and resets the stream. False if there is nothing to do: the stream is unknown, over, or shut down
   * already. Throws ERR_QUIC_INVALID_STREAM_STATE for the direction that a unidirectional stream lacks.
   */
  streamShutdown(streamId: number, direction: 'read' | 'write', errorCode: number | bigint): boolean {
    checkOneOf('direction', direction, ['read', 'write']);
    return this.core.streams.streamShutdown(streamId, direction, errorCode);
  }

  /**
   * Resets the stream, but what was written below `reliableSize` is delivered (RESET_STREAM_AT,
   * draft-ietf-quic-reliable-stream-reset); 0 is a plain reset. May be called again to lower the size: code and final
   * size stay. False if there is nothing to do. Throws ERR_QUIC_INVALID_STATE if the peer takes no such frame (its
   * option `resetStreamAt`), ERR_OUT_OF_RANGE above what was written, ERR_QUIC_INVALID_STREAM_STATE.
   */
  streamResetAt(streamId: number, errorCode: number | bigint, reliableSize: number): boolean {
    return this.core.streams.streamResetAt(streamId, errorCode, reliableSize);
  }

  /** Bytes that a write takes now. Throws ERR_QUIC_INVALID_STREAM_STATE, ERR_QUIC_STREAM_STOPPED. */
  streamCapacity(streamId: number): number {
    return this.core.streams.streamCapacity(streamId);
  }

  /**
   * Whether `length` bytes can be written now. If not, the stream is reported as writable only once they can be, and
   * the peer is told that its limit is in the way if that is so. Throws as `streamCapacity`.
   */
  isStreamWritable(streamId: number, length: number): boolean {
    return this.core.streams.isStreamWritable(streamId, length);
  }

  /** False for unknown streams. A stream that the peer reset is readable: reading tells its code. */
  isStreamReadable(streamId: number): boolean {
    return this.core.streams.isStreamReadable(streamId);
  }

  /** Bytes that can be read now; 0 for unknown streams. */
  streamReadableLength(streamId: number): number {
    return this.core.streams.streamReadableLength(streamId);
  }

  /** All was read up to the end, or the stream was reset; true for unknown streams and those that are over. */
  isStreamFinished(streamId: number): boolean {
    return this.core.streams.isStreamFinished(streamId);
  }

  /** Both directions are over; false for a stream that was never opened. */
  isStreamClosed(streamId: number): boolean {
    return this.core.streams.isStreamClosed(streamId);
  }

  /**
   * `urgency` 0 to 255, lower first, default 127. Of one urgency, streams that are not incremental go first, by id;
   * incremental ones (the default) take turns. Creates the stream as `streamSend` does; no effect on one that is over.
   */
  streamPriority(streamId: number, urgency: number, incremental: boolean): void {
    if (typeof incremental !== 'boolean') throw invalidArgType('incremental', 'of type boolean', incremental);
    this.core.streams.streamPriority(streamId, urgency, incremental);
  }

  /** Null for an unknown stream. */
  getStreamPriority(streamId: number): { urgency: number; incremental: boolean } | null {
    return this.core.streams.getStreamPriority(streamId);
  }

  /** Attaches anything to a stream, once: false the second time. Throws ERR_QUIC_INVALID_STREAM_STATE if it is unknown. */
  setStreamData(streamId: number, data: unknown): boolean {
    return this.core.streams.setStreamData(streamId, data);
  }

  /** What was attached; undefined if nothing was, or if the stream is unknown. */
  getStreamData(streamId: number): unknown {
    return this.core.streams.getStreamData(streamId);
  }

  /**
   * So many milliseconds from `now` until something happens to a stream that is not over on both sides then: `'reset'`
   * resets and stops it, with `errorCode`, default 0xff; `'notify'` gives a 'stream-deadline' event; `'both'`, the
   * default, does both. Replaces an earlier deadline. False for a stream that is unknown or over.
   */
  setStreamDeadline(
    streamId: number,
    milliseconds: number,
    now: number,
    options: { readonly action?: DeadlineAction; readonly errorCode?: number | bigint } = {},
  ): boolean {
    const { action = 'both', errorCode = DEADLINE_ERROR_CODE } = options;
    if (typeof milliseconds !== 'number')
      throw invalidArgType('milliseconds', 'of type number', milliseconds);
    if (!(milliseconds >= 0 && milliseconds < Infinity))
      throw outOfRange('milliseconds', '>= 0', milliseconds);
    checkOneOf('action', action, ['notify', 'reset', 'both']);
    return this.core.deadlines.set(streamId, now + milliseconds, action, errorCode);
  }

  /** Forgets the stream's deadline. False if there is none. */
  cancelStreamDeadline(streamId: number): boolean {
    return this.core.deadlines.cancel(streamId);
  }

  /** Milliseconds until the stream's deadline, 0 if it is due; null if there is none. */
  streamDeadline(streamId: number, now: number): number | null {
    return this.core.deadlines.remaining(streamId, now);
  }

  /** Opens the next stream of ours. Null at the peer's limit, of which the peer is told. */
  openStream(direction: StreamDirection): number | null {
    checkOneOf('direction', direction, ['bidi', 'uni']);
    return this.core.streams.openStream(direction);
  }

  /** Bidirectional streams that the peer's limit lets us open still. */
  get streamsLeftBidi(): number {
    return this.core.streams.streamsLeftBidi;
  }

  /** Unidirectional streams that the peer's limit lets us open still. */
  get streamsLeftUni(): number {
    return this.core.streams.streamsLeftUni;
  }

  /** Snapshot of the readable streams, most urgent first. Do not mix with `nextReadable`, whose streams are not in it. */
  readable(): number[] {
    return this.core.streams.readable();
  }

  /** Snapshot of the writable streams, most urgent first; empty while the connection takes nothing. */
  writable(): number[] {
    return this.core.streams.writable();
  }

  /** The most urgent readable stream, each once until more comes for it; null if there is none. */
  nextReadable(): number | null {
    return this.core.streams.nextReadable();
  }

  /** The most urgent writable stream, each once until it could not be written and can be again; null if there is none. */
  nextWritable(): number | null {
    return this.core.streams.nextWritable();
  }

  /** Any stream or datagram to read. */
  isReadable(): boolean {
    return this.core.streams.hasReadable || this.core.datagrams.receiveQueueLength > 0;
  }
}

function checkOneOf(name: string, value: string, allowed: readonly string[]): void {
  if (allowed.includes(value)) return;
  throw invalidArgValue(name, value, `must be of ${allowed.map((each) => `'${each}'`).join(', ')}`);
}
