// From a datagram to frames: coalesced packets, keys, packet numbers, checks, and what each outcome means
// (RFC 9000 §12.2, §17; RFC 9001 §5). Unauthentic bytes are dropped without a trace in the state.

import type { Opener } from '../crypto/provider.ts';
import { TransportError, TransportErrorCode } from '../errors.ts';
import type { DropReason } from '../trace/trace.ts';
import type { SocketAddress } from '../util/address.ts';
import { copyBytes } from '../util/bytes.ts';
import { Frame } from '../wire/frame.ts';
import { readFrame } from '../wire/frame-reader.ts';
import { FRAME, frameRule, PACKET_BIT } from '../wire/frame-table.ts';
import { decodePacketNumber, PacketHeader, PacketType, readHeader } from '../wire/header.ts';
import { Reader } from '../wire/reader.ts';
import { ZERO_RTT_SLOT } from './early-data.ts';
import { frameHandler, type ReceivedPacket } from './frame-handlers.ts';
import type { ConnectionParts } from './parts.ts';
import type { Path } from './path.ts';
import { type PacketNumberSpace, Space } from './space.ts';
import { UselessFrames } from './useless-frames.ts';

export class Receiver {
  readonly #parts: ConnectionParts;
  /** A server's clients use the id that they made up until they know ours. */
  readonly #originalId: Uint8Array | null;
  /** The peer's id, fixed by its first long header packet (RFC 9000 §7.2). */
  #remoteIdFixed: boolean;
  #from!: SocketAddress;
  #to!: SocketAddress;
  #path: Path | null = null;
  #ecn = 0;
  #datagramSize = 0;
  /** Bits of spaces whose early packets can be read. */
  #readable = 0;
  /** Largest 1-RTT packet number that was not a mere probe, to follow migration in order (RFC 9000 §9.3). */
  #largestNonProbing = -1;

  readonly #useless = new UselessFrames();

  constructor(parts: ConnectionParts, originalId: Uint8Array | null) {
    this.#parts = parts;
    this.#originalId = originalId;
    this.#remoteIdFixed = parts.isServer;
  }

  /** Takes a whole datagram; may decrypt in place. Throws TransportError for a fault in an authentic packet. */
  receive(bytes: Uint8Array, from: SocketAddress, to: SocketAddress, ecn: number, now: number): void {
    const parts = this.#parts;
    const path = parts.paths.find(to, from);
    if (path !== null) path.bytesReceived += bytes.length;
    // RFC 9000 §9: only a client may move, and only once the handshake is confirmed. Before, a NAT may move it.
    else if (!parts.isServer || !(parts.handshake.isConfirmed || parts.spaces[Space.HANDSHAKE]?.canReceive))
      return;
    this.#from = from;
    this.#to = to;
    this.#path = path;
    this.#ecn = ecn;
    this.#datagramSize = bytes.length;
    const wasBlocked = path !== null && !path.addressValidated;
    let start = 0;
    let firstStart = -1;
    let firstLength = 0;
    while (start < bytes.length && parts.state.isOpen) {
      if (!readHeader(bytes, start, bytes.length, parts.localIds.current.length, HEADER)) {
        // Padding after the last packet is ordinary; anything else at the start is not a packet.
        if (start === 0) this.#drop('header', bytes.length, now);
        break;
      }
      const end = HEADER.end;
      if (firstStart < 0) {
        firstStart = HEADER.dcidStart;
        firstLength = HEADER.dcidLength;
        // RFC 9000 §12.2: the packets of one datagram are all for one connection.
      } else if (!sameId(bytes, firstStart, firstLength, HEADER.dcidStart, HEADER.dcidLength)) {
        this.#drop('connection-id', end - start, now);
        start = end;
        continue;
      }
      this.#packet(bytes, start, end, now);
      start = end;
    }
    if (wasBlocked) parts.recovery.setAntiAmplificationBlocked(false);
    this.readEarly(now);
    parts.trace.detail?.updated(now);
  }

  /** Keys of this space are there now: its early packets are read after the datagram at hand. */
  expectEarly(space: number): void {
    this.#readable |= 1 << space;
  }

  /** Reads packets that came before their keys. */
  readEarly(now: number): void {
    for (let space = 0; this.#readable !== 0; space = (space + 1) % (ZERO_RTT_SLOT + 1)) {
      if ((this.#readable & (1 << space)) === 0) continue;
      this.#readable &= ~(1 << space);
      this.#replay(space, now);
    }
  }

  #replay(space: number, now: number): void {
    for (const packet of this.#parts.early.take(space)) {
      if (!this.#parts.state.isOpen) return;
      if (!readHeader(packet.bytes, 0, packet.bytes.length, this.#parts.localIds.current.length, HEADER))
        continue;
      this.#from = packet.from;
      this.#to = packet.to;
      this.#path = this.#parts.paths.find(packet.to, packet.from);
      this.#ecn = packet.ecn;
      this.#datagramSize = MIN_CLIENT_INITIAL;
      this.#packet(packet.bytes, 0, packet.bytes.length, now);
    }
  }

  #packet(bytes: Uint8Array, start: number, end: number, now: number): void {
    const parts = this.#parts;
    const { type } = HEADER;
    if (type === PacketType.VERSION_NEGOTIATION) {
      if (!parts.firstFlight.onVersionNegotiation(HEADER, bytes, now))
        this.#drop('unexpected', end - start, now);
      return;
    }
    if (type === PacketType.ONE_RTT) {
      if (!parts.localIds.matches(bytes, HEADER.dcidStart, HEADER.dcidLength)) {
        return void this.#unreadable(bytes, start, end, 'connection-id', now);
      }
      if (this.#isUnfit(HEADER.firstByte)) return void this.#unreadable(bytes, start, end, 'header', now);
      return void this.#oneRtt(bytes, start, end, now);
    }
    if (type < 0 || !parts.versions.accepts(HEADER.version, type))
      return void this.#drop('unknown-version', end - start, now);
    if (this.#isUnfit(HEADER.firstByte)) return void this.#drop('header', end - start, now);
    if (!this.#isOurs(bytes)) return void this.#drop('connection-id', end - start, now);
    if (type === PacketType.RETRY) {
      // RFC 9000 §17.2.5: the token and a tag are all that a Retry carries.
      const payloadStart = HEADER.tokenStart;
      if (!parts.firstFlight.onRetry(HEADER, bytes, start)) this.#drop('unexpected', end - start, now);
      else parts.trace.detail?.packetReceived(now, type, 0, bytes, start, payloadStart, end);
      return;
    }
    // RFC 9000 §14.1: an Initial of a client in a small datagram is not one.
    if (type === PacketType.INITIAL && parts.isServer && this.#datagramSize < MIN_CLIENT_INITIAL) {
      return void this.#drop('unexpected', end - start, now);
    }
    // RFC 9000 §17.2.2: only clients send tokens.
    if (type === PacketType.INITIAL && !parts.isServer && HEADER.tokenLength > 0)
      return void this.#drop('unexpected', end - start, now);
    if (this.#remoteIdFixed && !this.#isFromPeer(bytes))
      return void this.#drop('connection-id', end - start, now);
    if (type === PacketType.ZERO_RTT) return void this.#zeroRtt(bytes, start, end, now);
    const space = parts.spaces[
      type === PacketType.INITIAL ? Space.INITIAL : Space.HANDSHAKE
    ] as PacketNumberSpace;
    const opener =
      space.index === Space.INITIAL ? parts.versions.initialOpener(HEADER.version) : space.opener;
    if (opener === null) return void this.#keep(bytes, start, end, space, now);
    try {
      this.#long(bytes, start, end, space, opener, type, now);
    } catch (error) {
      // Whoever saw the first packet can forge Initials: once a client has better keys, no fault in them ends it.
      if (!this.#isForgeable(type) || !(error instanceof TransportError)) throw error;
      this.#drop('unexpected', end - start, now);
    }
  }

  #long(
    bytes: Uint8Array,
    start: number,
    end: number,
    space: PacketNumberSpace,
    opener: Opener,
    type: number,
    now: number,
  ): void {
    const parts = this.#parts;
    const numberOffset = HEADER.packetNumberOffset;
    if (end - numberOffset < MIN_PROTECTED) return void this.#drop('header', end - start, now);
    const { dcidStart, dcidLength, scidStart, scidLength } = HEADER;
    opener.unmask(bytes, start, numberOffset);
    const payloadStart = numberOffset + ((bytes[start] as number) & 0x03) + 1;
    const number = decodeNumber(bytes, numberOffset, payloadStart, space.acks.largest + 1);
    if (!opener.open(bytes, start, payloadStart, end, number))
      return void this.#drop('decryption', end - start, now);
    if (!this.#remoteIdFixed) {
      this.#remoteIdFixed = true;
      parts.remoteIds.replaceFirst(copyBytes(bytes, scidStart, scidStart + scidLength));
    }
    parts.firstFlight.onAuthenticPacket();
    if (type !== PacketType.ZERO_RTT) parts.versions.onAuthenticPacket(HEADER.version);
    if (((bytes[start] as number) & 0x0c) !== 0) throw reservedBits();
    if (space.index === Space.HANDSHAKE && parts.isServer) {
      // RFC 9000 §8.1: who can answer in Handshake keys got our Initial, at the address that it went to.
      // RFC 9001 §4.9.1: it needs those no more.
      if (this.#path === parts.paths.first) this.#path.addressValidated = true;
      parts.discardSpace(Space.INITIAL);
    }
    this.#frames(bytes, payloadStart, end, space, number, type, dcidStart, dcidLength, now);
  }

  #zeroRtt(bytes: Uint8Array, start: number, end: number, now: number): void {
    const { earlyData, early, spaces } = this.#parts;
    const { opener } = earlyData;
    if (opener === null) {
      const keeps =
        earlyData.mayComeTrue && early.add(bytes, start, end, ZERO_RTT_SLOT, this.#from, this.#to, this.#ecn);
      if (!keeps) this.#drop('no-keys', end - start, now);
      return;
    }
    const space = spaces[Space.APPLICATION] as PacketNumberSpace;
    this.#long(bytes, start, end, space, opener, PacketType.ZERO_RTT, now);
  }

  #oneRtt(bytes: Uint8Array, start: number, end: number, now: number): void {
    const parts = this.#parts;
    const space = parts.spaces[Space.APPLICATION] as PacketNumberSpace;
    const { phases } = space;
    const opener = phases?.opener ?? null;
    if (phases === null || opener === null) return void this.#keep(bytes, start, end, space, now);
    const numberOffset = HEADER.packetNumberOffset;
    if (end - numberOffset < MIN_PROTECTED) return void this.#unreadable(bytes, start, end, 'header', now);
    const { dcidStart, dcidLength } = HEADER;
    // A stateless reset looks like any packet until it fails to open, so its end is kept from being overwritten.
    opener.unmask(bytes, start, numberOffset);
    const first = bytes[start] as number;
    const payloadStart = numberOffset + (first & 0x03) + 1;
    const number = decodeNumber(bytes, numberOffset, payloadStart, space.acks.largest + 1);
    const phase = (first >> 2) & 1;
    const keepFor = phases.isCurrent(phase) ? 0 : parts.closingPeriod();
    const result = phases.open(bytes, start, payloadStart, end, number, phase, now, keepFor);
    if (result === 'failed') return void this.#unreadable(bytes, start, end, 'decryption', now);
    if (result === 'updated') parts.trace.keyUpdated(now, phases.generation, 'remote');
    if ((first & 0x18) !== 0) throw reservedBits();
    this.#frames(bytes, payloadStart, end, space, number, PacketType.ONE_RTT, dcidStart, dcidLength, now);
    this.#path?.spin?.onReceived(number, first & 0x20 ? 1 : 0);
  }

  #frames(
    bytes: Uint8Array,
    payloadStart: number,
    end: number,
    space: PacketNumberSpace,
    number: number,
    type: number,
    dcidStart: number,
    dcidLength: number,
    now: number,
  ): void {
    const parts = this.#parts;
    if (space.acks.isDuplicate(number)) return void this.#drop('duplicate', end - payloadStart, now);
    const isNewest = number > space.acks.largest;
    const path = this.#path ?? this.#newPath(type, isNewest, bytes, dcidStart, dcidLength, now);
    if (path === null) return;
    if (type === PacketType.HANDSHAKE && isNewest) parts.paths.onHandshakeHeard(path);
    if (path === parts.paths.active) parts.paths.isSilent = false;
    if (path.localSequence < 0 && type === PacketType.ONE_RTT)
      path.localSequence = parts.localIds.sequenceOf(bytes, dcidStart, dcidLength);
    const payloadEnd = end - 16;
    if (payloadStart >= payloadEnd) {
      throw new TransportError(TransportErrorCode.PROTOCOL_VIOLATION, 0, 'a packet without frames');
    }
    parts.idle.onReceived(now);
    path.packetsReceived++;
    parts.trace.packetReceived(now, type, number, end - payloadStart);
    // What comes before the destination id: the first byte; in long headers also version and length.
    const start = dcidStart - (type === PacketType.ONE_RTT ? 1 : 6);
    parts.trace.detail?.packetReceived(now, type, number, bytes, start, payloadStart, payloadEnd);
    const packet: ReceivedPacket = PACKET;
    packet.space = space;
    packet.packetNumber = number;
    packet.path = path;
    packet.now = now;
    packet.dcidStart = dcidStart;
    packet.dcidLength = dcidLength;
    const reader = READER.reset(bytes, payloadStart, payloadEnd);
    const allowed = PACKET_BIT[type] as number;
    let ackEliciting = false;
    let probing = true;
    let useless = 0;
    while (reader.offset < payloadEnd) {
      readFrame(reader, FRAME_RECORD);
      const rule = frameRule(FRAME_RECORD.type);
      if (rule === undefined) continue;
      if ((rule.packets & allowed) === 0) {
        throw new TransportError(
          TransportErrorCode.PROTOCOL_VIOLATION,
          rule.type,
          `${rule.name} in a wrong packet type`,
        );
      }
      // A server that closes says so in Handshake keys too (RFC 9000 §10.2.3).
      if (FRAME_RECORD.kind === FRAME.CONNECTION_CLOSE && this.#isForgeable(type)) continue;
      if (rule.ackEliciting) ackEliciting = true;
      if (type === PacketType.ZERO_RTT && FRAME_RECORD.kind === FRAME.STREAM)
        parts.earlyData.noteStream(FRAME_RECORD.streamId);
      if (!rule.probing) probing = false;
      const handler = frameHandler(FRAME_RECORD.kind);
      if (
        handler === undefined
          ? FRAME_RECORD.kind === FRAME.PING
          : !handler(parts, FRAME_RECORD, bytes, packet)
      )
        useless++;
      if (!parts.state.isOpen) return;
    }
    // Not before all frames were read: each may bring an id for another path.
    if (parts.remoteIds.isUsedIdRetired) parts.paths.replaceRetiredIds();
    this.#useless.onPacket(useless, FRAME_RECORD.type);
    if (!space.discarded) space.acks.received(number, ackEliciting, now, this.#ecn);
    if (type === PacketType.ONE_RTT && !probing && number > this.#largestNonProbing) {
      this.#largestNonProbing = number;
      parts.paths.onPeerMoved(path, now);
    }
  }

  /** RFC 9000 §17.2, §17.3.1: the fixed bit is 1; RFC 9287 §3: unless we said that it need not be. */
  #isUnfit(firstByte: number): boolean {
    return (firstByte & 0x40) === 0 && this.#parts.config.greaseQuicBit !== true;
  }

  /** The packet is protected with keys that everybody knows, though both sides have others (RFC 9001 §4.9.1). */
  #isForgeable(type: number): boolean {
    const { isServer, spaces } = this.#parts;
    return type === PacketType.INITIAL && !isServer && spaces[Space.HANDSHAKE]?.canReceive === true;
  }

  /** A path for an address that was not seen before; asked only for packets that are authentic and no replays. */
  #newPath(
    type: number,
    isNewest: boolean,
    bytes: Uint8Array,
    dcidStart: number,
    dcidLength: number,
    now: number,
  ): Path | null {
    // Initial and 0-RTT packets prove nothing: anybody can make the former, and repeat the latter.
    if (type !== PacketType.ONE_RTT && !(type === PacketType.HANDSHAKE && isNewest)) return null;
    // Nobody can be answered at port 0; a source like that was made up (RFC 9000 §21.5).
    if (this.#from.port === 0) return null;
    const { localIds, paths } = this.#parts;
    const sequence = localIds.isZeroLength ? -1 : localIds.sequenceOf(bytes, dcidStart, dcidLength);
    const path = paths.open(this.#to, this.#from, sequence, now);
    if (path !== null) path.bytesReceived = this.#datagramSize;
    this.#path = path;
    return path;
  }

  #isOurs(bytes: Uint8Array): boolean {
    const { dcidStart, dcidLength } = HEADER;
    if (this.#parts.localIds.matches(bytes, dcidStart, dcidLength)) return true;
    const original = this.#originalId;
    if (original === null || original.length !== dcidLength) return false;
    for (let i = 0; i < dcidLength; i++) if (original[i] !== bytes[dcidStart + i]) return false;
    return true;
  }

  #isFromPeer(bytes: Uint8Array): boolean {
    const { connectionId } = this.#parts.remoteIds.handshakeId;
    if (connectionId.length !== HEADER.scidLength) return false;
    for (let i = 0; i < connectionId.length; i++)
      if (connectionId[i] !== bytes[HEADER.scidStart + i]) return false;
    return true;
  }

  #keep(bytes: Uint8Array, start: number, end: number, space: PacketNumberSpace, now: number): void {
    if (space.discarded) return void this.#drop('no-keys', end - start, now);
    if (this.#parts.early.add(bytes, start, end, space.index, this.#from, this.#to, this.#ecn)) return;
    this.#drop('early-buffer-full', end - start, now);
  }

  /** A short header packet that cannot be read may be a stateless reset (RFC 9000 §10.3.1). */
  #unreadable(bytes: Uint8Array, start: number, end: number, reason: DropReason, now: number): void {
    const parts = this.#parts;
    if (
      start === 0 &&
      end >= MIN_STATELESS_RESET &&
      parts.remoteIds.isResetToken(bytes.subarray(end - 16, end))
    ) {
      parts.closer.onStatelessReset(now, parts.closingPeriod());
      return;
    }
    this.#drop(reason, end - start, now);
  }

  #drop(reason: DropReason, size: number, now: number): void {
    this.#parts.trace.packetDropped(now, reason, size);
  }
}

function decodeNumber(bytes: Uint8Array, offset: number, end: number, expected: number): number {
  let truncated = 0;
  for (let i = offset; i < end; i++) truncated = truncated * 256 + (bytes[i] as number);
  return decodePacketNumber(truncated, end - offset, expected);
}

function sameId(bytes: Uint8Array, a: number, aLength: number, b: number, bLength: number): boolean {
  if (aLength !== bLength) return false;
  for (let i = 0; i < aLength; i++) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
}

function reservedBits(): TransportError {
  // RFC 9000 §17.2, §17.3.1: judged only after the packet proved authentic.
  return new TransportError(TransportErrorCode.PROTOCOL_VIOLATION, 0, 'reserved header bits are set');
}

/** RFC 9000 §14.1. */
const MIN_CLIENT_INITIAL = 1200;

/** RFC 9000 §10.3: shorter datagrams are no stateless reset. */
const MIN_STATELESS_RESET = 21;

/** 4 bytes for the longest packet number and 16 for the sample or tag (RFC 9001 §5.4.2). */
const MIN_PROTECTED = 20;

/** Datagrams are read one at a time, so one of each serves every connection. */
const HEADER = new PacketHeader();
const READER = new Reader();
const FRAME_RECORD = new Frame();
const PACKET = {} as ReceivedPacket;
