// The sending part of a stream (RFC 9000 §3.1): its state, its bytes, which of them are unsent, lost, acknowledged,
// and its end. Knows its own credit, not the connection's; writes no frames.

import { RangeSet } from '../../util/range-set.ts';
import type { BlockPool } from './block-pool.ts';
import { SendCredit } from './flow-control.ts';
import { firstEndingAfter } from './ranges.ts';
import { SendBuffer } from './send-buffer.ts';
import { nextSendState, SendEvent, SendState } from './stream-states.ts';

export class SendStream {
  state: number = SendState.READY;
  readonly buffer: SendBuffer;
  /** The stream's credit; used as bytes are accepted. */
  readonly credit: SendCredit = new SendCredit();
  /** One past the highest byte that was ever sent: new data go out from here. */
  sent = 0;
  /** Final size once the application ended or gave up the stream; -1 before. */
  finalSize = -1;
  finSent = false;
  finAcked = false;
  /** A FIN was sent and lost. */
  finLost = false;
  /** Sent, lost and not sent again. */
  lost: RangeSet | null = null;
  /** Acknowledged above `buffer.base`. */
  acked: RangeSet | null = null;
  /** With RESET_STREAM_AT: what is still delivered; -1 without. */
  reliableSize = -1;
  /** The RESET_STREAM_AT with that size is acknowledged. */
  resetAtAcked = false;
  /** Code of the RESET_STREAM frame. */
  resetCode: number | bigint = 0;
  /** Code of the peer's STOP_SENDING; null without one. */
  stopCode: number | bigint | null = null;
  /** The peer stopped the stream while the application was writing, and it has not been told yet. */
  stopUnread = false;
  /** The application itself called for the reset. */
  shutDown = false;

  constructor(limit: number, pool: BlockPool) {
    this.buffer = new SendBuffer(pool);
    this.credit.limit = limit;
  }

  /** Nothing about this part can change any more. */
  get isTerminal(): boolean {
    return this.state === SendState.DATA_RECVD || this.state === SendState.RESET_RECVD;
  }

  /** The application may still write: it did not end the stream, nobody gave it up. */
  get isOpen(): boolean {
    return this.finalSize < 0;
  }

  /** The peer asked to stop, and that is why the stream was reset. */
  get isStopped(): boolean {
    return this.stopCode !== null && !this.shutDown;
  }

  /** There is something to put into STREAM frames. */
  get hasPending(): boolean {
    return (
      this.sent < this.buffer.end ||
      (this.lost !== null && this.lost.size > 0) ||
      (this.finalSize >= 0 &&
        this.reliableSize < 0 &&
        this.state <= SendState.DATA_SENT &&
        (!this.finSent || this.finLost))
    );
  }

  /** Takes `data[0, length)`, for which there is credit. */
  write(data: Uint8Array, length: number, owned: boolean): void {
    if (owned) this.buffer.appendOwned(data, 0, length);
    else this.buffer.append(data, 0, length);
    this.credit.used += length;
  }

  /** The application's data end here. */
  finish(): void {
    this.finalSize = this.buffer.end;
  }

  /** Bytes [offset, offset + length) went out in a frame. Returns how many of them never did before. */
  onSent(offset: number, length: number, fin: boolean): number {
    const end = offset + length;
    let fresh = 0;
    if (end > this.sent) {
      fresh = end - this.sent;
      this.sent = end;
    }
    if (length > 0 && this.lost !== null) this.lost.remove(offset, end);
    if (fin) {
      this.finSent = true;
      this.finLost = false;
    }
    this.state = nextSendState(this.state, fin ? SendEvent.FIN : SendEvent.FRAME);
    return fresh;
  }

  /** A frame was acknowledged. Returns how many bytes of the buffer were released by that. */
  onAcked(offset: number, length: number, fin: boolean): number {
    if (this.state > SendState.DATA_SENT) return 0;
    const { buffer } = this;
    // After RESET_STREAM_AT the buffer ends before what was sent.
    const end = Math.min(offset + length, buffer.end);
    let base = buffer.base;
    if (fin) {
      this.finAcked = true;
      this.finLost = false;
    }
    if (this.lost !== null) this.lost.remove(offset, end);
    if (offset > base) {
      if (end > offset) {
        this.acked ??= new RangeSet();
        this.acked.add(offset, end);
      }
    } else if (end > base) {
      base = end;
      const { acked } = this;
      if (acked !== null) {
        while (acked.size > 0 && acked.start(0) <= base) {
          base = Math.max(base, acked.end(0));
          acked.dropFirst();
        }
      }
    }
    const released = base - buffer.base;
    if (released > 0) buffer.release(base);
    this.#checkAllAcked();
    return released;
  }

  /** A frame was lost: what of it is not acknowledged will be sent again. True if that is anything. */
  onLost(offset: number, length: number, fin: boolean): boolean {
    if (this.state > SendState.DATA_SENT) return false;
    let any = false;
    if (fin && !this.finAcked && this.finSent) {
      this.finLost = true;
      any = true;
    }
    let at = Math.max(offset, this.buffer.base);
    const end = Math.min(offset + length, this.buffer.end);
    if (at >= end) return any;
    this.lost ??= new RangeSet();
    const { acked } = this;
    if (acked !== null) {
      for (let i = firstEndingAfter(acked, at); i < acked.size && acked.start(i) < end; i++) {
        if (acked.start(i) > at) {
          this.lost.add(at, acked.start(i));
          any = true;
        }
        at = acked.end(i);
      }
    }
    if (at < end) {
      this.lost.add(at, end);
      any = true;
    }
    return any;
  }

  /**
   * Gives up the data past `reliableSize`, which is above 0 and was written (RESET_STREAM_AT is due). The first such
   * call decides on the code and the final size.
   */
  resetAt(code: number | bigint, reliableSize: number): void {
    const { buffer } = this;
    if (this.reliableSize < 0) {
      this.resetCode = code;
      this.finalSize = Math.max(this.sent, reliableSize);
      this.credit.used = this.finalSize;
    }
    this.reliableSize = reliableSize;
    this.resetAtAcked = false;
    this.finLost = false;
    const end = Math.max(reliableSize, buffer.base);
    this.lost?.remove(end, this.sent);
    this.acked?.remove(end, this.sent);
    buffer.truncate(end);
  }

  /** RESET_STREAM_AT goes out: it says the final size, as a FIN does. */
  onResetAtSent(): void {
    this.state = nextSendState(this.state, SendEvent.FIN);
  }

  /** A RESET_STREAM_AT with this size was acknowledged. True if that ended this part. */
  onResetAtAcked(reliableSize: number): boolean {
    if (this.state !== SendState.DATA_SENT || reliableSize !== this.reliableSize) return false;
    this.resetAtAcked = true;
    return this.#checkAllAcked();
  }

  #checkAllAcked(): boolean {
    const { base } = this.buffer;
    const isWhole =
      this.reliableSize < 0
        ? this.finAcked && base === this.finalSize
        : this.resetAtAcked && base >= this.reliableSize;
    if (!isWhole) return false;
    this.state = nextSendState(this.state, SendEvent.ALL_ACKED);
    this.lost = null;
    this.acked = null;
    return true;
  }

  /**
   * Gives up the data (RESET_STREAM is due). The final size is what was sent, and after RESET_STREAM_AT code and final
   * size are those that it said.
   */
  reset(code: number | bigint): void {
    this.state = nextSendState(this.state, SendEvent.RESET);
    if (this.reliableSize < 0) {
      this.resetCode = code;
      this.finalSize = this.sent;
      this.credit.used = this.sent;
    }
    this.lost = null;
    this.acked = null;
    this.buffer.clear(this.sent);
  }

  /** RESET_STREAM was acknowledged. True if that ended this part. */
  onResetAcked(): boolean {
    if (this.state !== SendState.RESET_SENT) return false;
    this.state = nextSendState(this.state, SendEvent.RESET_ACKED);
    return true;
  }
}
