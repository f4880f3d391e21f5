/**
 * Deterministic randomness for runs that replay from a seed.
 *
 * Not secret in any way: production takes its randomness from the provider's system source instead.
 */

import type { RandomSource } from './provider.ts';

/**
 * A source that yields the same values for the same seed, on every platform.
 *
 * The generator is sfc32 (a 128-bit state with a counter, so its period is at least 2^32); numbers seed it as their
 * decimal text does, so `seededRandom(7)` and `seededRandom('7')` agree.
 */
export function seededRandom(seed: number | string): RandomSource {
  return new SeededRandom(String(seed));
}

class SeededRandom implements RandomSource {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(seed: string) {
    this.a = hashText(seed, 0x9e3779b9);
    this.b = hashText(seed, 0x243f6a88);
    this.c = hashText(seed, 0xb7e15162);
    // The first outputs still resemble the seed words.
    for (let i = 0; i < 15; i++) this.next();
  }

  fill(into: Uint8Array): void {
    let i = 0;
    while (i < into.length) {
      let word = this.next();
      for (const stop = Math.min(i + 4, into.length); i < stop; i++) {
        into[i] = word & 0xff;
        word >>>= 8;
      }
    }
  }

  float(): number {
    // 53 random bits: the top 27 of one word and the top 26 of the next.
    const high = this.next() >>> 5;
    const low = this.next() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  integer(below: number): number {
    return Math.floor(this.float() * below);
  }

  private next(): number {
    const out = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + out;
    this.c |= 0;
    return out >>> 0;
  }
}

/** FNV-1a with a closing avalanche, started from `basis` so that three calls give three independent words. */
function hashText(text: string, basis: number): number {
  let hash = basis;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) | 0;
}
