// Reading as the application sees it: bytes in order, the end, resets, giving up, and the streams that the peer opens.
// The semantics are quiche's; `null` is its "Done". Knows no frames.

import { quicError } from '../../errors.ts';
import { ControlBit, NoticeBit, type Stream } from './stream.ts';
import { streamIdAt, UNI_BIT } from './stream-id.ts';
import type { StreamSet } from './stream-set.ts';
import { RecvState } from './stream-states.ts';

export class StreamReading {
  readonly #set: StreamSet;
  /** Per direction: streams of the peer that were given out by `nextIncoming`. */
  readonly #accepted: [number, number] = [0, 0];

  constructor(set: StreamSet) {
    this.#set = set;
  }

  /** Copies into `out`; null if there is nothing to read. */
  recv(id: number, out: Uint8Array): { length: number; fin: boolean } | null {
    const stream = this.#forReading(id);
    if (!stream.recv.isReadable) return null;
    const length = stream.recv.buffer.readInto(out);
    return { length, fin: this.#afterRead(stream, length) };
  }

  /** Gives out the next bytes without a copy; null if there is nothing to read. */
  recvChunk(id: number): { data: Uint8Array; fin: boolean } | null {
    const stream = this.#forReading(id);
    if (!stream.recv.isReadable) return null;
    const data = stream.recv.buffer.takeChunk() ?? NOTHING;
    return { data, fin: this.#afterRead(stream, data.length) };
  }

  /** Drops up to `length` bytes; null if there is nothing to read. */
  discard(id: number, length: number): { length: number; fin: boolean } | null {
    const stream = this.#forReading(id);
    if (!stream.recv.isReadable) return null;
    const dropped = stream.recv.buffer.skip(length);
    return { length: dropped, fin: this.#afterRead(stream, dropped) };
  }

  /** STOP_SENDING, unless all came already; false if reading was over already. */
  shutdown(id: number, code: number | bigint): boolean {
    const set = this.#set;
    if (!set.canReceive(id)) throw quicError('ERR_QUIC_INVALID_STREAM_STATE', { streamId: id });
    const stream = set.table.get(id);
    if (stream === undefined || stream.recv.discarding || stream.recv.isTerminal) return false;
    if (stream.recv.shutdown(code, set.window)) {
      set.stats.stoppedStreamsLocal++;
      stream.control &= ~ControlBit.MAX_STREAM_DATA;
      set.pendControl(stream, ControlBit.STOP_SENDING);
    }
    set.readable.remove(stream.readable);
    set.updateWindow();
    set.collect(stream);
    return true;
  }

  /** The most urgent readable stream; it is not reported again until more comes. */
  next(): number | null {
    const stream = this.#set.readable.peek();
    if (stream === null) return null;
    this.#set.readable.remove(stream.readable);
    return stream.id;
  }

  snapshot(): number[] {
    return this.#set.readable.toArray().map((stream) => stream.id);
  }

  /** The next stream of the peer that was not given out, in the order of ids; also one opened only by a higher id. */
  nextIncoming(direction: 0 | 1): number | null {
    const { table, localBit } = this.#set;
    const type = (localBit ^ 1) | (direction === 0 ? 0 : UNI_BIT);
    while (this.#accepted[direction] < table.openedCount(type)) {
      const id = streamIdAt(type, this.#accepted[direction]++);
      // Over already, for somebody who reads by id: nothing is left to give out.
      if (table.get(id) !== undefined) return id;
    }
    return null;
  }

  #forReading(id: number): Stream {
    const stream = this.#set.canReceive(id) ? this.#set.table.get(id) : undefined;
    if (stream === undefined) throw quicError('ERR_QUIC_INVALID_STREAM_STATE', { streamId: id });
    const { recv } = stream;
    if (recv.resetCode !== null && !recv.discarding) {
      const { resetCode } = recv;
      if (recv.state === RecvState.RESET_RECVD) {
        recv.onResetRead();
        this.#set.readable.remove(stream.readable);
        this.#set.collect(stream);
      }
      throw quicError('ERR_QUIC_STREAM_RESET', {
        streamId: id,
        errorCode: resetCode,
        type: 'application',
        remote: true,
      });
    }
    return stream;
  }

  /** True if that was the end of the stream. */
  #afterRead(stream: Stream, length: number): boolean {
    const set = this.#set;
    const { recv } = stream;
    const fin = recv.onRead(length, set.window);
    if (recv.state === RecvState.RESET_RECVD) {
      // The last byte that RESET_STREAM_AT promised was read.
      set.stats.resetStreamsRemote++;
      set.notify(stream, NoticeBit.RESET);
      set.readable.insert(stream.readable);
    }
    if (fin || !recv.isReadable) set.readable.remove(stream.readable);
    if (length > 0) {
      if (recv.isReceiving && recv.window.updateDue) set.pendControl(stream, ControlBit.MAX_STREAM_DATA);
      set.updateWindow();
    }
    if (fin) set.collect(stream);
    return fin;
  }
}

const NOTHING = new Uint8Array(0);
