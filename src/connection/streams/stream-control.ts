// The sending part for all frames about streams but STREAM itself. At most one frame of a kind waits per stream and
// per connection, whatever the peer acknowledges or not: the value is taken when the frame is written, and a lost
// frame is repeated only while it still matters (RFC 9000 §13.3).

import {
  writeDataBlocked,
  writeMaxData,
  writeMaxStreamData,
  writeMaxStreams,
  writeResetStream,
  writeResetStreamAt,
  writeStopSending,
  writeStreamDataBlocked,
  writeStreamsBlocked,
} from '../../wire/frame-writer.ts';
import { varintLength } from '../../wire/varint.ts';
import { type PacketBuilder, PartBit, type SendingPart, TokenKind } from '../part.ts';
import { ControlBit, type Stream } from './stream.ts';
import { ConnectionControlBit, type StreamSet } from './stream-set.ts';
import { nextSendState, SendEvent, SendState } from './stream-states.ts';

export class StreamControl implements SendingPart {
  readonly #set: StreamSet;

  constructor(set: StreamSet) {
    this.#set = set;
  }

  write(packet: PacketBuilder): void {
    const set = this.#set;
    if (set.control !== 0) this.#writeConnection(packet);
    while (set.controlHead !== null) {
      const stream = set.controlHead;
      if (stream.control !== 0) this.#writeStream(packet, stream);
      if (stream.control !== 0) return;
      set.controlHead = stream.nextControl;
      if (set.controlHead === null) set.controlTail = null;
      stream.nextControl = null;
      stream.isControlQueued = false;
    }
    // The window of the connection may have grown with those of streams just now.
    if (set.control !== 0) this.#writeConnection(packet);
    if (set.control === 0) set.setPending(PartBit.STREAM_CONTROL, false);
  }

  acked(kind: number, id: number, reliableSize: number): void {
    if (kind !== TokenKind.RESET_STREAM) return;
    const stream = this.#set.table.peek(id);
    if (stream === undefined) return;
    const { send } = stream;
    if (reliableSize === 0 ? send.onResetAcked() : send.onResetAtAcked(reliableSize)) {
      stream.control &= ~ControlBit.RESET_STREAM;
      this.#set.collect(stream);
    }
  }

  lost(kind: number, a: number, b: number): void {
    const set = this.#set;
    switch (kind) {
      case TokenKind.MAX_DATA:
        if (a === set.window.limit) set.pendConnection(ConnectionControlBit.MAX_DATA);
        return;
      case TokenKind.DATA_BLOCKED:
        if (a === set.credit.blockedAt) set.pendConnection(ConnectionControlBit.DATA_BLOCKED);
        return;
      case TokenKind.MAX_STREAMS_BIDI:
      case TokenKind.MAX_STREAMS_UNI: {
        const direction = kind === TokenKind.MAX_STREAMS_UNI ? 1 : 0;
        if (a === set.incoming[direction].limit)
          set.pendConnection(ConnectionControlBit.MAX_STREAMS << direction);
        return;
      }
      case TokenKind.STREAMS_BLOCKED_BIDI:
      case TokenKind.STREAMS_BLOCKED_UNI: {
        const direction = kind === TokenKind.STREAMS_BLOCKED_UNI ? 1 : 0;
        if (a === set.outgoing[direction].blockedAt)
          set.pendConnection(ConnectionControlBit.STREAMS_BLOCKED << direction);
        return;
      }
      default:
        this.#lostOfStream(kind, a, b);
    }
  }

  #lostOfStream(kind: number, id: number, value: number): void {
    const set = this.#set;
    const stream = set.table.peek(id);
    if (stream === undefined) return;
    const { send, recv } = stream;
    if (kind === TokenKind.RESET_STREAM) {
      const matters =
        value === 0
          ? send.state === SendState.RESET_SENT
          : send.state === SendState.DATA_SENT && value === send.reliableSize && !send.resetAtAcked;
      if (matters) set.pendControl(stream, ControlBit.RESET_STREAM);
    } else if (kind === TokenKind.STOP_SENDING) {
      if (recv.isReceiving) set.pendControl(stream, ControlBit.STOP_SENDING);
    } else if (kind === TokenKind.MAX_STREAM_DATA) {
      if (recv.isReceiving && !recv.discarding && value === recv.window.limit)
        set.pendControl(stream, ControlBit.MAX_STREAM_DATA);
    } else if (kind === TokenKind.STREAM_DATA_BLOCKED) {
      if (value === send.credit.blockedAt) set.pendControl(stream, ControlBit.STREAM_DATA_BLOCKED);
    }
  }

  #writeConnection(packet: PacketBuilder): void {
    const set = this.#set;
    const { writer } = packet;
    if ((set.control & ConnectionControlBit.MAX_DATA) !== 0) {
      if (writer.remaining < VALUE_FRAME) return;
      set.control &= ~ConnectionControlBit.MAX_DATA;
      const limit = set.window.raise(packet.now, set.rtt, set.receiveBudget);
      writeMaxData(writer, limit);
      packet.token(TokenKind.MAX_DATA, limit, 0, 0);
    }
    if ((set.control & ConnectionControlBit.DATA_BLOCKED) !== 0) {
      if (writer.remaining < VALUE_FRAME) return;
      set.control &= ~ConnectionControlBit.DATA_BLOCKED;
      if (set.credit.isBlocked) {
        writeDataBlocked(writer, set.credit.limit);
        packet.token(TokenKind.DATA_BLOCKED, set.credit.limit, 0, 0);
        set.stats.dataBlockedSent++;
      }
    }
    for (let direction = 0; direction < 2; direction++) {
      if (!this.#writeCounts(packet, direction as 0 | 1)) return;
    }
  }

  /** MAX_STREAMS and STREAMS_BLOCKED of one direction. False if there is no room. */
  #writeCounts(packet: PacketBuilder, direction: 0 | 1): boolean {
    const set = this.#set;
    const { writer } = packet;
    const maxStreams = ConnectionControlBit.MAX_STREAMS << direction;
    if ((set.control & maxStreams) !== 0) {
      if (writer.remaining < VALUE_FRAME) return false;
      set.control &= ~maxStreams;
      const limit = set.incoming[direction].announce();
      writeMaxStreams(writer, direction === 0, limit);
      packet.token(TokenKind.MAX_STREAMS_BIDI + direction, limit, 0, 0);
    }
    const streamsBlocked = ConnectionControlBit.STREAMS_BLOCKED << direction;
    if ((set.control & streamsBlocked) !== 0) {
      if (writer.remaining < VALUE_FRAME) return false;
      set.control &= ~streamsBlocked;
      const { limit, isBlocked } = set.outgoing[direction];
      if (isBlocked) {
        writeStreamsBlocked(writer, direction === 0, limit);
        packet.token(TokenKind.STREAMS_BLOCKED_BIDI + direction, limit, 0, 0);
        set.stats.streamsBlockedSent++;
      }
    }
    return true;
  }

  /** Writes what is due for a stream and clears the bits of what was written or does not matter any more. */
  #writeStream(packet: PacketBuilder, stream: Stream): void {
    const { writer } = packet;
    const { id, send, recv } = stream;
    if ((stream.control & ControlBit.RESET_STREAM) !== 0) {
      if (send.state === SendState.RESET_SENT) {
        const size = 1 + varintLength(id) + varintLength(send.resetCode) + varintLength(send.finalSize);
        if (writer.remaining < size) return;
        writeResetStream(writer, id, send.resetCode, send.finalSize);
        packet.token(TokenKind.RESET_STREAM, id, 0, 0);
      } else if (send.state <= SendState.DATA_SENT && send.reliableSize > 0 && this.#set.withdrawn === null) {
        if (writer.remaining < RESET_AT_FRAME) return;
        writeResetStreamAt(writer, id, send.resetCode, send.finalSize, send.reliableSize);
        // Above 0, so that it is told from RESET_STREAM.
        packet.token(TokenKind.RESET_STREAM, id, send.reliableSize, 0);
        send.onResetAtSent();
      }
      stream.control &= ~ControlBit.RESET_STREAM;
    }
    if ((stream.control & ControlBit.STOP_SENDING) !== 0) {
      if (recv.isReceiving) {
        if (writer.remaining < 1 + varintLength(id) + varintLength(recv.stopCode)) return;
        writeStopSending(writer, id, recv.stopCode);
        packet.token(TokenKind.STOP_SENDING, id, 0, 0);
      }
      stream.control &= ~ControlBit.STOP_SENDING;
    }
    if ((stream.control & ControlBit.MAX_STREAM_DATA) !== 0) {
      if (recv.isReceiving && !recv.discarding) {
        if (writer.remaining < VALUE_FRAME + 8) return;
        const limit = this.#raise(stream, packet.now);
        writeMaxStreamData(writer, id, limit);
        packet.token(TokenKind.MAX_STREAM_DATA, id, limit, 0);
      }
      stream.control &= ~ControlBit.MAX_STREAM_DATA;
    }
    if ((stream.control & ControlBit.STREAM_DATA_BLOCKED) !== 0) {
      if (send.isOpen && send.credit.isBlocked) {
        if (writer.remaining < VALUE_FRAME + 8) return;
        writeStreamDataBlocked(writer, id, send.credit.limit);
        packet.token(TokenKind.STREAM_DATA_BLOCKED, id, send.credit.limit, 0);
        send.state = nextSendState(send.state, SendEvent.FRAME);
        this.#set.stats.streamDataBlockedSent++;
      }
      stream.control &= ~ControlBit.STREAM_DATA_BLOCKED;
    }
  }

  /** Window updates: the connection's window keeps ahead of each stream's, or it would be the one that limits. */
  #raise(stream: Stream, now: number): number {
    const set = this.#set;
    const { window } = stream.recv;
    const before = window.window;
    const limit = window.raise(now, set.rtt, null);
    if (window.window > before) {
      set.window.growTo(1.5 * window.window, set.receiveBudget);
      set.updateWindow();
    }
    return limit;
  }
}

/** Type and one number in their longest forms. */
const VALUE_FRAME = 9;
/** Type and four numbers in their longest forms. */
const RESET_AT_FRAME = 33;
