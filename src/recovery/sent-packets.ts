// The ledger of sent packets of one packet number space: flat arrays, nothing allocated per packet in the steady state.
// Owns storage, look-up by packet number and the tokens of each packet. Knows nothing about acknowledgements, loss or
// time; what happens to a packet is decided in space-recovery.ts.
//
// Packets lie in a ring in the order of their numbers. As long as nothing was squeezed out, the place of a number is
// its distance from the oldest one; else that distance bounds a binary search. When the ring is full, settled packets
// and all but the latest ACK-only ones are squeezed out first, and it is doubled only if that did not free half of it.
// So one old packet that is never acknowledged does not hold the space of those after it, and memory follows the
// packets that are really outstanding.

import { invariant } from '../errors.ts';
import type { PathRecovery } from './path-recovery.ts';

/** Most packets in the ledger of a space; with one more the oldest is declared lost. */
export const MAX_TRACKED_PACKETS = 65_536;

/** Most tokens in the ledger of a space; with more the oldest packets are declared lost. */
export const MAX_TRACKED_TOKENS = 262_144;

/** ACK-only packets that survive when room is made: the latest ones, as they say most about what the peer knows. */
export const MAX_ACK_ONLY_KEPT = 16;

/** Bits of a packet's state. */
export const SentFlag = {
  /** Sent, and neither acknowledged nor lost nor forgotten. */
  OUTSTANDING: 1,
  ACK_ELICITING: 2,
  /** Counts towards bytes in flight. */
  IN_FLIGHT: 4,
  /** Its loss says nothing about congestion (RFC 9000 §14.4). */
  MTU_PROBE: 8,
  ACKED: 16,
  /** An acknowledged packet was squeezed out between this one and the one before. */
  AFTER_ACKED: 32,
  /** Left with the ECN mark ECT(0). */
  ECT0: 64,
  /** There was nothing more to send when it left. */
  APP_LIMITED: 128,
} as const;

/**
 * `head` to `tail` are running positions; a position's slot is `position & mask`. Slots stay readable after `head` has
 * passed them until the next packet begins.
 */
export class SentPackets {
  head = 0;
  tail = 0;
  mask = 0;
  /** The highest number that was begun; -1 before the first. */
  last = -1;
  /** Per slot: packet number, send time, first token, and the path's counters at that time (see the constants). */
  #doubles: Float64Array = NO_DOUBLES;
  /** Per slot: size, number of tokens, flags. */
  #shorts: Uint16Array = NO_SHORTS;
  #paths: (PathRecovery | null)[] = [];

  /** Four numbers per token; positions run on like those of packets. */
  #tokens: Float64Array = NO_DOUBLES;
  #tokenHead = 0;
  #tokenTail = 0;
  #tokenMask = 0;

  readonly #maxPackets: number;
  readonly #maxTokens: number;
  #open = false;
  #openTokens = 0;
  /** The next packet gets AFTER_ACKED. */
  #afterAcked = false;

  constructor(maxPackets: number = MAX_TRACKED_PACKETS, maxTokens: number = MAX_TRACKED_TOKENS) {
    this.#maxPackets = maxPackets;
    this.#maxTokens = maxTokens;
  }

  get length(): number {
    return this.tail - this.head;
  }

  /** Allocated places for packets. */
  get capacity(): number {
    return this.#paths.length;
  }

  /** Tokens held for packets in the ledger. */
  get tokenCount(): number {
    return this.#tokenTail - this.#tokenHead;
  }

  /**
   * Whether the limits are reached and squeezing did not help: the caller has to settle the oldest packets until
   * `crowded` is false, which leaves an eighth free so that this does not happen with every packet.
   */
  get overfull(): boolean {
    if (this.length < this.#maxPackets && this.tokenCount < this.#maxTokens) return false;
    this.#squeeze();
    return this.crowded;
  }

  get crowded(): boolean {
    return this.length > (this.#maxPackets * 7) / 8 || this.tokenCount > (this.#maxTokens * 7) / 8;
  }

  /** Opens the packet with the next number: one above `last`. */
  begin(packetNumber: number): void {
    invariant(!this.#open && packetNumber === this.last + 1, 'packet numbers follow one another');
    if (this.length === this.capacity) this.#makeRoom();
    this.last = packetNumber;
    this.#openTokens = this.#tokenTail;
    this.#open = true;
  }

  /** Remembers four numbers for the open packet. */
  token(kind: number, a: number, b: number, c: number): void {
    if (this.#tokenTail - this.#tokenHead === this.#tokens.length / TOKEN) this.#makeTokenRoom();
    const at = (this.#tokenTail++ & this.#tokenMask) * TOKEN;
    const tokens = this.#tokens;
    tokens[at] = kind;
    tokens[at + 1] = a;
    tokens[at + 2] = b;
    tokens[at + 3] = c;
  }

  /** Closes the open packet; its flags become `flags` and OUTSTANDING. */
  end(now: number, size: number, flags: number, path: PathRecovery): void {
    invariant(this.#open, 'no packet is open');
    const slot = this.tail++ & this.mask;
    const doubles = this.#doubles;
    const at = slot * DOUBLES;
    doubles[at + PACKET_NUMBER] = this.last;
    doubles[at + SENT_TIME] = now;
    doubles[at + FIRST_TOKEN] = this.#openTokens;
    const { rate } = path;
    doubles[at + DELIVERED] = rate.delivered;
    doubles[at + DELIVERED_TIME] = rate.deliveredTime;
    doubles[at + FIRST_SENT_TIME] = rate.firstSentTime;
    doubles[at + IN_FLIGHT] = path.bytesInFlight;
    doubles[at + LOST] = rate.lost;
    const shorts = this.#shorts;
    shorts[slot * SHORTS + SIZE] = size;
    shorts[slot * SHORTS + TOKEN_COUNT] = this.#tokenTail - this.#openTokens;
    shorts[slot * SHORTS + FLAGS] =
      flags | SentFlag.OUTSTANDING | (this.#afterAcked ? SentFlag.AFTER_ACKED : 0);
    this.#paths[slot] = path;
    this.#open = false;
    this.#afterAcked = false;
  }

  /** The open packet was not sent after all; its number can be used again. */
  abort(): void {
    invariant(this.#open, 'no packet is open');
    this.#tokenTail = this.#openTokens;
    this.last--;
    this.#open = false;
  }

  /** Notes that a number is left out on purpose. */
  skip(packetNumber: number): void {
    invariant(!this.#open && packetNumber === this.last + 1, 'packet numbers follow one another');
    this.last = packetNumber;
  }

  /** First position whose packet number is `packetNumber` or above; `tail` if there is none. */
  find(packetNumber: number): number {
    if (this.head === this.tail) return this.tail;
    const first = this.packetNumber(this.head & this.mask);
    const newest = this.packetNumber((this.tail - 1) & this.mask);
    if (packetNumber <= first) return this.head;
    if (packetNumber > newest) return this.tail;
    // Numbers rise by one or more per place, which bounds the place from both ends; without gaps the bounds meet.
    let low = Math.max(this.head, this.tail - 1 - (newest - packetNumber));
    let high = Math.min(this.tail - 1, this.head + (packetNumber - first));
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.packetNumber(middle & this.mask) < packetNumber) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  packetNumber(slot: number): number {
    return this.#doubles[slot * DOUBLES + PACKET_NUMBER];
  }

  sentTime(slot: number): number {
    return this.#doubles[slot * DOUBLES + SENT_TIME];
  }

  /** What the path had delivered when the packet left, bytes. */
  delivered(slot: number): number {
    return this.#doubles[slot * DOUBLES + DELIVERED];
  }

  /** When the path had last delivered something as the packet left. */
  deliveredTime(slot: number): number {
    return this.#doubles[slot * DOUBLES + DELIVERED_TIME];
  }

  /** When the packet left that was the latest delivered one as this one left. */
  firstSentTime(slot: number): number {
    return this.#doubles[slot * DOUBLES + FIRST_SENT_TIME];
  }

  /** Bytes in flight on the path as the packet left, with it. */
  sentInFlight(slot: number): number {
    return this.#doubles[slot * DOUBLES + IN_FLIGHT];
  }

  /** Bytes that the path had lost when the packet left. */
  lostBefore(slot: number): number {
    return this.#doubles[slot * DOUBLES + LOST];
  }

  size(slot: number): number {
    return this.#shorts[slot * SHORTS + SIZE];
  }

  flags(slot: number): number {
    return this.#shorts[slot * SHORTS + FLAGS];
  }

  setFlags(slot: number, flags: number): void {
    this.#shorts[slot * SHORTS + FLAGS] = flags;
  }

  path(slot: number): PathRecovery | null {
    return this.#paths[slot] ?? null;
  }

  /** How many tokens the packet still has. */
  tokensOf(slot: number): number {
    return this.#shorts[slot * SHORTS + TOKEN_COUNT];
  }

  /** Hands the tokens of a packet to `sink`, in the order of writing, and takes them from the packet. */
  takeTokens(slot: number, space: number, sink: TokenSink): void {
    let position = this.#doubles[slot * DOUBLES + FIRST_TOKEN];
    const end = position + this.#shorts[slot * SHORTS + TOKEN_COUNT];
    this.#shorts[slot * SHORTS + TOKEN_COUNT] = 0;
    for (; position < end; position++) {
      const tokens = this.#tokens;
      if (tokens === NO_DOUBLES) return; // the sink discarded the whole space
      const at = (position & this.#tokenMask) * TOKEN;
      sink(space, tokens[at], tokens[at + 1], tokens[at + 2], tokens[at + 3]);
    }
  }

  /** Whether the packet has tokens of another kind. */
  hasTokensBesides(kind: number, slot: number): boolean {
    const first = this.#doubles[slot * DOUBLES + FIRST_TOKEN];
    for (let position = first; position < first + this.tokensOf(slot); position++) {
      if (this.#tokens[(position & this.#tokenMask) * TOKEN] !== kind) return true;
    }
    return false;
  }

  /** The same as `takeTokens` for tokens of all kinds but one, which stay. */
  takeTokensBesides(kind: number, slot: number, space: number, sink: TokenSink): void {
    const first = this.#doubles[slot * DOUBLES + FIRST_TOKEN];
    const end = first + this.tokensOf(slot);
    let kept = first;
    this.#shorts[slot * SHORTS + TOKEN_COUNT] = 0;
    for (let position = first; position < end; position++) {
      const tokens = this.#tokens;
      if (tokens === NO_DOUBLES) return; // as above
      const at = (position & this.#tokenMask) * TOKEN;
      if (tokens[at] === kind) tokens.copyWithin((kept++ & this.#tokenMask) * TOKEN, at, at + TOKEN);
      else sink(space, tokens[at], tokens[at + 1], tokens[at + 2], tokens[at + 3]);
    }
    this.#shorts[slot * SHORTS + TOKEN_COUNT] = kept - first;
  }

  /** Lets go of the oldest packets that are settled, up to the first outstanding one. */
  advance(): void {
    while (this.head < this.tail && (this.flags(this.head & this.mask) & SentFlag.OUTSTANDING) === 0)
      this.head++;
    if (this.head < this.tail) {
      this.#tokenHead = this.#doubles[(this.head & this.mask) * DOUBLES + FIRST_TOKEN];
    } else this.#tokenHead = this.#open ? this.#openTokens : this.#tokenTail;
  }

  /** Gives the memory of a long burst back once nothing is outstanding, so that an idle connection is a small one. */
  trim(): boolean {
    if (this.length > 0 || this.#open || this.capacity <= IDLE_CAPACITY) return false;
    this.clear();
    return true;
  }

  /** Forgets all packets and gives the memory back; `last` stays. */
  clear(): void {
    this.head = this.tail = this.mask = 0;
    this.#doubles = NO_DOUBLES;
    this.#shorts = NO_SHORTS;
    this.#paths = [];
    this.#tokens = NO_DOUBLES;
    this.#tokenHead = this.#tokenTail = this.#tokenMask = this.#openTokens = 0;
    this.#open = false;
    this.#afterAcked = false;
  }

  /** Squeezes out what is settled, and doubles the ring if that leaves it more than half full. */
  #makeRoom(): void {
    this.#squeeze();
    const capacity = this.capacity;
    if (capacity > 0 && this.length <= capacity / 2) return;
    const grown = Math.max(MIN_PACKETS, 2 * capacity);
    const doubles = new Float64Array(grown * DOUBLES);
    const shorts = new Uint16Array(grown * SHORTS);
    const paths: (PathRecovery | null)[] = new Array(grown).fill(null);
    for (let position = this.head; position < this.tail; position++) {
      const from = position & this.mask;
      const to = position & (grown - 1);
      for (let i = 0; i < DOUBLES; i++) doubles[to * DOUBLES + i] = this.#doubles[from * DOUBLES + i];
      for (let i = 0; i < SHORTS; i++) shorts[to * SHORTS + i] = this.#shorts[from * SHORTS + i];
      paths[to] = this.#paths[from];
    }
    this.#doubles = doubles;
    this.#shorts = shorts;
    this.#paths = paths;
    this.mask = grown - 1;
  }

  #makeTokenRoom(): void {
    this.#squeeze();
    const capacity = this.#tokens.length / TOKEN;
    if (capacity > 0 && this.tokenCount <= capacity / 2) return;
    const grown = Math.max(MIN_TOKENS, 2 * capacity);
    const tokens = new Float64Array(grown * TOKEN);
    for (let position = this.#tokenHead; position < this.#tokenTail; position++) {
      copyToken(this.#tokens, position & this.#tokenMask, tokens, position & (grown - 1));
    }
    this.#tokens = tokens;
    this.#tokenMask = grown - 1;
  }

  /** Moves what is still wanted, packets and tokens, together at the head. */
  #squeeze(): void {
    this.#forgetAckOnly();
    this.advance();
    let to = this.head;
    let tokenTo = this.#tokenHead;
    let afterAcked = false;
    for (let from = this.head; from < this.tail; from++) {
      const flags = this.flags(from & this.mask);
      if ((flags & (SentFlag.ACKED | SentFlag.AFTER_ACKED)) !== 0) afterAcked = true;
      if ((flags & SentFlag.OUTSTANDING) === 0) continue;
      const first = this.#doubles[(from & this.mask) * DOUBLES + FIRST_TOKEN];
      const end = first + this.#shorts[(from & this.mask) * SHORTS + TOKEN_COUNT];
      if (from !== to) this.#move(from & this.mask, to & this.mask);
      const slot = to++ & this.mask;
      if (afterAcked) this.setFlags(slot, this.flags(slot) | SentFlag.AFTER_ACKED);
      afterAcked = false;
      this.#doubles[slot * DOUBLES + FIRST_TOKEN] = tokenTo;
      tokenTo = this.#moveTokens(first, end, tokenTo);
    }
    this.#afterAcked ||= afterAcked;
    this.tail = to;
    if (this.#open) {
      const first = this.#openTokens;
      this.#openTokens = tokenTo;
      this.#tokenTail = this.#moveTokens(first, this.#tokenTail, tokenTo);
    } else this.#tokenTail = tokenTo;
  }

  /**
   * ACK-only packets are kept to learn that their ACK arrived, nothing more, and nobody need ever acknowledge them.
   * All but the latest are forgotten without a word: their tokens stand for nothing that would have to be sent again.
   */
  #forgetAckOnly(): void {
    let kept = 0;
    for (let position = this.tail - 1; position >= this.head; position--) {
      const slot = position & this.mask;
      const flags = this.flags(slot);
      if ((flags & (SentFlag.OUTSTANDING | SentFlag.IN_FLIGHT)) !== SentFlag.OUTSTANDING) continue;
      if (++kept > MAX_ACK_ONLY_KEPT) this.setFlags(slot, flags & ~SentFlag.OUTSTANDING);
    }
  }

  #move(from: number, to: number): void {
    this.#doubles.copyWithin(to * DOUBLES, from * DOUBLES, (from + 1) * DOUBLES);
    this.#shorts.copyWithin(to * SHORTS, from * SHORTS, (from + 1) * SHORTS);
    this.#paths[to] = this.#paths[from];
    this.#paths[from] = null;
  }

  #moveTokens(first: number, end: number, to: number): number {
    if (first === to) return end;
    let target = to;
    for (let position = first; position < end; position++, target++) {
      copyToken(this.#tokens, position & this.#tokenMask, this.#tokens, target & this.#tokenMask);
    }
    return target;
  }
}

/** Receives a token: packet number space, then the four numbers. */
export type TokenSink = (space: number, kind: number, a: number, b: number, c: number) => void;

function copyToken(source: Float64Array, from: number, target: Float64Array, to: number): void {
  for (let i = 0; i < TOKEN; i++) target[to * TOKEN + i] = source[from * TOKEN + i];
}

const PACKET_NUMBER = 0;
const SENT_TIME = 1;
const FIRST_TOKEN = 2;
const DELIVERED = 3;
const DELIVERED_TIME = 4;
const FIRST_SENT_TIME = 5;
const IN_FLIGHT = 6;
const LOST = 7;
const DOUBLES = 8;

const SIZE = 0;
const TOKEN_COUNT = 1;
const FLAGS = 2;
const SHORTS = 3;

const TOKEN = 4;
const MIN_PACKETS = 16;
const IDLE_CAPACITY = 256;
const MIN_TOKENS = 16;
const NO_DOUBLES: Float64Array = new Float64Array(0);
const NO_SHORTS: Uint16Array = new Uint16Array(0);
