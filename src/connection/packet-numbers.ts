// The next packet number, with gaps left on purpose: a peer that acknowledges a number that was never sent shows that
// it acknowledges what it has not seen (RFC 9000 §21.4). Gaps are rare at first and come more often at high rates.

import type { RandomSource } from '../crypto/provider.ts';
import type { Recovery } from '../recovery/recovery.ts';
import { type PacketNumberSpace, Space } from './space.ts';

/** A gap comes after at least this many packets, and at most twice as many. */
export const MIN_PACKETS_BETWEEN_SKIPS = 256;

export class PacketNumbers {
  readonly #random: RandomSource;
  readonly #recovery: Recovery;
  #nextSkip: number;

  constructor(random: RandomSource, recovery: Recovery) {
    this.#random = random;
    this.#recovery = recovery;
    // The first gap comes early, so that short connections are protected too.
    this.#nextSkip = 16 + random.integer(MIN_PACKETS_BETWEEN_SKIPS);
  }

  next(space: PacketNumberSpace, used: number): number {
    const number = used + 1;
    if (space.index !== Space.APPLICATION || number < this.#nextSkip) return number;
    this.#recovery.skipPacketNumber(space.index, number);
    this.#nextSkip = number + MIN_PACKETS_BETWEEN_SKIPS + this.#random.integer(MIN_PACKETS_BETWEEN_SKIPS);
    return number + 1;
  }
}
