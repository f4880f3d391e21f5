// One stream: its two parts, its priority, its places in the queues, and what belongs to the application.

import { DEFAULT_URGENCY } from './defaults.ts';
import type { RecvStream } from './recv-stream.ts';
import { QueueEntry } from './scheduler.ts';
import type { SendStream } from './send-stream.ts';

/** Frames about a stream, other than STREAM, that wait to be sent: bits of `Stream.control`. */
export const ControlBit = {
  RESET_STREAM: 1,
  STOP_SENDING: 2,
  MAX_STREAM_DATA: 4,
  STREAM_DATA_BLOCKED: 8,
} as const;

/** What happened to a stream besides becoming readable or writable: bits of `StreamNotice.flags`. */
export const NoticeBit = {
  /** The peer reset its sending part; the code is at `streamResetCode`. */
  RESET: 1,
  /** The peer stopped reading; the code is at `streamStopCode`. */
  STOPPED: 2,
  /** All that was written, and the end, is acknowledged. */
  ACKED: 4,
  /** Both parts are over and the application is done: the stream is forgotten. */
  CLOSED: 8,
} as const;

export class Stream {
  readonly id: number;
  /** A part that the stream's type does not have is a finished one, the same object for all streams. */
  readonly send: SendStream;
  readonly recv: RecvStream;
  /** Changed only while the stream is in no queue. */
  urgency: number = DEFAULT_URGENCY;
  incremental = true;
  /** Bytes that must be writable for the stream to be reported as writable. */
  lowWatermark = 1;
  /** Set once by the application. */
  data: unknown = undefined;
  hasData = false;
  /** See {@link ControlBit}. */
  control = 0;
  nextControl: Stream | null = null;
  isControlQueued = false;
  /** See {@link NoticeBit}. */
  notices = 0;
  /** No longer in the table. */
  isForgotten = false;
  readonly sending: QueueEntry<Stream>;
  readonly readable: QueueEntry<Stream>;
  readonly writable: QueueEntry<Stream>;

  constructor(id: number, send: SendStream, recv: RecvStream) {
    this.id = id;
    this.send = send;
    this.recv = recv;
    this.sending = new QueueEntry<Stream>(this);
    this.readable = new QueueEntry<Stream>(this);
    this.writable = new QueueEntry<Stream>(this);
  }

  /** The stream's own credit; the connection's comes on top. */
  get sendCredit(): number {
    return this.send.credit.available;
  }

  /** As far as the stream itself is concerned, the application should hear that it can write, or that it cannot. */
  get isWritable(): boolean {
    const { send } = this;
    return send.stopUnread || (send.isOpen && send.credit.available >= this.lowWatermark);
  }

  /** Both parts are over, and the application knows how. */
  get isComplete(): boolean {
    return this.send.isTerminal && !this.send.stopUnread && this.recv.isTerminal;
  }
}
