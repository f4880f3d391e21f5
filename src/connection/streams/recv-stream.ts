// The receiving part of a stream (RFC 9000 §3.2): its state, its final size, its window and its bytes. Checks what
// the peer sends against the limits of stream and connection; sends nothing itself.

import { TransportError, TransportErrorCode } from '../../errors.ts';
import type { Frame } from '../../wire/frame.ts';
import { FRAME } from '../../wire/frame-table.ts';
import type { BlockPool } from './block-pool.ts';
import { MAX_CONNECTION_PIECES, MAX_STREAM_PIECES } from './defaults.ts';
import { ReceiveWindow } from './flow-control.ts';
import { type ReassemblyMeter, RecvBuffer } from './recv-buffer.ts';
import { nextRecvState, RecvEvent, RecvState } from './stream-states.ts';

export class RecvStream {
  state: number = RecvState.RECV;
  readonly window: ReceiveWindow;
  readonly buffer: RecvBuffer;
  readonly #meter: ReassemblyMeter;
  /** -1 until the peer told it. */
  finalSize = -1;
  /** Code of the peer's RESET_STREAM; null without one. */
  resetCode: number | bigint | null = null;
  /** With RESET_STREAM_AT: smallest size that it promised; -1 without. */
  reliableSize = -1;
  /** Its code, until what was promised is read. */
  #lateCode: number | bigint | null = null;
  /** Code of our STOP_SENDING. */
  stopCode: number | bigint = 0;
  /** The application wants no more: bytes are counted and dropped. */
  discarding = false;

  constructor(limit: number, ceiling: number, pool: BlockPool, meter: ReassemblyMeter) {
    this.window = new ReceiveWindow(limit, ceiling);
    this.buffer = new RecvBuffer(pool, meter);
    this.#meter = meter;
  }

  /** Nothing about this part can change any more. */
  get isTerminal(): boolean {
    return this.state === RecvState.DATA_READ || this.state === RecvState.RESET_READ;
  }

  /** Bytes, the end, or a reset wait for the application. */
  get isReadable(): boolean {
    return (
      this.buffer.readable > 0 || this.state === RecvState.DATA_RECVD || this.state === RecvState.RESET_RECVD
    );
  }

  /** All was read up to the end, or the peer reset the stream. */
  get isFinished(): boolean {
    return this.state >= RecvState.DATA_READ;
  }

  /** MAX_STREAM_DATA and STOP_SENDING make sense (RFC 9000 §3.2, §3.5). */
  get isReceiving(): boolean {
    return this.state === RecvState.RECV;
  }

  /** A STREAM frame. True if the application can read more than before. Throws a `TransportError`. */
  receive(frame: Frame, bytes: Uint8Array, connection: ReceiveWindow): boolean {
    const end = frame.offset + frame.length;
    this.#checkFinalSize(end, frame.fin, frame.type);
    this.#count(end, frame.type, connection);
    if (frame.fin && this.finalSize < 0) {
      this.finalSize = end;
      this.state = nextRecvState(this.state, RecvEvent.FIN);
    }
    // Everything is there already, or the stream was reset: late frames change nothing.
    if (this.state !== RecvState.RECV && this.state !== RecvState.SIZE_KNOWN) return false;
    if (this.discarding) {
      this.#discard(connection);
      return false;
    }
    const { buffer } = this;
    const before = buffer.received;
    const wanted = Math.min(frame.length, buffer.limit - frame.offset);
    if (wanted > 0) {
      buffer.insert(bytes, frame.dataStart, frame.offset, wanted);
      if (buffer.pieces > MAX_STREAM_PIECES || this.#meter.pieces > MAX_CONNECTION_PIECES) {
        throw new TransportError(
          TransportErrorCode.INTERNAL_ERROR,
          frame.type,
          'too many gaps in stream data',
        );
      }
    }
    if (buffer.received === this.finalSize) {
      this.state = nextRecvState(this.state, RecvEvent.ALL_RECEIVED);
      return true;
    }
    return buffer.received > before;
  }

  /** A RESET_STREAM frame. True if the stream was reset by it. Throws a `TransportError`. */
  reset(frame: Frame, connection: ReceiveWindow): boolean {
    this.#checkReset(frame, connection);
    this.finalSize = frame.finalSize;
    const before = this.state;
    this.state = nextRecvState(before, RecvEvent.RESET);
    if (before >= RecvState.DATA_READ) return false;
    this.resetCode = frame.errorCode;
    this.#drop(connection);
    if (this.discarding) this.state = nextRecvState(this.state, RecvEvent.READ_RESET);
    return true;
  }

  /** A RESET_STREAM_AT frame. True if it changed anything. Throws a `TransportError`. */
  resetAt(frame: Frame, connection: ReceiveWindow): boolean {
    const { reliableSize } = frame;
    if (this.discarding || reliableSize <= this.buffer.read) return this.reset(frame, connection);
    this.#checkReset(frame, connection);
    // It is over, or reset, or was promised less: reordering may bring the larger size later.
    if (this.state >= RecvState.DATA_READ) return false;
    if (this.reliableSize >= 0 && reliableSize >= this.reliableSize) return false;
    this.finalSize = frame.finalSize;
    if (this.state === RecvState.RECV) this.state = nextRecvState(this.state, RecvEvent.FIN);
    this.reliableSize = reliableSize;
    this.#lateCode = frame.errorCode;
    this.buffer.limit = reliableSize;
    return true;
  }

  /** What both resets have in common: code and size never change, limits are kept to. */
  #checkReset(frame: Frame, connection: ReceiveWindow): void {
    const code = this.#lateCode ?? this.resetCode;
    const isAt = this.reliableSize >= 0 || frame.type === FRAME.RESET_STREAM_AT;
    if (isAt && code !== null && code !== frame.errorCode) {
      throw new TransportError(
        TransportErrorCode.STREAM_STATE_ERROR,
        frame.type,
        'the error code of a reset changed',
      );
    }
    this.#checkFinalSize(frame.finalSize, true, frame.type);
    this.#count(frame.finalSize, frame.type, connection);
  }

  /** The application read `length` bytes. True if that was the end of the stream. */
  onRead(length: number, connection: ReceiveWindow): boolean {
    this.window.consumed += length;
    connection.consumed += length;
    if (this.reliableSize >= 0 && this.buffer.read >= this.reliableSize) {
      this.state = nextRecvState(this.state, RecvEvent.RESET);
      this.resetCode = this.#lateCode;
      this.#drop(connection);
      return false;
    }
    if (this.state !== RecvState.DATA_RECVD || this.buffer.read !== this.finalSize) return false;
    this.state = nextRecvState(this.state, RecvEvent.READ_ALL);
    this.buffer.clear();
    return true;
  }

  /** The application heard of the reset. */
  onResetRead(): void {
    this.state = nextRecvState(this.state, RecvEvent.READ_RESET);
  }

  /** The application wants no more. True if STOP_SENDING is due: the end of the stream is not known yet. */
  shutdown(code: number | bigint, connection: ReceiveWindow): boolean {
    this.discarding = true;
    this.stopCode = code;
    if (this.state === RecvState.RESET_RECVD) this.onResetRead();
    else this.#discard(connection);
    return this.state === RecvState.RECV;
  }

  /** Counts all that came as consumed; once the final size is known nothing is missing. */
  #discard(connection: ReceiveWindow): void {
    this.#drop(connection);
    if (this.state === RecvState.SIZE_KNOWN) this.state = nextRecvState(this.state, RecvEvent.ALL_RECEIVED);
    if (this.state === RecvState.DATA_RECVD) this.state = nextRecvState(this.state, RecvEvent.READ_ALL);
  }

  #drop(connection: ReceiveWindow): void {
    const { window } = this;
    connection.consumed += window.received - window.consumed;
    window.consumed = window.received;
    this.buffer.clear();
  }

  /** RFC 9000 §4.5: the final size never changes, and nothing is sent past it. */
  #checkFinalSize(end: number, isFinal: boolean, frameType: number): void {
    const known = this.finalSize;
    if (known >= 0 ? end > known || (isFinal && end !== known) : isFinal && end < this.window.received) {
      throw new TransportError(
        TransportErrorCode.FINAL_SIZE_ERROR,
        frameType,
        known >= 0 ? 'the final size changed' : 'data beyond the final size',
      );
    }
  }

  /** RFC 9000 §4.1: both limits count the highest offsets, not the bytes that came. */
  #count(end: number, frameType: number, connection: ReceiveWindow): void {
    const growth = end - this.window.received;
    if (growth <= 0) return;
    if (end > this.window.limit) {
      throw new TransportError(
        TransportErrorCode.FLOW_CONTROL_ERROR,
        frameType,
        'stream data limit exceeded',
      );
    }
    if (connection.received + growth > connection.limit) {
      throw new TransportError(
        TransportErrorCode.FLOW_CONTROL_ERROR,
        frameType,
        'connection data limit exceeded',
      );
    }
    this.window.received = end;
    connection.received += growth;
  }
}
