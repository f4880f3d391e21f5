// Reassembly of one stream: bytes that came, in or out of order, until the application reads them.
// Bytes are copied into blocks at fixed places of the stream, so that a piece costs its bytes and two numbers,
// however it was cut (RFC 9000 §21.7). What overlaps keeps what came first. Knows no limits and no states.

import { PartViews } from '../../util/part-view.ts';
import { RangeSet } from '../../util/range-set.ts';
import { BLOCK_SIZES, type BlockPool } from './block-pool.ts';
import { firstEndingAfter } from './ranges.ts';

/** What the streams of a connection hold together. */
export class ReassemblyMeter {
  /** Bytes that came and were not read. */
  bytes = 0;
  /** Pieces that came before what precedes them. */
  pieces = 0;
}

export class RecvBuffer {
  readonly #pool: BlockPool;
  readonly #meter: ReassemblyMeter;
  /** Blocks of the stream's places, from `#firstPlace` on; null where nothing came yet. */
  #blocks: (Uint8Array | null)[] = [];
  #firstPlace = 0;
  /** Parts of the first block were given out: it cannot go back to the pool. */
  #firstLent = false;
  /** Ranges that came, above `received`. */
  #ahead: RangeSet | null = null;
  /** What lies above is not given out. */
  limit: number = Number.POSITIVE_INFINITY;
  /** Bytes below were read. */
  read = 0;
  /** Bytes below came without a gap. */
  received = 0;

  constructor(pool: BlockPool, meter: ReassemblyMeter) {
    this.#pool = pool;
    this.#meter = meter;
  }

  /** Bytes that can be read now. */
  get readable(): number {
    return Math.max(0, Math.min(this.received, this.limit) - this.read);
  }

  /** Pieces beyond the first gap. */
  get pieces(): number {
    return this.#ahead === null ? 0 : this.#ahead.size;
  }

  /** Takes `bytes[from, from + length)` for `offset`; copies what is new. */
  insert(bytes: Uint8Array, from: number, offset: number, length: number): void {
    const end = offset + length;
    if (end <= this.received) return;
    const start = Math.max(offset, this.received);
    const source = from + (start - offset);
    const ahead = this.#ahead;
    if (start === this.received && (ahead === null || ahead.size === 0 || end < ahead.start(0))) {
      this.#copy(bytes, source, start, end);
      this.received = end;
      return;
    }
    this.#insertAround(bytes, source, start, end, ahead ?? new RangeSet());
  }

  /** Copies what can be read into `out`, as far as it goes. */
  readInto(out: Uint8Array): number {
    const total = Math.min(out.length, this.readable);
    let at = 0;
    while (at < total) {
      const block = this.#blocks[0] as Uint8Array;
      const from = this.read - placeStart(this.#firstPlace);
      const take = Math.min(total - at, placeEnd(this.#firstPlace) - this.read);
      out.set(block.subarray(from, from + take), at);
      at += take;
      this.#advance(take);
    }
    return total;
  }

  /** The next bytes, as far as they lie together; the memory belongs to the caller from now on. Null if there are none. */
  takeChunk(): Uint8Array | null {
    if (this.readable === 0) return null;
    const block = this.#blocks[0] as Uint8Array;
    const from = this.read - placeStart(this.#firstPlace);
    const take = Math.min(this.received, this.limit, placeEnd(this.#firstPlace)) - this.read;
    this.#firstLent = true;
    this.#advance(take);
    return block.subarray(from, from + take);
  }

  /** Drops up to `length` readable bytes; returns how many. */
  skip(length: number): number {
    const total = Math.min(length, this.readable);
    let left = total;
    while (left > 0) {
      const take = Math.min(left, placeEnd(this.#firstPlace) - this.read);
      this.#advance(take);
      left -= take;
    }
    return total;
  }

  /** Forgets everything; nothing is read or inserted afterwards. */
  clear(): void {
    this.#meter.bytes -= this.received - this.read;
    if (this.#ahead !== null) {
      for (let i = 0; i < this.#ahead.size; i++)
        this.#meter.bytes -= this.#ahead.end(i) - this.#ahead.start(i);
      this.#meter.pieces -= this.#ahead.size;
      this.#ahead = null;
    }
    for (let i = 0; i < this.#blocks.length; i++) this.#dropBlock(i);
    this.#blocks = [];
    this.read = this.received;
  }

  #insertAround(bytes: Uint8Array, source: number, start: number, end: number, ahead: RangeSet): void {
    this.#ahead = ahead;
    const before = ahead.size;
    let at = start;
    for (let i = firstEndingAfter(ahead, start); i < ahead.size && ahead.start(i) < end; i++) {
      if (ahead.start(i) > at) this.#copy(bytes, source + (at - start), at, ahead.start(i));
      at = Math.max(at, ahead.end(i));
    }
    if (at < end) this.#copy(bytes, source + (at - start), at, end);
    if (start === this.received) {
      this.received = end;
      while (ahead.size > 0 && ahead.start(0) <= this.received) {
        this.received = Math.max(this.received, ahead.end(0));
        ahead.dropFirst();
      }
    } else {
      ahead.add(start, end);
    }
    this.#meter.pieces += ahead.size - before;
  }

  #copy(bytes: Uint8Array, source: number, start: number, end: number): void {
    let at = start;
    this.#meter.bytes += end - start;
    while (at < end) {
      const place = placeOf(at);
      const block = this.#blockAt(place);
      const take = Math.min(end, placeEnd(place)) - at;
      const from = source + (at - start);
      block.set(SOURCE.of(bytes, from, from + take), at - placeStart(place));
      at += take;
    }
  }

  #blockAt(place: number): Uint8Array {
    const blocks = this.#blocks;
    if (blocks.length === 0) this.#firstPlace = placeOf(this.read);
    const index = place - this.#firstPlace;
    while (blocks.length <= index) blocks.push(null);
    let block = blocks[index];
    if (block === null) {
      block = this.#pool.take(placeEnd(place) - placeStart(place));
      blocks[index] = block;
    }
    return block;
  }

  /** `take` bytes of the first block were read. */
  #advance(take: number): void {
    this.read += take;
    this.#meter.bytes -= take;
    if (this.read === placeEnd(this.#firstPlace)) {
      this.#dropBlock(0);
      this.#blocks.shift();
      this.#firstPlace++;
    } else if (this.read === this.received && !this.#firstLent && this.pieces === 0) {
      // An idle stream holds no memory.
      this.#dropBlock(0);
      this.#blocks.length = 0;
    }
  }

  #dropBlock(index: number): void {
    const block = this.#blocks[index];
    const lent = index === 0 && this.#firstLent;
    if (index === 0) this.#firstLent = false;
    if (block !== null && !lent) this.#pool.give(block);
  }
}

/** For all streams: packets of a transfer mostly lie alike. */
const SOURCE = new PartViews();

const [SMALL, MIDDLE, LARGE] = BLOCK_SIZES;

/** Places that end below the first large one: 512 bytes, the rest of 4 KiB, then by 4 KiB up to 16 KiB. */
const SMALL_PLACES = LARGE / MIDDLE + 1;

function placeOf(offset: number): number {
  if (offset >= LARGE) return Math.floor(offset / LARGE) - 1 + SMALL_PLACES;
  return offset < SMALL ? 0 : Math.floor(offset / MIDDLE) + 1;
}

function placeStart(place: number): number {
  if (place >= SMALL_PLACES) return (place + 1 - SMALL_PLACES) * LARGE;
  return place === 0 ? 0 : place === 1 ? SMALL : (place - 1) * MIDDLE;
}

function placeEnd(place: number): number {
  if (place >= SMALL_PLACES) return (place + 2 - SMALL_PLACES) * LARGE;
  return place === 0 ? SMALL : place * MIDDLE;
}
