// What the files of the streams part share: the table, the three queues, the limits of the connection, what waits to
// be sent. Decides when a stream is over. Knows no frames and no public calls.

import { Ring } from '../../util/ring.ts';
import { PartBit } from '../part.ts';
import { BlockPool } from './block-pool.ts';
import { ByteBudget } from './byte-budget.ts';
import { MAX_CONNECTION_WINDOW, MAX_SEND_BUFFER, MAX_STREAM_WINDOW } from './defaults.ts';
import { ReceiveWindow, SendCredit } from './flow-control.ts';
import { ReassemblyMeter } from './recv-buffer.ts';
import { RecvStream } from './recv-stream.ts';
import { StreamQueue } from './scheduler.ts';
import { SendStream } from './send-stream.ts';
import { ControlBit, NoticeBit, Stream } from './stream.ts';
import { SERVER_BIT, UNI_BIT } from './stream-id.ts';
import {
  IncomingStreamLimit,
  OutgoingStreamLimit,
  raiseAsStreamsComplete,
  type StreamLimitStrategy,
} from './stream-limits.ts';
import { RecvState, SendState } from './stream-states.ts';
import { StreamStats } from './stream-stats.ts';
import { StreamTable } from './stream-table.ts';
import { WithdrawnLimits } from './withdrawn-limits.ts';

/** The stream limits of one side, as in its transport parameters (RFC 9000 §18.2). */
export interface StreamParameters {
  readonly initialMaxData: number;
  readonly initialMaxStreamDataBidiLocal: number;
  readonly initialMaxStreamDataBidiRemote: number;
  readonly initialMaxStreamDataUni: number;
  readonly initialMaxStreamsBidi: number;
  readonly initialMaxStreamsUni: number;
  /** RESET_STREAM_AT frames are taken. Default false. */
  readonly resetStreamAt?: boolean;
}

export interface StreamsConfig {
  readonly role: 'client' | 'server';
  /** Sets or clears the bit of a sending part that has, or no longer has, something to send; see `PartBit`. */
  readonly onPending: (bit: number, pending: boolean) => void;
  /** Our limits, if they are known already; else see `Streams.setLocalParameters`. */
  readonly local?: StreamParameters;
  /** Ceiling of the connection's receive window, bytes. Default 24 MiB. */
  readonly maxConnectionWindow?: number;
  /** Ceiling of a stream's receive window, bytes. Default 16 MiB. */
  readonly maxStreamWindow?: number;
  /** Bytes that writes may hold, unsent and unacknowledged together. Default 16 MiB. */
  readonly maxSendBuffer?: number;
  /** The endpoint's budget for bytes written and not acknowledged. */
  readonly sendBudget?: ByteBudget;
  /** The endpoint's budget for receive windows: growing beyond the initial window takes from it. */
  readonly receiveBudget?: ByteBudget;
  /** Blocks of memory, shared with other connections. */
  readonly pool?: BlockPool;
  /** When the peer may open more streams. Default: as its streams complete. */
  readonly streamLimitStrategy?: StreamLimitStrategy;
  /** Collect notices for `Streams.nextNotice`; whoever sets this must drain them. Default false. */
  readonly notices?: boolean;
}

/** Frames about the whole connection that wait to be sent: bits of `StreamSet.control`. */
export const ConnectionControlBit = {
  MAX_DATA: 1,
  DATA_BLOCKED: 2,
  /** Shifted left by the direction: 0 for bidirectional, 1 for unidirectional. */
  MAX_STREAMS: 4,
  STREAMS_BLOCKED: 16,
} as const;

export class StreamSet {
  /** Bit 0 of the ids that we open. */
  readonly localBit: number;
  readonly table: StreamTable;
  readonly sending: StreamQueue<Stream> = new StreamQueue<Stream>();
  readonly readable: StreamQueue<Stream> = new StreamQueue<Stream>();
  readonly writable: StreamQueue<Stream> = new StreamQueue<Stream>();
  /** Streams in `writable` only to say that the peer stopped them. */
  stopsUnread = 0;
  readonly credit: SendCredit = new SendCredit();
  readonly window: ReceiveWindow;
  /** Per direction: bidirectional, unidirectional. */
  readonly incoming: readonly [IncomingStreamLimit, IncomingStreamLimit];
  readonly outgoing: readonly [OutgoingStreamLimit, OutgoingStreamLimit] = [
    new OutgoingStreamLimit(),
    new OutgoingStreamLimit(),
  ];
  readonly sendBudget: ByteBudget;
  readonly receiveBudget: ByteBudget | null;
  readonly pool: BlockPool;
  readonly meter: ReassemblyMeter = new ReassemblyMeter();
  readonly stats: StreamStats = new StreamStats();
  readonly notices: Ring<Stream> | null;
  /** Milliseconds; the connection keeps it current for the tuning of windows. */
  rtt = 333;
  /** Bytes that the congestion window has room for. */
  sendCapacity: number = Number.POSITIVE_INFINITY;
  /** Null unless limits were taken back and not all is allowed again. */
  withdrawn: WithdrawnLimits | null = null;
  /** Bytes written and never sent. */
  unsent = 0;
  /** See {@link ConnectionControlBit}. */
  control = 0;
  controlHead: Stream | null = null;
  controlTail: Stream | null = null;
  readonly #maxStreamWindow: number;
  readonly #onPending: (bit: number, pending: boolean) => void;
  #pending = 0;
  #initialWindow = 0;
  #local: StreamParameters = NO_PARAMETERS;
  #remote: StreamParameters = NO_PARAMETERS;
  /** What unidirectional streams have in the direction that they lack. */
  #noSend: SendStream | null = null;
  #noRecv: RecvStream | null = null;

  constructor(config: StreamsConfig) {
    this.localBit = config.role === 'server' ? SERVER_BIT : 0;
    this.table = new StreamTable((id) => this.#make(id));
    this.window = new ReceiveWindow(0, config.maxConnectionWindow ?? MAX_CONNECTION_WINDOW);
    this.#maxStreamWindow = config.maxStreamWindow ?? MAX_STREAM_WINDOW;
    const strategy = config.streamLimitStrategy ?? raiseAsStreamsComplete;
    this.incoming = [new IncomingStreamLimit(0, strategy), new IncomingStreamLimit(0, strategy)];
    this.sendBudget = new ByteBudget(config.maxSendBuffer ?? MAX_SEND_BUFFER, config.sendBudget ?? null);
    this.receiveBudget = config.receiveBudget ?? null;
    this.pool = config.pool ?? new BlockPool();
    this.notices = config.notices === true ? new Ring<Stream>() : null;
    this.#onPending = config.onPending;
    if (config.local !== undefined) this.setLocal(config.local);
  }

  isLocal(id: number): boolean {
    return (id & SERVER_BIT) === this.localBit;
  }

  /** We may send on streams of this id. */
  canSend(id: number): boolean {
    return (id & UNI_BIT) === 0 || this.isLocal(id);
  }

  /** The peer may send on streams of this id. */
  canReceive(id: number): boolean {
    return (id & UNI_BIT) === 0 || !this.isLocal(id);
  }

  /** Our limits; larger ones may follow until the peer has heard of them. */
  setLocal(parameters: StreamParameters): void {
    this.#local = parameters;
    this.window.setInitial(parameters.initialMaxData);
    this.receiveBudget?.take(this.window.window - this.#initialWindow);
    this.#initialWindow = this.window.window;
    this.incoming[0].setInitial(parameters.initialMaxStreamsBidi);
    this.incoming[1].setInitial(parameters.initialMaxStreamsUni);
  }

  /** The peer's limits: remembered ones first for 0-RTT, then the real ones, which raise what they can (RFC 9000 §7.4.1). */
  setRemote(parameters: StreamParameters): void {
    this.#remote = parameters;
    this.credit.raise(parameters.initialMaxData);
    this.outgoing[0].raise(parameters.initialMaxStreamsBidi);
    this.outgoing[1].raise(parameters.initialMaxStreamsUni);
    for (const stream of this.table.values()) this.raiseStream(stream, this.#remoteLimit(stream.id));
    this.limitsRose();
  }

  /** Takes the peer's limits back, as after rejected 0-RTT; what was written waits for others. */
  withdrawRemote(): void {
    this.#remote = NO_PARAMETERS;
    this.credit.limit = 0;
    for (const limit of this.outgoing) limit.limit = 0;
    for (const stream of this.table.values()) stream.send.credit.limit = 0;
    this.withdrawn = new WithdrawnLimits(this);
  }

  /** Some limit of the peer rose. */
  limitsRose(): void {
    const { withdrawn } = this;
    if (withdrawn === null) return;
    for (const stream of withdrawn.release()) if (!stream.isForgotten) this.updateSending(stream);
    if (!withdrawn.isOver) return;
    this.withdrawn = null;
    for (const stream of this.table.values()) if (stream.send.reliableSize >= 0) this.#resumeReset(stream);
  }

  /** The peer grants a stream more credit. False if it is no more than before. */
  raiseStream(stream: Stream, limit: number): boolean {
    const wasWritable = stream.isWritable;
    if (!stream.send.credit.raise(limit)) return false;
    if (!wasWritable && stream.isWritable) this.writable.insert(stream.writable);
    return true;
  }

  /** Bytes that the connection as a whole lets any stream write now. */
  get capacity(): number {
    let room = this.credit.available;
    const window = this.sendCapacity - this.unsent;
    if (window < room) room = window;
    const budget = this.sendBudget.available;
    if (budget < room) room = budget;
    return Math.max(room, 0);
  }

  /** The stream may have something for STREAM frames, or nothing any more. */
  updateSending(stream: Stream): void {
    if (stream.send.hasPending) {
      this.sending.insert(stream.sending);
      this.setPending(PartBit.STREAM, true);
    } else if (stream.sending.bucket !== null) {
      this.sending.remove(stream.sending);
      if (this.sending.size === 0) this.setPending(PartBit.STREAM, false);
    }
  }

  /** A frame about the stream is due; see `ControlBit`. */
  pendControl(stream: Stream, bit: number): void {
    stream.control |= bit;
    if (stream.isControlQueued) return;
    stream.isControlQueued = true;
    if (this.controlTail === null) this.controlHead = stream;
    else this.controlTail.nextControl = stream;
    this.controlTail = stream;
    this.setPending(PartBit.STREAM_CONTROL, true);
  }

  /** A frame about the connection is due; see `ConnectionControlBit`. */
  pendConnection(bit: number): void {
    this.control |= bit;
    this.setPending(PartBit.STREAM_CONTROL, true);
  }

  setPending(bit: number, pending: boolean): void {
    if (((this.#pending & bit) !== 0) === pending) return;
    this.#pending ^= bit;
    this.#onPending(bit, pending);
  }

  isPending(bit: number): boolean {
    return (this.#pending & bit) !== 0;
  }

  /** The connection's window may have become due for an update. */
  updateWindow(): void {
    if (this.window.updateDue) this.pendConnection(ConnectionControlBit.MAX_DATA);
  }

  /** The peer opened streams of a type. */
  onOpened(type: number): void {
    this.#reconsider(type, (type & UNI_BIT) === 0 ? 0 : 1);
  }

  /** Tells the runtime, if it listens; see `NoticeBit`. */
  notify(stream: Stream, bit: number): void {
    if (this.notices === null) return;
    if (stream.notices === 0) this.notices.push(stream);
    stream.notices |= bit;
  }

  /** The sending part is given up: RESET_STREAM goes out, what was not sent gives its credit back. */
  resetSending(stream: Stream, code: number | bigint): void {
    this.#release(stream, () => stream.send.reset(code));
    this.pendControl(stream, ControlBit.RESET_STREAM);
  }

  /** The same past `reliableSize`: RESET_STREAM_AT goes out, and what is below is delivered. */
  resetSendingAt(stream: Stream, code: number | bigint, reliableSize: number): void {
    this.#release(stream, () => stream.send.resetAt(code, reliableSize));
    this.pendControl(stream, ControlBit.RESET_STREAM);
  }

  /** The peer takes RESET_STREAM_AT. */
  get canResetAt(): boolean {
    return this.#remote.resetStreamAt === true;
  }

  /** We take RESET_STREAM_AT. */
  get takesResetAt(): boolean {
    return this.#local.resetStreamAt === true;
  }

  /** The limits let a RESET_STREAM_AT go out that waited for them. The peer may have forgotten what it is. */
  #resumeReset(stream: Stream): void {
    if (stream.send.state > SendState.DATA_SENT) return;
    if (this.canResetAt) this.pendControl(stream, ControlBit.RESET_STREAM);
    else this.resetSending(stream, stream.send.resetCode);
  }

  /** Counts what a reset drops. */
  #release(stream: Stream, reset: () => void): void {
    const { send } = stream;
    const { buffer, credit } = send;
    const held = buffer.end - buffer.base;
    const unsent = Math.max(0, buffer.end - send.sent);
    const { used } = credit;
    reset();
    this.sendBudget.release(held - (buffer.end - buffer.base));
    this.unsent -= unsent - Math.max(0, buffer.end - send.sent);
    this.credit.used -= used - credit.used;
    this.updateSending(stream);
  }

  setPriority(stream: Stream, urgency: number, incremental: boolean): void {
    const wasSending = stream.sending.bucket !== null;
    const wasReadable = stream.readable.bucket !== null;
    const wasWritable = stream.writable.bucket !== null;
    this.sending.remove(stream.sending);
    this.readable.remove(stream.readable);
    this.writable.remove(stream.writable);
    stream.urgency = urgency;
    stream.incremental = incremental;
    if (wasSending) this.sending.insert(stream.sending);
    if (wasReadable) this.readable.insert(stream.readable);
    if (wasWritable) this.writable.insert(stream.writable);
  }

  /** Forgets the stream if it is over. */
  collect(stream: Stream): void {
    if (stream.isForgotten || !stream.isComplete) return;
    stream.isForgotten = true;
    stream.control = 0;
    this.table.delete(stream);
    this.readable.remove(stream.readable);
    this.writable.remove(stream.writable);
    this.notify(stream, NoticeBit.CLOSED);
    if (this.isLocal(stream.id)) return;
    const direction = (stream.id & UNI_BIT) === 0 ? 0 : 1;
    this.incoming[direction].completed++;
    this.#reconsider(stream.id & 3, direction);
  }

  /** Gives every budget back. Nothing is used afterwards. */
  dispose(): void {
    for (const stream of this.table.values()) {
      this.sendBudget.release(stream.send.buffer.end - stream.send.buffer.base);
      stream.send.buffer.clear(stream.send.buffer.end);
      stream.recv.buffer.clear();
    }
    this.receiveBudget?.release(this.window.window);
  }

  /** Ceiling of the window of a stream. */
  get maxStreamWindow(): number {
    return this.#maxStreamWindow;
  }

  #reconsider(type: number, direction: 0 | 1): void {
    if (this.incoming[direction].reconsider(this.table.openedCount(type))) {
      this.pendConnection(ConnectionControlBit.MAX_STREAMS << direction);
    }
  }

  #make(id: number): Stream {
    const isUni = (id & UNI_BIT) !== 0;
    const isLocal = this.isLocal(id);
    const send = isUni && !isLocal ? this.#withoutSend() : new SendStream(this.#remoteLimit(id), this.pool);
    const recv =
      isUni && isLocal
        ? this.#withoutRecv()
        : new RecvStream(this.#localLimit(id), this.#maxStreamWindow, this.pool, this.meter);
    const stream = new Stream(id, send, recv);
    if (stream.isWritable) this.writable.insert(stream.writable);
    return stream;
  }

  #withoutSend(): SendStream {
    if (this.#noSend === null) {
      this.#noSend = new SendStream(0, this.pool);
      this.#noSend.state = SendState.DATA_RECVD;
      this.#noSend.finalSize = 0;
      this.#noSend.finSent = true;
    }
    return this.#noSend;
  }

  #withoutRecv(): RecvStream {
    if (this.#noRecv === null) {
      this.#noRecv = new RecvStream(0, 0, this.pool, this.meter);
      this.#noRecv.state = RecvState.DATA_READ;
    }
    return this.#noRecv;
  }

  /** RFC 9000 §18.2: "local" and "remote" are seen from the side that sent the parameters. */
  #remoteLimit(id: number): number {
    if ((id & UNI_BIT) !== 0) return this.isLocal(id) ? this.#remote.initialMaxStreamDataUni : 0;
    return this.isLocal(id)
      ? this.#remote.initialMaxStreamDataBidiRemote
      : this.#remote.initialMaxStreamDataBidiLocal;
  }

  #localLimit(id: number): number {
    if ((id & UNI_BIT) !== 0) return this.#local.initialMaxStreamDataUni;
    return this.isLocal(id)
      ? this.#local.initialMaxStreamDataBidiLocal
      : this.#local.initialMaxStreamDataBidiRemote;
  }
}

const NO_PARAMETERS: StreamParameters = {
  initialMaxData: 0,
  initialMaxStreamDataBidiLocal: 0,
  initialMaxStreamDataBidiRemote: 0,
  initialMaxStreamDataUni: 0,
  initialMaxStreamsBidi: 0,
  initialMaxStreamsUni: 0,
};
