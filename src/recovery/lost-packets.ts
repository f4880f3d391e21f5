// Packets declared lost not long ago, in case they are acknowledged after all (RFC 9002 §6.1, RFC 9000 §13.3). Owns
// number, send time, time of the verdict and path of each; their tokens are gone. Flat arrays, bounded.

import type { PathRecovery } from './path-recovery.ts';

/** Lost packets remembered per packet number space; the oldest are forgotten first. */
export const MAX_LOST_PACKETS = 1024;

/** Most spaces lose nothing: they share this. */
const NOTHING: Float64Array = new Float64Array(0);

/** Kept in the order of packet numbers, which is the order of loss but for packets of different paths. */
export class LostPackets {
  /** Per entry: packet number, send time, time of the verdict. */
  #doubles: Float64Array = NOTHING;
  #paths: PathRecovery[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(packetNumber: number, sentTime: number, now: number, path: PathRecovery): void {
    if (this.#size === MAX_LOST_PACKETS) this.#removeFirst(MAX_LOST_PACKETS / 4);
    if (this.#size * ENTRY === this.#doubles.length) {
      const grown = new Float64Array(Math.max(16 * ENTRY, 2 * this.#doubles.length));
      grown.set(this.#doubles);
      this.#doubles = grown;
    }
    let at = this.#size++;
    while (at > 0 && this.#doubles[(at - 1) * ENTRY] > packetNumber) {
      this.#doubles.copyWithin(at * ENTRY, (at - 1) * ENTRY, at * ENTRY);
      this.#paths[at] = this.#paths[at - 1];
      at--;
    }
    this.#doubles[at * ENTRY] = packetNumber;
    this.#doubles[at * ENTRY + 1] = sentTime;
    this.#doubles[at * ENTRY + 2] = now;
    this.#paths[at] = path;
  }

  /**
   * Takes out each packet of the ranges (pairs `[smallest, largest]`, descending) and hands it to `found`. One walk
   * over both lists from the top.
   */
  take(ranges: Float64Array, rangeCount: number, now: number, found: SpuriousLoss): void {
    const doubles = this.#doubles;
    let range = 0;
    let taken = 0;
    for (let i = this.#size - 1; i >= 0; i--) {
      const packetNumber = doubles[i * ENTRY];
      while (range < rangeCount && ranges[2 * range] > packetNumber) range++;
      if (range === rangeCount) break;
      if (packetNumber > ranges[2 * range + 1]) continue;
      found(this.#paths[i], doubles[i * ENTRY + 1], now, doubles[i * ENTRY + 2]);
      doubles[i * ENTRY] = TAKEN;
      taken++;
    }
    if (taken > 0) this.#compact();
  }

  /** Forgets what was declared lost at `time` or before. */
  expire(time: number): void {
    let count = 0;
    while (count < this.#size && this.#doubles[count * ENTRY + 2] <= time) count++;
    if (count > 0) this.#removeFirst(count);
  }

  clear(): void {
    this.#size = 0;
    this.#paths = [];
    this.#doubles = NOTHING;
  }

  #removeFirst(count: number): void {
    this.#doubles.copyWithin(0, count * ENTRY, this.#size * ENTRY);
    this.#paths.splice(0, count);
    this.#size -= count;
    if (this.#size === 0) this.clear();
  }

  #compact(): void {
    let to = 0;
    for (let from = 0; from < this.#size; from++) {
      if (this.#doubles[from * ENTRY] === TAKEN) continue;
      this.#doubles.copyWithin(to * ENTRY, from * ENTRY, (from + 1) * ENTRY);
      this.#paths[to++] = this.#paths[from];
    }
    this.#size = to;
    this.#paths.length = to;
  }
}

/** A packet sent at `sentTime` was declared lost at `lostTime`, and is acknowledged `now`. */
export type SpuriousLoss = (path: PathRecovery, sentTime: number, now: number, lostTime: number) => void;

const TAKEN = -1;
const ENTRY = 3;
