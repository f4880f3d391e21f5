// The streams of one connection behind one face: the public calls, in quiche's semantics, the handlers for the peer's
// frames, and the two sending parts. Everything is delegated; arguments are checked here. Knows no packets and no keys.

import { invalidArgType, outOfRange, quicError } from '../../errors.ts';
import type { Frame } from '../../wire/frame.ts';
import { StreamControl } from './stream-control.ts';
import { StreamFrames } from './stream-frames.ts';
import { directionIndex, type StreamDirection, UNI_BIT } from './stream-id.ts';
import { StreamReading } from './stream-reading.ts';
import { StreamSender } from './stream-sender.ts';
import { type StreamParameters, StreamSet, type StreamsConfig } from './stream-set.ts';
import { SendState } from './stream-states.ts';
import type { StreamStats } from './stream-stats.ts';
import { StreamWriting } from './stream-writing.ts';

export type { StreamDirection, StreamParameters, StreamsConfig };

/** A record that `Streams.nextNotice` fills. */
export class StreamNotice {
  id = 0;
  /** See `NoticeBit`. */
  flags = 0;
  /** What `setStreamData` attached. */
  data: unknown = undefined;
  /** With `NoticeBit.RESET`: the peer's code. */
  resetCode: number | bigint = 0;
  /** With `NoticeBit.STOPPED`: the peer's code. */
  stopCode: number | bigint = 0;
}

/** Bytes read, and whether the stream ended with them. */
export interface ReadResult {
  readonly length: number;
  readonly fin: boolean;
}

/** The next bytes of a stream, and whether it ended with them. */
export interface StreamChunk {
  /** Belongs to the caller from now on. */
  readonly data: Uint8Array;
  readonly fin: boolean;
}

export class Streams {
  /** RESET_STREAM, STOP_SENDING, MAX_…, …_BLOCKED. */
  readonly control: StreamControl;
  /** STREAM frames. */
  readonly sender: StreamSender;
  readonly #set: StreamSet;
  readonly #frames: StreamFrames;
  readonly #writing: StreamWriting;
  readonly #reading: StreamReading;

  constructor(config: StreamsConfig) {
    this.#set = new StreamSet(config);
    this.#writing = new StreamWriting(this.#set);
    this.#reading = new StreamReading(this.#set);
    this.#frames = new StreamFrames(this.#set, this.#writing);
    this.control = new StreamControl(this.#set);
    this.sender = new StreamSender(this.#set);
  }

  // ---- what the connection tells ----

  /** Our limits, before the peer hears of them; larger than those given before. */
  setLocalParameters(parameters: StreamParameters): void {
    this.#set.setLocal(parameters);
  }

  /** The peer's limits: for 0-RTT the remembered ones first, then the real ones (RFC 9000 §7.4.1). Only ever raises. */
  setPeerParameters(parameters: StreamParameters): void {
    this.#set.setRemote(parameters);
  }

  /** Takes the peer's limits back after rejected 0-RTT: what was written waits for the real ones (RFC 9001 §4.6.2). */
  withdrawPeerParameters(): void {
    this.#set.withdrawRemote();
  }

  /**
   * Bytes that the congestion window has room for now; what was written and not sent is subtracted here. Bounds how
   * much is accepted, as in quiche. To be set after acknowledgements and after sending. Default: no bound.
   */
  setSendCapacity(bytes: number): void {
    this.#set.sendCapacity = bytes;
  }

  /** Smoothed round-trip time in milliseconds, for the tuning of receive windows. Default 333. */
  setRtt(milliseconds: number): void {
    this.#set.rtt = milliseconds;
  }

  /** Gives all memory and budgets back. Nothing may be called afterwards. */
  dispose(): void {
    this.#set.dispose();
  }

  // ---- frames of the peer: whether they changed anything; faults are thrown as `TransportError` ----

  /** Stream data are copied out of `bytes`. `now` in milliseconds. */
  onStream(frame: Frame, bytes: Uint8Array, now: number): boolean {
    return this.#frames.onStream(frame, bytes, now);
  }

  onResetStream(frame: Frame): boolean {
    return this.#frames.onResetStream(frame);
  }

  onResetStreamAt(frame: Frame): boolean {
    return this.#frames.onResetStreamAt(frame);
  }

  onStopSending(frame: Frame): boolean {
    return this.#frames.onStopSending(frame);
  }

  onMaxData(frame: Frame): boolean {
    return this.#frames.onMaxData(frame);
  }

  onMaxStreamData(frame: Frame): boolean {
    return this.#frames.onMaxStreamData(frame);
  }

  onMaxStreams(frame: Frame): boolean {
    return this.#frames.onMaxStreams(frame);
  }

  onDataBlocked(frame: Frame): boolean {
    return this.#frames.onDataBlocked(frame);
  }

  onStreamDataBlocked(frame: Frame): boolean {
    return this.#frames.onStreamDataBlocked(frame);
  }

  onStreamsBlocked(frame: Frame): boolean {
    return this.#frames.onStreamsBlocked(frame);
  }

  // ---- opening ----

  /** Opens the next stream of ours. Null at the peer's limit, of which the peer is told (STREAMS_BLOCKED). */
  openStream(direction: StreamDirection): number | null {
    return this.#writing.open(directionIndex(direction));
  }

  /** True once after the peer raised its limit on streams that `openStream` or a write had met. */
  takeStreamsAvailable(direction: StreamDirection): boolean {
    const limit = this.#set.outgoing[directionIndex(direction)];
    const { available } = limit;
    limit.available = false;
    return available;
  }

  /** The next stream that the peer opened, each once, in the order of ids; null if there is none. */
  nextIncoming(direction: StreamDirection): number | null {
    return this.#reading.nextIncoming(directionIndex(direction));
  }

  /** Streams that may still be opened (quiche: `peer_streams_left_bidi`). */
  get streamsLeftBidi(): number {
    return this.#streamsLeft(0);
  }

  /** Streams that may still be opened (quiche: `peer_streams_left_uni`). */
  get streamsLeftUni(): number {
    return this.#streamsLeft(1);
  }

  // ---- writing ----

  /**
   * Writes a copy of `data`; creates the stream if the id is ours and free. Returns how many bytes were taken, which
   * may be less than all: then `fin` was not applied. 0 only for empty `data`; null if nothing could be taken, or if
   * the stream is over and forgotten. Throws ERR_QUIC_STREAM_STOPPED after the peer's STOP_SENDING,
   * ERR_QUIC_STREAM_LIMIT above the peer's limit on streams, ERR_QUIC_FINAL_SIZE after the end or a shutdown, and
   * ERR_QUIC_INVALID_STREAM_STATE for the peer's unidirectional streams and for its streams that it did not open.
   */
  streamSend(id: number, data: Uint8Array, fin: boolean): number | null {
    checkBytes('data', data);
    checkId(id);
    return this.#writing.send(id, data, fin, false);
  }

  /** Like `streamSend`, without a copy: what was taken of `data` must not change until it is acknowledged. */
  streamSendOwned(id: number, data: Uint8Array, fin: boolean): number | null {
    checkBytes('data', data);
    checkId(id);
    return this.#writing.send(id, data, fin, true);
  }

  /**
   * Bytes that a write would take now: the least of the stream's credit, the connection's, the congestion window's
   * room and the send buffer's. Throws ERR_QUIC_INVALID_STREAM_STATE for an unknown stream, ERR_QUIC_STREAM_STOPPED.
   */
  streamCapacity(id: number): number {
    return this.#writing.capacity(id);
  }

  /**
   * Whether `length` bytes can be written. If not, the stream is reported as writable again only when they can, and
   * the peer is told if it is its limit that is in the way. Throws as `streamCapacity`.
   */
  isStreamWritable(id: number, length: number): boolean {
    if (!(length >= 0)) throw outOfRange('length', '>= 0', length);
    return this.#writing.isWritable(id, length);
  }

  /** The most urgent writable stream, each once until it could not be written and can be again; stopped ones too. */
  nextWritable(): number | null {
    return this.#writing.next();
  }

  /** Snapshot of the writable streams, the most urgent first; those that `nextWritable` gave out are not in it. */
  writable(): number[] {
    return this.#writing.snapshot();
  }

  /** All that was written, and the end, is acknowledged; also true for a stream that is over and forgotten. */
  isStreamAcked(id: number): boolean {
    const stream = this.#set.table.peek(id);
    if (stream === undefined) return this.#set.canSend(id) && this.#set.table.isClosed(id);
    return (
      this.#set.canSend(id) && stream.send.state === SendState.DATA_RECVD && stream.send.reliableSize < 0
    );
  }

  // ---- reading ----

  /**
   * Copies what can be read into `out`. Null if there is nothing. A result of 0 bytes with `fin` is possible. Throws
   * ERR_QUIC_STREAM_RESET after the peer's reset (what was not read is lost), and ERR_QUIC_INVALID_STREAM_STATE for
   * our own unidirectional streams, unknown streams and those that are over and forgotten.
   */
  streamRecv(id: number, out: Uint8Array): ReadResult | null {
    checkBytes('out', out);
    return this.#reading.recv(id, out);
  }

  /** The next bytes without a copy. Null and errors as `streamRecv`. */
  streamRecvChunk(id: number): StreamChunk | null {
    return this.#reading.recvChunk(id);
  }

  /** Drops up to `length` bytes that could be read. Null and errors as `streamRecv`. */
  streamDiscard(id: number, length: number): ReadResult | null {
    if (!(length >= 0)) throw outOfRange('length', '>= 0', length);
    return this.#reading.discard(id, length);
  }

  /** False for unknown streams. */
  isStreamReadable(id: number): boolean {
    return this.#set.table.peek(id)?.recv.isReadable === true;
  }

  /** Bytes that can be read now; 0 for unknown streams. */
  streamReadableLength(id: number): number {
    return this.#set.table.peek(id)?.recv.buffer.readable ?? 0;
  }

  /** The most urgent readable stream, each once until more comes; reset ones too. */
  nextReadable(): number | null {
    return this.#reading.next();
  }

  /** Snapshot of the readable streams, the most urgent first; those that `nextReadable` gave out are not in it. */
  readable(): number[] {
    return this.#reading.snapshot();
  }

  /** Any stream to read. */
  get hasReadable(): boolean {
    return this.#set.readable.size > 0;
  }

  /** All was read up to the end, or the stream was reset; true for unknown streams and those that are over. */
  isStreamFinished(id: number): boolean {
    const stream = this.#set.table.peek(id);
    return stream === undefined ? !this.isStreamOpen(id) : stream.recv.isFinished;
  }

  // ---- both ----

  /**
   * `'read'`: drops what was not read and asks the peer to stop (STOP_SENDING), unless all has come. `'write'`: drops
   * what was not acknowledged and resets the stream (RESET_STREAM); credit for bytes never sent comes back. False if
   * there is nothing to do: the stream is unknown, over or shut down already (quiche's `Done`). Throws
   * ERR_QUIC_INVALID_STREAM_STATE for the direction that a unidirectional stream lacks.
   */
  streamShutdown(id: number, side: 'read' | 'write', errorCode: number | bigint): boolean {
    checkErrorCode(errorCode);
    return side === 'read' ? this.#reading.shutdown(id, errorCode) : this.#writing.shutdown(id, errorCode);
  }

  /**
   * Resets the stream, but what was written below `reliableSize` is delivered (RESET_STREAM_AT); 0 is a plain reset.
   * May be called again to lower the size; code and final size stay. False if there is nothing to do. Throws
   * ERR_QUIC_INVALID_STATE if the peer takes no such frame, ERR_OUT_OF_RANGE above what was written.
   */
  streamResetAt(id: number, errorCode: number | bigint, reliableSize: number): boolean {
    checkErrorCode(errorCode);
    if (!(Number.isSafeInteger(reliableSize) && reliableSize >= 0)) {
      throw outOfRange('reliableSize', 'an integer >= 0', reliableSize);
    }
    return this.#writing.resetAt(id, errorCode, reliableSize);
  }

  /**
   * `urgency` 0 to 255, lower first, default 127. Among streams of one urgency, those that are not incremental go
   * first, by id; incremental ones (the default) take turns. Creates the stream as `streamSend` does, with its
   * errors; no effect on a stream that is over.
   */
  streamPriority(id: number, urgency: number, incremental: boolean): void {
    if (!(Number.isInteger(urgency) && urgency >= 0 && urgency <= 255)) {
      throw outOfRange('urgency', 'an integer >= 0 && <= 255', urgency);
    }
    checkId(id);
    const stream = this.#writing.getOrCreate(id);
    if (stream !== null) this.#set.setPriority(stream, urgency, incremental);
  }

  /** Null for an unknown stream. */
  getStreamPriority(id: number): { urgency: number; incremental: boolean } | null {
    const stream = this.#set.table.get(id);
    return stream === undefined ? null : { urgency: stream.urgency, incremental: stream.incremental };
  }

  /** Attaches anything to a stream, once: false the second time. Throws ERR_QUIC_INVALID_STREAM_STATE if it is unknown. */
  setStreamData(id: number, data: unknown): boolean {
    const stream = this.#set.table.get(id);
    if (stream === undefined) throw quicError('ERR_QUIC_INVALID_STREAM_STATE', { streamId: id });
    if (stream.hasData) return false;
    stream.hasData = true;
    stream.data = data;
    return true;
  }

  /** What was attached; undefined if nothing was, or if the stream is unknown. */
  getStreamData(id: number): unknown {
    return this.#set.table.peek(id)?.data;
  }

  /** The code of the peer's RESET_STREAM; null without one, or if the stream is unknown. */
  streamResetCode(id: number): bigint | null {
    return toBigInt(this.#set.table.peek(id)?.recv.resetCode);
  }

  /** The code of the peer's STOP_SENDING; null without one, or if the stream is unknown. */
  streamStopCode(id: number): bigint | null {
    return toBigInt(this.#set.table.peek(id)?.send.stopCode);
  }

  /** Opened, and not over and forgotten. */
  isStreamOpen(id: number): boolean {
    return this.#set.table.isOpened(id) && !this.#set.table.isClosed(id);
  }

  /** Both sides are over; false for a stream that was never opened (quiche: `stream_closed`). */
  isStreamClosed(id: number): boolean {
    const stream = this.#set.table.peek(id);
    return stream === undefined
      ? this.#set.table.isClosed(id)
      : stream.send.isTerminal && stream.recv.isTerminal;
  }

  /** `nextNotice` has something to tell. */
  get hasNotices(): boolean {
    return (this.#set.notices?.length ?? 0) > 0;
  }

  /** The next stream to which something happened; false if there is none. Needs `notices: true`. */
  nextNotice(into: StreamNotice): boolean {
    const stream = this.#set.notices?.shift();
    if (stream === undefined) return false;
    into.id = stream.id;
    into.flags = stream.notices;
    into.data = stream.data;
    into.resetCode = stream.recv.resetCode ?? 0;
    into.stopCode = stream.send.stopCode ?? 0;
    stream.notices = 0;
    return true;
  }

  // ---- information ----

  get stats(): StreamStats {
    return this.#set.stats;
  }

  /** Streams that hold memory now. */
  get openCount(): number {
    return this.#set.table.size;
  }

  /** Bytes written and never sent. */
  get bytesUnsent(): number {
    return this.#set.unsent;
  }

  /** Bytes written that the buffers still hold: never sent, or sent and not acknowledged. */
  get bytesHeld(): number {
    return this.#set.sendBudget.used;
  }

  /** Bytes received that were not read. */
  get bytesUnread(): number {
    return this.#set.meter.bytes;
  }

  /** Streams of ours may write this much together, before their own limits. */
  get capacity(): number {
    return this.#set.capacity;
  }

  /** Limits for inspection: what we announced and what the peer did. */
  get limits(): StreamLimitsView {
    const { window, credit, incoming, outgoing } = this.#set;
    return {
      maxData: window.limit,
      maxStreamsBidi: incoming[0].limit,
      maxStreamsUni: incoming[1].limit,
      peerMaxData: credit.limit,
      peerMaxStreamsBidi: outgoing[0].limit,
      peerMaxStreamsUni: outgoing[1].limit,
    };
  }

  #streamsLeft(direction: 0 | 1): number {
    const { table, outgoing, localBit } = this.#set;
    return outgoing[direction].limit - table.openedCount(localBit | (direction === 0 ? 0 : UNI_BIT));
  }
}

/** What each side announced last. */
export interface StreamLimitsView {
  readonly maxData: number;
  readonly maxStreamsBidi: number;
  readonly maxStreamsUni: number;
  readonly peerMaxData: number;
  readonly peerMaxStreamsBidi: number;
  readonly peerMaxStreamsUni: number;
}

function toBigInt(code: number | bigint | null | undefined): bigint | null {
  return code === null || code === undefined ? null : BigInt(code);
}

function checkBytes(name: string, value: unknown): void {
  if (!(value instanceof Uint8Array)) throw invalidArgType(name, 'an instance of Uint8Array', value);
}

function checkId(id: number): void {
  if (!(Number.isSafeInteger(id) && id >= 0)) throw outOfRange('id', 'an integer >= 0 && < 2 ** 53', id);
}

/** Application error codes are variable-length integers (RFC 9000 §16, §20.2). */
function checkErrorCode(code: number | bigint): void {
  if (typeof code === 'number' ? Number.isSafeInteger(code) && code >= 0 : code >= 0n && code < 2n ** 62n)
    return;
  throw outOfRange('errorCode', 'an integer >= 0 && < 2 ** 62', code);
}
