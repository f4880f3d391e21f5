// Unreliable datagrams (RFC 9221): a queue to send, a queue of what came, and what became of each that was sent. Owns
// DATAGRAM frames. They are congestion controlled and never sent again.

import { TAG_LENGTH } from '../crypto/provider.ts';
import { quicError, TransportError, TransportErrorCode } from '../errors.ts';
import { copyBytes } from '../util/bytes.ts';
import { Ring } from '../util/ring.ts';
import type { Frame } from '../wire/frame-reader.ts';
import { FRAME } from '../wire/frame-table.ts';
import { writeDatagram } from '../wire/frame-writer.ts';
import { varintLength } from '../wire/varint.ts';
import { DatagramQueue, type QueueLimits } from './datagram-queue.ts';
import { type PacketBuilder, PartBit, type SendingPart, TokenKind } from './part.ts';
import type { ConnectionParts } from './parts.ts';
import { type PacketNumberSpace, Space } from './space.ts';

/** Datagrams whose fate is wanted and not yet collected; more are refused as if the queue were full. */
export const MAX_UNSETTLED_DATAGRAMS = 65_536;

/**
 * What became of a datagram. 'lost' is what loss detection believes: it may have arrived all the same. 'abandoned' was
 * never sent: it was purged, or the path carries only smaller ones by now.
 */
export type DatagramFate = 'acknowledged' | 'lost' | 'abandoned';

export interface DatagramNotice {
  readonly id: number;
  readonly fate: DatagramFate;
}

/** Numbers since the connection began. */
export interface DatagramCounters {
  /** In packets that left. */
  sent: number;
  acknowledged: number;
  lost: number;
  /** Taken for sending and never sent. */
  abandoned: number;
  received: number;
  /** Handed to the application. */
  delivered: number;
  /** Received, and dropped because the queue was full. */
  dropped: number;
}

/** What it needs of its connection. */
export type DatagramsHost = Pick<
  ConnectionParts,
  | 'state'
  | 'transport'
  | 'remoteParameters'
  | 'peerMaxUdpPayload'
  | 'paths'
  | 'spaces'
  | 'header'
  | 'earlyData'
>;

export class Datagrams implements SendingPart {
  readonly counters: DatagramCounters = {
    sent: 0,
    acknowledged: 0,
    lost: 0,
    abandoned: 0,
    received: 0,
    delivered: 0,
    dropped: 0,
  };
  readonly #host: DatagramsHost;
  readonly #outgoing = new DatagramQueue();
  readonly #incoming = new DatagramQueue();
  readonly #notices = new Ring<number>();
  #nextId = 0;
  #unsettled = 0;
  /** The first of the queue did not fit behind what stood in a packet before it. */
  isPassedOver = false;

  constructor(host: DatagramsHost) {
    this.#host = host;
  }

  // ---- sending ----

  /**
   * The longest datagram that can be sent on the active path now; null if the peer takes none or is not known yet. As in
   * quiche there is room for the longest packet number and for a length of two bytes.
   */
  get maxWritableLength(): number | null {
    const { remoteParameters, paths, peerMaxUdpPayload, header, earlyData } = this.#host;
    const { canSend, isEarly } = this.#space;
    // RFC 9221 §3: 0-RTT goes by what the server announced when the session was made.
    const limit = isEarly ? earlyData.maxDatagramFrameSize : remoteParameters.maxDatagramFrameSize;
    if (limit === 0 || !canSend) return null;
    const { mtu, remoteId } = paths.active;
    const headerSize = 1 + remoteId.connectionId.length + MAX_PACKET_NUMBER;
    const longer = isEarly ? LONG_HEADER_EXTRA + header.localId.length : 0;
    const room = Math.min(mtu, peerMaxUdpPayload) - headerSize - longer - TAG_LENGTH;
    const length = Math.min(limit, room) - MAX_FRAME_OVERHEAD;
    return length < 0 ? null : length;
  }

  /**
   * Queues a datagram, which must not change afterwards. Gives its id, counted from 0; null if the queue is full or the
   * connection ends. Throws ERR_QUIC_INVALID_STATE and ERR_QUIC_BUFFER_TOO_SHORT.
   */
  send(bytes: Uint8Array): number | null {
    const { state, transport } = this.#host;
    if (!state.isOpen) return null;
    const longest = this.maxWritableLength;
    if (longest === null) {
      throw quicError('ERR_QUIC_INVALID_STATE', { message: 'The peer takes no datagrams' });
    }
    if (bytes.length > longest) {
      const message = `A datagram of ${bytes.length} bytes is too large; ${longest} bytes can be sent`;
      throw quicError('ERR_QUIC_BUFFER_TOO_SHORT', { message });
    }
    if (!this.#outgoing.hasRoomFor(bytes.length, this.#sendLimits)) return null;
    if (transport.datagramFates) {
      if (this.#unsettled >= MAX_UNSETTLED_DATAGRAMS) return null;
      this.#unsettled++;
    }
    const id = this.#nextId++;
    this.#outgoing.push({ id, bytes });
    this.#space.setPending(PartBit.DATAGRAM, true);
    return id;
  }

  /** Takes queued datagrams back for which `predicate` is true. Gives their number. */
  purge(predicate: (bytes: Uint8Array) => boolean): number {
    const purged = this.#outgoing.remove(predicate);
    for (const { id } of purged) this.#abandon(id);
    this.#updatePending();
    return purged.length;
  }

  get sendQueueLength(): number {
    return this.#outgoing.length;
  }

  get sendQueueByteSize(): number {
    return this.#outgoing.byteSize;
  }

  get isSendQueueFull(): boolean {
    return this.#outgoing.isFull(this.#sendLimits);
  }

  /** Whether a datagram with this id still waits to be sent. */
  isQueued(id: number): boolean {
    const first = this.#outgoing.peek();
    return first !== undefined && id >= first.id;
  }

  /** What became of a datagram, each told once; null if there is nothing to tell. With `datagramFates` only. */
  nextNotice(): DatagramNotice | null {
    const notice = this.#notices.shift();
    if (notice === undefined) return null;
    this.#unsettled--;
    const at = notice % FATES.length;
    return { id: (notice - at) / FATES.length, fate: FATES[at] as DatagramFate };
  }

  get hasNotices(): boolean {
    return this.#notices.length > 0;
  }

  // ---- receiving ----

  /** A DATAGRAM frame came (RFC 9221 §3, §4). With a full queue the oldest make room for it. */
  onFrame(frame: Frame, bytes: Uint8Array): void {
    const { transport } = this.#host;
    const { length, dataStart } = frame;
    const limit = transport.maxDatagramFrameSize;
    if (limit === 0) throw violation(frame, 'DATAGRAM without max_datagram_frame_size');
    const lengthSize = frame.type === FRAME.DATAGRAM ? 0 : varintLength(length);
    if (1 + lengthSize + length > limit) throw violation(frame, 'DATAGRAM above max_datagram_frame_size');
    const { counters } = this;
    const id = counters.received++;
    const limits = this.#receiveLimits;
    if (limits.items === 0 || length > limits.bytes) {
      counters.dropped++;
      return;
    }
    const incoming = this.#incoming;
    while (!incoming.hasRoomFor(length, limits)) {
      incoming.shift();
      counters.dropped++;
    }
    incoming.push({ id, bytes: copyBytes(bytes, dataStart, dataStart + length) });
  }

  /** The oldest that came; it belongs to the caller. */
  receive(): Uint8Array | null {
    const item = this.#incoming.shift();
    if (item === undefined) return null;
    this.counters.delivered++;
    return item.bytes;
  }

  /** The same, left in the queue. */
  peek(): Uint8Array | null {
    return this.#incoming.peek()?.bytes ?? null;
  }

  get receiveQueueLength(): number {
    return this.#incoming.length;
  }

  get receiveQueueByteSize(): number {
    return this.#incoming.byteSize;
  }

  get isReceiveQueueFull(): boolean {
    return this.#incoming.isFull(this.#receiveLimits);
  }

  // ---- as a sending part ----

  write(packet: PacketBuilder): void {
    const { writer } = packet;
    const outgoing = this.#outgoing;
    const longest = this.maxWritableLength ?? -1;
    this.isPassedOver = false;
    for (let next = outgoing.peek(); next !== undefined; next = outgoing.peek()) {
      const { id, bytes } = next;
      if (bytes.length > longest) {
        // The path got smaller since it was queued, or the peer took its word back: it would wait for ever.
        outgoing.shift();
        this.#abandon(id);
        continue;
      }
      if (1 + varintLength(bytes.length) + bytes.length > writer.remaining) {
        this.isPassedOver = true;
        break;
      }
      outgoing.shift();
      writeDatagram(writer, bytes);
      packet.token(TokenKind.DATAGRAM, id, 0, 0);
      this.counters.sent++;
    }
    this.#updatePending();
  }

  acked(_kind: number, id: number): void {
    this.counters.acknowledged++;
    this.#settle(id, ACKNOWLEDGED);
  }

  /** RFC 9221 §5: the data are not sent again. */
  lost(_kind: number, id: number): void {
    this.counters.lost++;
    this.#settle(id, LOST);
  }

  // ---- inside ----

  get #space(): PacketNumberSpace {
    return this.#host.spaces[Space.APPLICATION] as PacketNumberSpace;
  }

  get #sendLimits(): QueueLimits {
    const { datagramSendQueueLen, datagramSendQueueBytes } = this.#host.transport;
    return { items: datagramSendQueueLen, bytes: datagramSendQueueBytes };
  }

  get #receiveLimits(): QueueLimits {
    const { datagramRecvQueueLen, datagramRecvQueueBytes } = this.#host.transport;
    return { items: datagramRecvQueueLen, bytes: datagramRecvQueueBytes };
  }

  #updatePending(): void {
    if (this.#outgoing.length > 0) return;
    this.isPassedOver = false;
    this.#space.setPending(PartBit.DATAGRAM, false);
  }

  #abandon(id: number): void {
    this.counters.abandoned++;
    this.#settle(id, ABANDONED);
  }

  #settle(id: number, fate: number): void {
    if (this.#host.transport.datagramFates) this.#notices.push(id * FATES.length + fate);
  }
}

function violation(frame: Frame, reason: string): TransportError {
  return new TransportError(TransportErrorCode.PROTOCOL_VIOLATION, frame.type, reason);
}

/** By the number that stands for it in the queue of notices. */
const FATES: readonly DatagramFate[] = ['acknowledged', 'lost', 'abandoned'];
const ACKNOWLEDGED = 0;
const LOST = 1;
const ABANDONED = 2;

const MAX_PACKET_NUMBER = 4;

/** What a 0-RTT packet has more: version, lengths of the two ids and of the packet (RFC 9000 §17.2.3). */
const LONG_HEADER_EXTRA = 4 + 1 + 1 + 2;

/** Type, and a length of two bytes. */
const MAX_FRAME_OVERHEAD = 3;
