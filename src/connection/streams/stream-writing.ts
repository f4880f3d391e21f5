// Writing as the application sees it: how much is accepted, when a stream is writable, ending and giving up.
// The semantics are quiche's; `null` is its "Done". Knows no frames.

import { outOfRange, quicError } from '../../errors.ts';
import { ControlBit, NoticeBit, type Stream } from './stream.ts';
import { streamIdAt, streamIndex, UNI_BIT } from './stream-id.ts';
import { ConnectionControlBit, type StreamSet } from './stream-set.ts';
import { SendState } from './stream-states.ts';

export class StreamWriting {
  readonly #set: StreamSet;

  constructor(set: StreamSet) {
    this.#set = set;
  }

  /** How many bytes of `data` were taken; null if none could be, or the stream is over. */
  send(id: number, data: Uint8Array, fin: boolean, owned: boolean): number | null {
    const set = this.#set;
    const stream = this.#forSending(id);
    if (stream === null) return null;
    const { send } = stream;
    if (send.isStopped) this.#throwStopped(stream);
    const length = data.length;
    if (!send.isOpen) {
      // An end that was said already may be said again.
      if (length === 0 && fin) return 0;
      throw quicError('ERR_QUIC_FINAL_SIZE', { streamId: id });
    }
    if (length === 0) {
      if (fin) this.#finish(stream);
      return 0;
    }
    const own = send.credit.available;
    const accepted = Math.min(length, own, set.capacity);
    if (accepted > 0) {
      send.write(data, accepted, owned);
      set.credit.used += accepted;
      set.sendBudget.take(accepted);
      set.unsent += accepted;
      if (fin && accepted === length) this.#finish(stream);
      else set.updateSending(stream);
    }
    if (!stream.isWritable) set.writable.remove(stream.writable);
    if (accepted < length) {
      this.#reportBlocked(stream, 1);
      // Not the stream's limit but the connection's: it becomes writable when that rises.
      if (stream.isWritable) set.writable.insert(stream.writable);
    }
    return accepted > 0 ? accepted : null;
  }

  /** Bytes that `send` would take now. */
  capacity(id: number): number {
    const stream = this.#existing(id);
    if (stream.send.isStopped) this.#throwStopped(stream);
    if (!stream.send.isOpen) return 0;
    return Math.min(stream.send.credit.available, this.#set.capacity);
  }

  /** Whether `length` bytes can be written; if not, the stream is next reported as writable when they can. */
  isWritable(id: number, length: number): boolean {
    const set = this.#set;
    if (this.capacity(id) >= length) return true;
    const stream = this.#existing(id);
    if (!stream.send.isOpen) return false;
    set.writable.remove(stream.writable);
    // More than the buffer can ever hold must not be waited for.
    stream.lowWatermark = Math.max(1, Math.min(length, set.sendBudget.limit));
    this.#reportBlocked(stream, length);
    if (stream.isWritable) set.writable.insert(stream.writable);
    return false;
  }

  /** RESET_STREAM, unless the stream is over already: then false. */
  shutdown(id: number, code: number | bigint): boolean {
    const set = this.#set;
    if (!set.canSend(id)) throw quicError('ERR_QUIC_INVALID_STREAM_STATE', { streamId: id });
    const stream = set.table.get(id);
    if (stream === undefined) return false;
    const { send } = stream;
    if (send.shutDown) return false;
    if (send.isStopped) {
      // The peer was faster; its code stays (RFC 9000 §3.5).
      send.shutDown = true;
      this.#stopRead(stream);
      set.collect(stream);
      return true;
    }
    if (send.state > SendState.DATA_SENT) return false;
    send.shutDown = true;
    if (send.reliableSize < 0) set.stats.resetStreamsLocal++;
    set.resetSending(stream, code);
    set.writable.remove(stream.writable);
    return true;
  }

  /** RESET_STREAM_AT, unless the stream is over or reset as far already: then false. */
  resetAt(id: number, code: number | bigint, reliableSize: number): boolean {
    const set = this.#set;
    if (reliableSize === 0) return this.shutdown(id, code);
    if (!set.canSend(id)) throw quicError('ERR_QUIC_INVALID_STREAM_STATE', { streamId: id });
    if (!set.canResetAt) {
      throw quicError('ERR_QUIC_INVALID_STATE', {
        message: 'The peer takes no RESET_STREAM_AT',
        streamId: id,
      });
    }
    const stream = set.table.get(id);
    if (stream === undefined || stream.send.state > SendState.DATA_SENT) return false;
    const { send } = stream;
    const isFirst = send.reliableSize < 0;
    if (!isFirst && reliableSize >= send.reliableSize) return false;
    const written = Math.max(send.buffer.end, send.sent);
    if (reliableSize > written) {
      throw outOfRange('reliableSize', `<= ${written}, which was written`, reliableSize);
    }
    if (isFirst) set.stats.resetStreamsLocal++;
    set.resetSendingAt(stream, code, reliableSize);
    set.writable.remove(stream.writable);
    return true;
  }

  /** The peer wants no more of this stream. */
  stop(stream: Stream, code: number | bigint): void {
    const set = this.#set;
    // Who has ended the stream already will not write and needs no error.
    const isWriting = stream.send.isOpen;
    set.stats.resetStreamsLocal++;
    set.resetSending(stream, code);
    set.notify(stream, NoticeBit.STOPPED);
    set.writable.remove(stream.writable);
    if (!isWriting) return;
    stream.send.stopUnread = true;
    set.writable.insert(stream.writable);
    set.stopsUnread++;
  }

  /** The most urgent stream that can be written; it is not reported again until it could not and can again. */
  next(): number | null {
    const set = this.#set;
    const first = set.writable.peek();
    if (first === null) return null;
    const capacity = set.capacity;
    if (isReportable(first, capacity)) return this.#take(first);
    if (capacity === 0 && set.stopsUnread === 0) return null;
    for (const stream of set.writable.toArray())
      if (isReportable(stream, capacity)) return this.#take(stream);
    return null;
  }

  /** All streams that can be written, the most urgent first; empty without capacity but for stopped ones. */
  snapshot(): number[] {
    const set = this.#set;
    const capacity = set.capacity;
    if (capacity === 0 && set.stopsUnread === 0) return [];
    const ids: number[] = [];
    for (const stream of set.writable.toArray()) if (isReportable(stream, capacity)) ids.push(stream.id);
    return ids;
  }

  /** The next id of our own; null at the peer's limit, of which the peer is told. */
  open(direction: 0 | 1): number | null {
    const set = this.#set;
    const type = set.localBit | (direction === 0 ? 0 : UNI_BIT);
    const index = set.table.openedCount(type);
    const limit = set.outgoing[direction];
    if (index >= limit.limit) {
      if (limit.block()) set.pendConnection(ConnectionControlBit.STREAMS_BLOCKED << direction);
      return null;
    }
    return set.table.open(streamIdAt(type, index)).id;
  }

  /**
   * The stream for a call that creates it if its id is ours and free. Null if the stream is over. Throws
   * ERR_QUIC_INVALID_STREAM_STATE if the id is the peer's and not opened, ERR_QUIC_STREAM_LIMIT above its limit.
   */
  getOrCreate(id: number): Stream | null {
    const set = this.#set;
    const stream = set.table.get(id);
    if (stream !== undefined) return stream;
    if (set.table.isOpened(id)) return null;
    if (!set.isLocal(id)) throw quicError('ERR_QUIC_INVALID_STREAM_STATE', { streamId: id });
    const direction = (id & UNI_BIT) === 0 ? 0 : 1;
    if (streamIndex(id) >= set.outgoing[direction].limit) {
      if (set.outgoing[direction].block()) {
        set.pendConnection(ConnectionControlBit.STREAMS_BLOCKED << direction);
      }
      throw quicError('ERR_QUIC_STREAM_LIMIT', { streamId: id });
    }
    return set.table.open(id);
  }

  #forSending(id: number): Stream | null {
    if (!this.#set.canSend(id)) throw quicError('ERR_QUIC_INVALID_STREAM_STATE', { streamId: id });
    return this.getOrCreate(id);
  }

  #existing(id: number): Stream {
    const stream = this.#set.canSend(id) ? this.#set.table.get(id) : undefined;
    if (stream === undefined) throw quicError('ERR_QUIC_INVALID_STREAM_STATE', { streamId: id });
    return stream;
  }

  #finish(stream: Stream): void {
    stream.send.finish();
    this.#set.writable.remove(stream.writable);
    this.#set.updateSending(stream);
  }

  /** `wanted` more bytes do not fit: tells the peer if it is its limit that is reached (RFC 9000 §4.1). */
  #reportBlocked(stream: Stream, wanted: number): void {
    const set = this.#set;
    const { credit } = stream.send;
    if (credit.available < wanted && credit.block()) set.pendControl(stream, ControlBit.STREAM_DATA_BLOCKED);
    if (set.credit.available < wanted && set.credit.block()) {
      set.pendConnection(ConnectionControlBit.DATA_BLOCKED);
    }
  }

  #stopRead(stream: Stream): void {
    if (!stream.send.stopUnread) return;
    stream.send.stopUnread = false;
    if (stream.writable.bucket === null) return;
    this.#set.stopsUnread--;
    this.#set.writable.remove(stream.writable);
  }

  #throwStopped(stream: Stream): never {
    this.#stopRead(stream);
    const { stopCode } = stream.send;
    this.#set.collect(stream);
    throw quicError('ERR_QUIC_STREAM_STOPPED', {
      streamId: stream.id,
      errorCode: stopCode ?? 0,
      type: 'application',
      remote: true,
    });
  }

  #take(stream: Stream): number {
    this.#set.writable.remove(stream.writable);
    if (stream.send.stopUnread) this.#set.stopsUnread--;
    return stream.id;
  }
}

function isReportable(stream: Stream, capacity: number): boolean {
  const { send } = stream;
  return send.stopUnread || Math.min(capacity, send.credit.available) >= stream.lowWatermark;
}
