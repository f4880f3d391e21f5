/**
 * The system's randomness, drawn in pools: connection ids and PATH_CHALLENGE data ask for a few bytes at a time, and a
 * system call for each would cost more than the bytes.
 */

import { randomFillSync } from 'node:crypto';
import type { RandomSource } from './provider.ts';

/** A source over the operating system's generator, fit for keys. Each call makes a source with its own pool. */
export function nodeRandom(): RandomSource {
  return new NodeRandom();
}

class NodeRandom implements RandomSource {
  private readonly pool = new Uint8Array(POOL_SIZE);
  private used = POOL_SIZE;

  fill(into: Uint8Array): void {
    if (into.length > POOL_SIZE / 8) {
      randomFillSync(into);
      return;
    }
    const start = this.take(into.length);
    const end = start + into.length;
    into.set(this.pool.subarray(start, end));
    // What was handed out may have become a key, so no second copy stays behind.
    this.pool.fill(0, start, end);
  }

  float(): number {
    return ((this.word() >>> 5) * 2 ** 26 + (this.word() >>> 6)) / 2 ** 53;
  }

  integer(below: number): number {
    // The part of the range of a word that is not a multiple of `below` is drawn again, so that no value is favoured.
    const limit = 2 ** 32 - (2 ** 32 % below);
    let value = this.word();
    while (value >= limit) value = this.word();
    return value % below;
  }

  private word(): number {
    const at = this.take(4);
    const { pool } = this;
    return ((pool[at] << 24) | (pool[at + 1] << 16) | (pool[at + 2] << 8) | pool[at + 3]) >>> 0;
  }

  private take(length: number): number {
    if (this.used + length > POOL_SIZE) {
      randomFillSync(this.pool);
      this.used = 0;
    }
    const start = this.used;
    this.used += length;
    return start;
  }
}

const POOL_SIZE = 4096;
