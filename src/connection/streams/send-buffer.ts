// The bytes of one stream from the first unacknowledged one to the last written one, as a list of chunks.
// Owns the memory: copies into pooled blocks, or keeps the caller's buffer. Knows no frames and no states.

import type { Writer } from '../../wire/writer.ts';
import type { BlockPool } from './block-pool.ts';
import { OWNED_COPY_THRESHOLD } from './defaults.ts';

/** A run of stream bytes: `bytes[start, start + length)` belongs at `offset`. */
interface Chunk {
  bytes: Uint8Array;
  offset: number;
  start: number;
  length: number;
  /** The block is ours: more can be appended, and it goes back to the pool. */
  pooled: boolean;
}

export class SendBuffer {
  readonly #pool: BlockPool;
  #chunks: Chunk[] = [];
  /** The first chunk in use; those before it were released and wait for the list to be compacted. */
  #first = 0;
  /** Where the last copy ended: the next one mostly goes on there. */
  #hint = 0;
  /** Bytes below this offset were released. */
  base = 0;
  /** One past the last byte written. */
  end = 0;

  constructor(pool: BlockPool) {
    this.#pool = pool;
  }

  /** Copies `data[from, to)` to the end of the stream. */
  append(data: Uint8Array, from: number, to: number): void {
    let at = from;
    while (at < to) {
      let tail = this.#tail();
      if (tail === null || !tail.pooled || tail.start + tail.length === tail.bytes.length) {
        // Blocks grow with what the stream holds, so that small streams stay small.
        tail = this.#push(this.#pool.take(Math.max(to - at, this.end - this.base)), 0, 0, true);
      }
      const room = tail.bytes.length - tail.start - tail.length;
      const length = Math.min(room, to - at);
      const target = tail.start + tail.length;
      if (length === data.length) tail.bytes.set(data, target);
      else tail.bytes.set(data.subarray(at, at + length), target);
      tail.length += length;
      this.end += length;
      at += length;
    }
  }

  /** Keeps a reference to `data[from, to)`, which must not change until it is released. */
  appendOwned(data: Uint8Array, from: number, to: number): void {
    if (to - from < OWNED_COPY_THRESHOLD) {
      this.append(data, from, to);
      return;
    }
    this.#push(data, from, to - from, false);
    this.end += to - from;
  }

  /** Writes the bytes at `offset` into a frame; they must be there. */
  copyTo(writer: Writer, offset: number, length: number): void {
    let index = this.#find(offset);
    let at = offset;
    const end = offset + length;
    while (at < end) {
      const chunk = this.#chunks[index];
      const from = chunk.start + (at - chunk.offset);
      const take = Math.min(end - at, chunk.offset + chunk.length - at);
      writer.copy(chunk.bytes, from, from + take);
      at += take;
      this.#hint = index;
      index++;
    }
  }

  /** Bytes below `offset` are not needed any more. */
  release(offset: number): void {
    this.base = offset;
    const chunks = this.#chunks;
    while (this.#first < chunks.length) {
      const chunk = chunks[this.#first];
      if (chunk.offset + chunk.length > offset) break;
      if (chunk.pooled) this.#pool.give(chunk.bytes);
      chunks[this.#first] = NO_CHUNK;
      this.#first++;
    }
    if (this.#first === chunks.length) {
      chunks.length = 0;
      this.#first = 0;
      this.#hint = 0;
    } else if (this.#first >= COMPACT_AFTER && this.#first * 2 >= chunks.length) {
      this.#hint = Math.max(0, this.#hint - this.#first);
      this.#chunks = chunks.slice(this.#first);
      this.#first = 0;
    }
  }

  /** Releases everything and forgets bytes past `end`. */
  clear(end: number): void {
    this.end = end;
    this.release(Number.POSITIVE_INFINITY);
    this.base = end;
  }

  /** Forgets bytes past `end`, which is not below `base`; nothing is appended afterwards. */
  truncate(end: number): void {
    if (end >= this.end) return;
    this.end = end;
    const chunks = this.#chunks;
    for (let tail = this.#tail(); tail !== null && tail.offset >= end; tail = this.#tail()) {
      if (tail.pooled) this.#pool.give(tail.bytes);
      chunks.pop();
    }
    const tail = this.#tail();
    if (tail === null) this.release(end);
    else tail.length = Math.min(tail.length, end - tail.offset);
    this.#hint = this.#first;
  }

  #tail(): Chunk | null {
    return this.#chunks.length > this.#first ? this.#chunks[this.#chunks.length - 1] : null;
  }

  #push(bytes: Uint8Array, start: number, length: number, pooled: boolean): Chunk {
    const chunk = { bytes, offset: this.end, start, length, pooled };
    this.#chunks.push(chunk);
    return chunk;
  }

  #find(offset: number): number {
    const chunks = this.#chunks;
    const hint = this.#hint;
    if (hint >= this.#first && hint < chunks.length) {
      const chunk = chunks[hint];
      if (offset >= chunk.offset) {
        if (offset < chunk.offset + chunk.length) return hint;
        const next = chunks[hint + 1];
        if (next !== undefined && offset < next.offset + next.length) return hint + 1;
      }
    }
    let low = this.#first;
    let high = chunks.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (chunks[middle].offset + chunks[middle].length <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Released chunks before the list is copied down. */
const COMPACT_AFTER = 32;

/** Stands where a chunk was released. */
const NO_CHUNK: Chunk = { bytes: new Uint8Array(0), offset: 0, start: 0, length: 0, pooled: false };
