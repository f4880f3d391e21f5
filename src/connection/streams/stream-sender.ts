// The sending part for STREAM frames: asks the queue which stream is next, fills the packet from its buffer, and
// turns acknowledgements and losses into what each stream still has to send.

import { streamHeaderLength, writeStreamHeader } from '../../wire/frame-writer.ts';
import { type PacketBuilder, PartBit, type SendingPart, TokenKind } from '../part.ts';
import { MIN_FRAGMENT } from './defaults.ts';
import { NoticeBit, type Stream } from './stream.ts';
import type { StreamSet } from './stream-set.ts';
import { SendState } from './stream-states.ts';

export class StreamSender implements SendingPart {
  readonly #set: StreamSet;

  constructor(set: StreamSet) {
    this.#set = set;
  }

  write(packet: PacketBuilder): void {
    const { sending } = this.#set;
    for (let stream = sending.peek(); stream !== null; stream = sending.peek()) {
      if (!this.#writeFrame(packet, stream)) return;
      if (!stream.send.hasPending) sending.remove(stream.sending);
      else if (stream.incremental) sending.rotate(stream.sending);
    }
    this.#set.setPending(PartBit.STREAM, false);
  }

  acked(_kind: number, id: number, offset: number, lengthAndFin: number): void {
    const set = this.#set;
    const stream = set.table.peek(id);
    if (stream === undefined) return;
    const { send } = stream;
    if (send.state > SendState.DATA_SENT) return;
    const fin = lengthAndFin % 2 === 1;
    const released = send.onAcked(offset, (lengthAndFin - (fin ? 1 : 0)) / 2, fin);
    set.stats.bytesAcked += released;
    if (released > 0) set.sendBudget.release(released);
    // A range that was declared lost may have arrived after all.
    if (stream.sending.bucket !== null) set.updateSending(stream);
    if (send.state === SendState.DATA_RECVD) {
      if (send.reliableSize < 0) set.notify(stream, NoticeBit.ACKED);
      set.collect(stream);
    }
  }

  lost(_kind: number, id: number, offset: number, lengthAndFin: number): void {
    const stream = this.#set.table.peek(id);
    if (stream === undefined) return;
    const fin = lengthAndFin % 2 === 1;
    if (stream.send.onLost(offset, (lengthAndFin - (fin ? 1 : 0)) / 2, fin)) this.#set.updateSending(stream);
  }

  /** Writes one frame of the stream; lost data go before new. False if there is no room for a useful one. */
  #writeFrame(packet: PacketBuilder, stream: Stream): boolean {
    const set = this.#set;
    const { writer } = packet;
    const { sending } = set;
    const { send } = stream;
    const { lost } = send;
    const isRepeat = lost !== null && lost.size > 0;
    let offset = send.sent;
    let end = send.buffer.end;
    if (isRepeat) {
      offset = lost.start(0);
      end = lost.end(0);
    }
    const { withdrawn } = set;
    if (withdrawn !== null) {
      const allowed = withdrawn.allowedEnd(stream);
      const isEnd = end === offset && allowed >= offset;
      if (allowed <= offset && !isEnd) {
        withdrawn.hold(stream);
        sending.remove(stream.sending);
        return true;
      }
      if (allowed < end) end = allowed;
    }
    const available = end - offset;
    const room = writer.remaining;
    // The length is always written: a packet may be padded afterwards, and padding is not stream data.
    const header = streamHeaderLength(stream.id, offset, Math.min(available, room));
    const length = Math.min(available, room - header);
    if (length < available && length < MIN_FRAGMENT) return false;
    const fin = offset + length === send.finalSize && send.reliableSize < 0;
    writeStreamHeader(writer, stream.id, offset, length, fin);
    if (length > 0) send.buffer.copyTo(writer, offset, length);
    packet.token(TokenKind.STREAM, stream.id, offset, length * 2 + (fin ? 1 : 0));
    withdrawn?.onSent(stream, offset + length);
    const fresh = send.onSent(offset, length, fin);
    set.unsent -= fresh;
    set.stats.bytesSent += length;
    set.stats.bytesRetransmitted += length - fresh;
    return true;
  }
}
