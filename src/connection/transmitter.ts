// Decides what goes into the next datagram: which path, which spaces, how much, and when not (congestion, pacing,
// anti-amplification). Calls parts whose bit is pending; knows no frame but ACK and PING.

import type { SocketAddress } from '../util/address.ts';
import { writePing } from '../wire/frame-writer.ts';
import { writeAckFrame } from './acknowledge.ts';
import { DatagramBuilder } from './packet-builder.ts';
import { PartBit, type SendingPart } from './part.ts';
import type { ConnectionParts } from './parts.ts';
import type { Path } from './path.ts';
import { type PacketNumberSpace, Space } from './space.ts';

/** Smallest datagram that carries an ack-eliciting Initial, or probes a path (RFC 9000 §14.1, §8.2.1). */
export const MIN_INITIAL_DATAGRAM = 1200;

export class Transmitter {
  readonly #parts: ConnectionParts;
  readonly #builder = BUILDER;
  /** When pacing lets the next packet go; Infinity while nothing waits for it. */
  pacedUntil: number = Number.POSITIVE_INFINITY;
  /** The path of the datagram that was built last. */
  path: Path;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
    this.path = parts.paths.active;
  }

  /**
   * Builds one datagram in `out[start, end)`, on paths between these addresses, where null is any. Returns its length,
   * or 0 if nothing may or need be sent.
   */
  build(
    out: Uint8Array,
    start: number,
    end: number,
    now: number,
    from: SocketAddress | null = null,
    to: SocketAddress | null = null,
  ): number {
    const { paths } = this.#parts;
    const probe = paths.nextProbe(from, to);
    if (probe !== null && this.#parts.spaces[Space.APPLICATION]?.canSend) {
      const length = this.#buildProbe(probe, out, start, end, now);
      if (length > 0) return length;
    }
    return paths.active.isBetween(from, to) ? this.#buildOn(paths.active, out, start, end, now) : 0;
  }

  #buildOn(path: Path, out: Uint8Array, start: number, end: number, now: number): number {
    const parts = this.#parts;
    const room = path.amplificationRoom(parts.config.maxAmplificationFactor);
    // A path that fell silent may have come to carry less: then only what passes everywhere can show it.
    const carries = parts.recovery.ptoCount > 0 ? Math.min(path.mtu, MIN_INITIAL_DATAGRAM) : path.mtu;
    const size = Math.min(end - start, carries, parts.peerMaxUdpPayload);
    const limited = room < size;
    // RFC 9000 §14.1: an ack-eliciting Initial needs 1200 bytes, so it waits for more credit.
    const elicits =
      parts.spaces[Space.INITIAL]?.pending !== 0 || parts.recovery.probesPending(Space.INITIAL) > 0;
    const needed = elicits ? MIN_INITIAL_DATAGRAM : MIN_USEFUL_DATAGRAM;
    if (limited && room < needed) {
      this.#blockedByAmplification();
      return 0;
    }
    const limit = start + Math.min(size, room);
    const builder = this.#builder;
    const { recovery } = parts;
    const mtuProbe = parts.mtu.probeSize(path, end - start, now);
    if (mtuProbe > 0 && !limited && path.recovery.windowRoom >= mtuProbe)
      return this.#buildMtuProbe(path, out, start, mtuProbe, now);

    builder.begin(out, start, limit, path, 'normal', now);
    this.pacedUntil = Number.POSITIVE_INFINITY;
    const windowOpen = !parts.hasPending || this.#mayPend(path, now);
    for (const space of parts.spaces) {
      if (space === null || !space.canSend) continue;
      const probing = recovery.probesPending(space.index) > 0;
      const mayPend = (windowOpen || probing) && space.pending !== 0;
      // 1-RTT acknowledgements wait until the peer can read them.
      // RFC 9000 §17.2.3: none in 0-RTT packets.
      const wantsAck = !space.isEarly && space.acks.shouldAck(now);
      // Until a new address of ours is validated no acknowledgement reaches us that would open the window.
      const validates = path.wantsProbe && space.index === Space.APPLICATION;
      if (!mayPend && !probing && !wantsAck && !validates) continue;
      if (probing) this.#prepareProbe(space);
      builder.intent = probing ? 'pto-probe' : 'normal';
      if (!builder.openPacket(space, parts.header, recovery.largestAcked(space.index))) break;
      // A datagram that needs the whole packet would otherwise wait as long as there is something to acknowledge.
      if (mayPend && space.index === Space.APPLICATION && parts.datagrams.isPassedOver)
        parts.datagrams.write(builder);
      if (wantsAck || (space.acks.pending && !space.isEarly)) writeAckFrame(parts, space, builder);
      if (probing) parts.ackFrequency.urge(builder);
      if (windowOpen || probing) this.#writeParts(space);
      else if (validates) parts.paths.write(builder);
      if (probing && !builder.isAckEliciting && builder.writer.remaining > 0) {
        writePing(builder.writer);
        builder.ackEliciting();
      }
      if (!builder.isAckEliciting && builder.hasFrames && recovery.wantsAckEliciting(space.index, now)) {
        writePing(builder.writer);
        builder.ackEliciting();
      }
      if (builder.closePacket() && probing) recovery.sendProbe(space.index);
    }
    if (builder.count === 0) {
      if (!parts.hasPending) path.recovery.noteAppLimited();
      return 0;
    }
    return this.#finish(path, limit - start, room);
  }

  /** PATH_CHALLENGE and PATH_RESPONSE on a path that is not active, in datagrams of at least 1200 bytes. */
  #buildProbe(path: Path, out: Uint8Array, start: number, end: number, now: number): number {
    const parts = this.#parts;
    const room = path.amplificationRoom(parts.config.maxAmplificationFactor);
    const limit = start + Math.min(end - start, MIN_INITIAL_DATAGRAM, room);
    const space = parts.spaces[Space.APPLICATION] as PacketNumberSpace;
    const builder = this.#builder;
    builder.begin(out, start, limit, path, 'path-probe', now);
    if (!builder.openPacket(space, parts.header, parts.recovery.largestAcked(space.index))) return 0;
    parts.paths.write(builder);
    if (!builder.closePacket()) return 0;
    return this.#finish(path, limit - start, room);
  }

  /** PING and PADDING of a size that the path is not known to carry (RFC 9000 §14.4). */
  #buildMtuProbe(path: Path, out: Uint8Array, start: number, size: number, now: number): number {
    const parts = this.#parts;
    const space = parts.spaces[Space.APPLICATION] as PacketNumberSpace;
    const builder = this.#builder;
    builder.begin(out, start, start + size, path, 'mtu-probe', now);
    if (!builder.openPacket(space, parts.header, parts.recovery.largestAcked(space.index))) return 0;
    parts.mtu.write(builder);
    if (!builder.closePacket()) return 0;
    return this.#send(path, size);
  }

  /** Whether congestion window and pacer let a full datagram go now. */
  #mayPend(path: Path, now: number): boolean {
    const at = path.recovery.timeToSend(now, path.mtu);
    if (at <= now) return true;
    if (at < Number.POSITIVE_INFINITY) this.pacedUntil = at;
    path.recovery.noteBlocked(now);
    return false;
  }

  #writeParts(space: PacketNumberSpace): void {
    const builder = this.#builder;
    // Mostly there is nothing but streams.
    if (space.pending === PartBit.STREAM) {
      this.#parts.streams.sender.write(builder);
      return;
    }
    for (const { bit, part } of ORDER) {
      if ((space.pending & bit) === 0) continue;
      part(this.#parts, space).write(builder);
      if (builder.writer.remaining < MIN_FRAME) return;
    }
  }

  /** A probe carries data that may have been lost rather than a bare PING (RFC 9002 §6.2.4). */
  #prepareProbe(space: PacketNumberSpace): void {
    if (space.pending !== 0) return;
    if (space.index !== Space.APPLICATION) space.crypto.repeatUnacked();
    else this.#parts.recovery.retransmitOldest(space.index);
  }

  #finish(path: Path, limit: number, room: number): number {
    const builder = this.#builder;
    const { isServer } = this.#parts;
    const pad = isServer ? builder.hasAckElicitingInitial : builder.hasInitial;
    const padProbe = builder.carriesPathProbe && room >= MIN_INITIAL_DATAGRAM;
    return this.#send(path, pad || padProbe ? Math.min(MIN_INITIAL_DATAGRAM, limit) : 0);
  }

  #send(path: Path, atLeast: number): number {
    const length = this.#builder.finish(atLeast, this.#parts);
    path.bytesSent += length;
    this.path = path;
    this.#parts.trace.detail?.updated(this.#builder.now);
    return length;
  }

  #blockedByAmplification(): void {
    this.#parts.recovery.setAntiAmplificationBlocked(true);
  }
}

/** A datagram with less room is not begun. */
const MIN_USEFUL_DATAGRAM = 128;

/** No frame is tried in less room than this. */
const MIN_FRAME = 3;

/** One for all connections: a datagram is built and sealed within one call. */
const BUILDER = new DatagramBuilder();

/** The parts in the order in which they fill a packet. */
const ORDER: readonly {
  bit: number;
  part: (parts: ConnectionParts, space: PacketNumberSpace) => SendingPart;
}[] = [
  { bit: PartBit.CRYPTO, part: (_parts, space) => space.crypto },
  { bit: PartBit.CONTROL, part: (parts) => parts.control },
  { bit: PartBit.PATH, part: (parts) => parts.paths },
  { bit: PartBit.RETIREMENTS, part: (parts) => parts.remoteIds },
  { bit: PartBit.CONNECTION_IDS, part: (parts) => parts.localIds },
  { bit: PartBit.ACK_FREQUENCY, part: (parts) => parts.ackFrequency },
  { bit: PartBit.STREAM_CONTROL, part: (parts) => parts.streams.control },
  { bit: PartBit.DATAGRAM, part: (parts) => parts.datagrams },
  { bit: PartBit.STREAM, part: (parts) => parts.streams.sender },
];
