// A hash table from bytes to values that is asked with a piece of a datagram and allocates nothing to answer.
//
// Strangers choose the bytes that are looked up, and some of those that are stored, so the hash is keyed (HalfSipHash)
// and no key ever names a property. Comparing looks at every byte: reset tokens are in such a table too
// (RFC 9000 §10.3.1). Knows nothing about packets.

import type { RandomSource } from '../crypto/provider.ts';

export class IdTable<V> {
  readonly #seed0: number;
  readonly #seed1: number;
  #size = 0;
  /** Chains: `#heads` by hash, then `#next` by entry; -1 ends one. Unused entries form a chain of their own. */
  #heads: Int32Array = new Int32Array(INITIAL_CAPACITY).fill(-1);
  #next: Int32Array = new Int32Array(INITIAL_CAPACITY);
  #hashes: Int32Array = new Int32Array(INITIAL_CAPACITY);
  readonly #keys: Uint8Array[] = [];
  readonly #values: (V | undefined)[] = [];
  #unused = -1;
  /** The entry that was found last: datagrams of one connection come together, and a comparison is less than a hash. */
  #last = -1;

  constructor(random: RandomSource) {
    this.#seed0 = random.integer(2 ** 32) | 0;
    this.#seed1 = random.integer(2 ** 32) | 0;
  }

  get size(): number {
    return this.#size;
  }

  /** The value for `bytes[start, start + length)`. */
  get(bytes: Uint8Array, start = 0, length: number = bytes.length): V | undefined {
    if (this.#last >= 0 && this.#isAt(this.#last, bytes, start, length)) return this.#values[this.#last];
    this.#last = this.#find(bytes, start, length, hash(bytes, start, length, this.#seed0, this.#seed1));
    return this.#last < 0 ? undefined : this.#values[this.#last];
  }

  /** Adds or replaces. The key is kept: nobody may change it any more. */
  set(key: Uint8Array, value: V): void {
    const code = hash(key, 0, key.length, this.#seed0, this.#seed1);
    let at = this.#find(key, 0, key.length, code);
    if (at < 0) {
      at = this.#place();
      const head = code & (this.#heads.length - 1);
      this.#keys[at] = key;
      this.#hashes[at] = code;
      this.#next[at] = this.#heads[head];
      this.#heads[head] = at;
      this.#size++;
    }
    this.#values[at] = value;
  }

  /** Whether it was there. */
  delete(key: Uint8Array): boolean {
    const code = hash(key, 0, key.length, this.#seed0, this.#seed1);
    const found = this.#find(key, 0, key.length, code);
    if (found < 0) return false;
    const head = code & (this.#heads.length - 1);
    if (this.#heads[head] === found) this.#heads[head] = this.#next[found];
    else {
      let before = this.#heads[head];
      while (this.#next[before] !== found) before = this.#next[before];
      this.#next[before] = this.#next[found];
    }
    this.#last = -1;
    this.#keys[found] = NO_KEY;
    this.#values[found] = undefined;
    this.#next[found] = this.#unused;
    this.#unused = found;
    this.#size--;
    return true;
  }

  #find(bytes: Uint8Array, start: number, length: number, code: number): number {
    for (let at = this.#heads[code & (this.#heads.length - 1)]; at >= 0; at = this.#next[at]) {
      if (this.#hashes[at] === code && this.#isAt(at, bytes, start, length)) return at;
    }
    return -1;
  }

  #isAt(at: number, bytes: Uint8Array, start: number, length: number): boolean {
    const key = this.#keys[at];
    if (key.length !== length) return false;
    let difference = 0;
    for (let i = 0; i < length; i++) difference |= key[i] ^ bytes[start + i];
    return difference === 0;
  }

  /** A place for one more entry. */
  #place(): number {
    if (this.#unused >= 0) {
      const at = this.#unused;
      this.#unused = this.#next[at];
      return at;
    }
    const at = this.#keys.length;
    if (at === this.#next.length) this.#grow();
    this.#keys.push(NO_KEY);
    this.#values.push(undefined);
    return at;
  }

  #grow(): void {
    const capacity = this.#next.length * 2;
    const hashes = new Int32Array(capacity);
    hashes.set(this.#hashes);
    const heads = new Int32Array(capacity).fill(-1);
    const next = new Int32Array(capacity);
    // It grows only when every place is taken, so each one is an entry.
    for (let at = 0; at < this.#keys.length; at++) {
      const head = hashes[at] & (capacity - 1);
      next[at] = heads[head];
      heads[head] = at;
    }
    this.#heads = heads;
    this.#next = next;
    this.#hashes = hashes;
  }
}

/** HalfSipHash-1-3 (Aumasson and Bernstein's SipHash on 32-bit words) with a 32-bit result. */
function hash(bytes: Uint8Array, start: number, length: number, seed0: number, seed1: number): number {
  let v0 = seed0;
  let v1 = seed1;
  let v2 = 0x6c796765 ^ seed0;
  let v3 = 0x74656462 ^ seed1;
  const words = (length >> 2) + 1;
  // One round per word, three to finish.
  for (let i = 0; i < words + 3; i++) {
    let word = 0;
    if (i < words - 1) {
      const at = start + 4 * i;
      word = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    } else if (i === words - 1) {
      word = length << 24;
      for (let rest = length & 3, at = start + length - rest; rest > 0; rest--) {
        word |= bytes[at + rest - 1] << (8 * (rest - 1));
      }
    } else if (i === words) v2 ^= 0xff;
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  return v1 ^ v3;
}

const INITIAL_CAPACITY = 16;
const NO_KEY: Uint8Array = new Uint8Array(0);
