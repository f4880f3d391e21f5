// One datagram under construction: up to three coalesced packets (RFC 9000 §12.2), their headers, room, padding and
// sealing. Keeps the tokens of each packet until the datagram is finished. Knows no frame but PADDING.

import { type RandomSource, TAG_LENGTH } from '../crypto/provider.ts';
import type { Trace } from '../trace/trace.ts';
import {
  FIXED_BIT,
  PacketType,
  packetNumberLength,
  writeLongHeader,
  writeShortHeader,
} from '../wire/header.ts';
import type { VersionInfo } from '../wire/versions.ts';
import { Writer } from '../wire/writer.ts';
import { type Intent, type PacketBuilder, TokenKind } from './part.ts';
import type { Path } from './path.ts';
import { type PacketNumberSpace, Space } from './space.ts';

/** What the headers of all packets of a connection need. */
export interface HeaderContext {
  version: VersionInfo;
  /** Of the first flight, and of all 0-RTT packets (RFC 9369 §4.1). */
  original: VersionInfo;
  /** Where the fixed bit comes from, if it is not fixed (RFC 9287). */
  quicBit: RandomSource | null;
  localId: Uint8Array;
  /** Goes into every Initial of a client that was given one (RFC 9000 §8.1.2). */
  token: Uint8Array | null;
}

/** Hears of each packet when the datagram is finished. */
export interface SentPacketSink {
  readonly trace: Trace;
  packetSent(builder: DatagramBuilder, at: number, size: number): void;
}

const MAX_PACKETS = 3;

export class DatagramBuilder implements PacketBuilder {
  readonly writer: Writer = new Writer(new Uint8Array(0));
  space = 0;
  intent: Intent = 'normal';
  path!: Path;
  now = 0;

  /** A frame in it probes a path, which asks for 1200 bytes (RFC 9000 §8.2.1). */
  carriesPathProbe = false;
  /** Packets so far, and for each: space, number, layout in the buffer, tokens, kind. */
  count = 0;
  readonly spaces: (PacketNumberSpace | null)[] = [null, null, null];
  readonly numbers: Float64Array = new Float64Array(MAX_PACKETS);
  readonly elicits: boolean[] = [false, false, false];
  readonly inFlight: boolean[] = [false, false, false];
  readonly tokenStart: Int32Array = new Int32Array(MAX_PACKETS + 1);
  tokens: Float64Array = new Float64Array(4 * 64);
  readonly #starts = new Int32Array(MAX_PACKETS);
  readonly #numberOffsets = new Int32Array(MAX_PACKETS);
  readonly #payloadStarts = new Int32Array(MAX_PACKETS);
  readonly #payloadEnds = new Int32Array(MAX_PACKETS);
  readonly #lengthOffsets = new Int32Array(MAX_PACKETS);

  #out: Uint8Array = new Uint8Array(0);
  #start = 0;
  #limit = 0;
  #open = false;
  #frameStart = 0;

  /** Begins a datagram in `out[start, limit)`. */
  begin(out: Uint8Array, start: number, limit: number, path: Path, intent: Intent, now: number): void {
    this.#out = out;
    this.#start = start;
    this.#limit = limit;
    this.path = path;
    this.intent = intent;
    this.now = now;
    this.count = 0;
    this.carriesPathProbe = false;
    this.tokenStart[0] = 0;
  }

  /** Begins the next packet. False if there is no room for a useful one. */
  openPacket(space: PacketNumberSpace, header: HeaderContext, largestAcked: number): boolean {
    const at = this.count === 0 ? this.#start : (this.#payloadEnds[this.count - 1] as number) + TAG_LENGTH;
    const end = this.#limit - TAG_LENGTH;
    const { connectionId } = this.path.remoteId;
    let headerSize = 1 + connectionId.length + MAX_PACKET_NUMBER;
    const isShort = space.phases !== null;
    if (!isShort) headerSize += LONG_HEADER_EXTRA + header.localId.length;
    if (space.index === Space.INITIAL) headerSize += header.token?.length ?? 0;
    if (end - at < headerSize + MIN_FRAMES) return false;
    const writer = this.writer.reset(this.#out, at, end);
    const number = space.nextPacketNumber;
    const length = packetNumberLength(number, largestAcked);
    const i = this.count;
    this.#starts[i] = at;
    if (isShort) {
      writeShortHeader(
        writer,
        connectionId,
        this.path.spin?.value ?? 0,
        space.phases?.sendPhase ?? 0,
        number,
        length,
      );
      this.#lengthOffsets[i] = -1;
    } else {
      const type = LONG_TYPE_OF_SPACE[space.index] as PacketType;
      this.#lengthOffsets[i] = writeLongHeader(
        writer,
        type === PacketType.ZERO_RTT ? header.original : header.version,
        type,
        connectionId,
        header.localId,
        type === PacketType.INITIAL ? (header.token ?? NO_TOKEN) : null,
        number,
        length,
      );
    }
    if (header.quicBit?.integer(2) === 0) (this.#out[at] as number) &= ~FIXED_BIT;
    this.space = space.index;
    this.spaces[i] = space;
    this.numbers[i] = number;
    this.elicits[i] = false;
    this.inFlight[i] = false;
    this.#payloadStarts[i] = writer.offset;
    this.#numberOffsets[i] = writer.offset - length;
    this.tokenStart[i + 1] = this.tokenStart[i] as number;
    this.#frameStart = writer.offset;
    this.#open = true;
    return true;
  }

  token(kind: number, a: number, b: number, c: number): void {
    let at = (this.tokenStart[this.count + 1] as number) * 4;
    if (at + 4 > this.tokens.length) {
      const larger = new Float64Array(this.tokens.length * 2);
      larger.set(this.tokens);
      this.tokens = larger;
    }
    const tokens = this.tokens;
    tokens[at++] = kind;
    tokens[at++] = a;
    tokens[at++] = b;
    tokens[at] = c;
    (this.tokenStart[this.count + 1] as number)++;
    if (kind === TokenKind.PATH_CHALLENGE) this.carriesPathProbe = true;
    if (kind !== TokenKind.ACK) this.ackEliciting();
  }

  ackEliciting(): void {
    this.elicits[this.count] = true;
    this.inFlight[this.count] = true;
  }

  get isAckEliciting(): boolean {
    return this.elicits[this.count] as boolean;
  }

  /** Frames were written into the open packet. */
  get hasFrames(): boolean {
    return this.writer.offset > this.#frameStart;
  }

  /** Ends the open packet, or forgets it if nothing was written. */
  closePacket(): boolean {
    if (!this.#open) return false;
    this.#open = false;
    if (!this.hasFrames) return false;
    const i = this.count;
    const writer = this.writer;
    // RFC 9001 §5.4.2: the header mask is made from a sample 4 bytes after the start of the packet number.
    const short = 4 - (writer.offset - (this.#numberOffsets[i] as number));
    if (short > 0) writer.fill(0, short);
    this.#payloadEnds[i] = writer.offset;
    this.count++;
    return true;
  }

  /** Any packet of the datagram is an ack-eliciting Initial, which must not come in a small datagram. */
  get hasAckElicitingInitial(): boolean {
    return this.count > 0 && this.spaces[0]?.index === Space.INITIAL && (this.elicits[0] as boolean);
  }

  get hasInitial(): boolean {
    return this.count > 0 && this.spaces[0]?.index === Space.INITIAL;
  }

  /** Bytes of the datagram so far. */
  get length(): number {
    return this.count === 0 ? 0 : (this.#payloadEnds[this.count - 1] as number) + TAG_LENGTH - this.#start;
  }

  /** Pads to `atLeast` bytes, seals every packet and reports it. Returns the length of the datagram. */
  finish(atLeast: number, sink: SentPacketSink): number {
    const last = this.count - 1;
    const padding = Math.min(atLeast, this.#limit - this.#start) - this.length;
    if (padding > 0) {
      const from = this.#payloadEnds[last] as number;
      this.#out.fill(0, from, from + padding);
      this.#payloadEnds[last] = from + padding;
      // RFC 9002 §2: a packet with PADDING is in flight.
      this.inFlight[last] = true;
    }
    for (let i = 0; i < this.count; i++) {
      const space = this.spaces[i] as PacketNumberSpace;
      const number = this.numbers[i] as number;
      const payloadEnd = this.#payloadEnds[i] as number;
      const numberOffset = this.#numberOffsets[i] as number;
      const lengthOffset = this.#lengthOffsets[i] as number;
      if (lengthOffset >= 0) this.writer.patchVarint2(lengthOffset, payloadEnd + TAG_LENGTH - numberOffset);
      const isClose = this.intent === 'close';
      const sealer = space.phases !== null ? space.phases.sealerFor(number, isClose) : space.sealer;
      const start = this.#starts[i] as number;
      const { detail } = sink.trace;
      if (detail) {
        const type = lengthOffset < 0 ? PacketType.ONE_RTT : (LONG_TYPE_OF_SPACE[space.index] as number);
        const payloadStart = this.#payloadStarts[i] as number;
        detail.packetSent(this.now, type, number, this.#out, start, payloadStart, payloadEnd, this.intent);
      }
      sealer?.seal(this.#out, start, numberOffset, this.#payloadStarts[i] as number, payloadEnd, number);
      sink.packetSent(this, i, payloadEnd + TAG_LENGTH - start);
      this.spaces[i] = null;
    }
    return (this.#payloadEnds[last] as number) + TAG_LENGTH - this.#start;
  }
}

const MAX_PACKET_NUMBER = 4;

/** What a long header has more: version, lengths of the two ids, of the token and of the packet (RFC 9000 §17.2). */
const LONG_HEADER_EXTRA = 4 + 1 + 1 + 2 + 2;

/** A packet with less room than this is not begun. */
const MIN_FRAMES = 24;

/** In the application's space long headers are those of 0-RTT. */
const LONG_TYPE_OF_SPACE: readonly PacketType[] = [
  PacketType.INITIAL,
  PacketType.HANDSHAKE,
  PacketType.ZERO_RTT,
];

const NO_TOKEN = new Uint8Array(0);
