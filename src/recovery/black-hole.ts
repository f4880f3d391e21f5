// Suspects that a path lost the ability to carry large packets (RFC 8899 §4.3): all that are larger than what every path
// carries get lost, again and again, while smaller ones arrive. Knows sizes and times, and draws no conclusions.

/** Times of loss, at least a round trip apart, with no large packet acknowledged that left in between. */
export const BLACK_HOLE_LOSSES = 3;

/** Packets up to this size, bytes, pass everywhere (RFC 9000 §14). */
export const PASSES_EVERYWHERE = 1200;

export class BlackHole {
  #losses = 0;
  #lastLoss = Number.NEGATIVE_INFINITY;
  /** When the latest large packet that arrived was sent. */
  #arrivedSentTime = Number.NEGATIVE_INFINITY;

  get isFound(): boolean {
    return this.#losses >= BLACK_HOLE_LOSSES;
  }

  onAcked(size: number, sentTime: number): void {
    if (size <= PASSES_EVERYWHERE || sentTime <= this.#arrivedSentTime) return;
    this.#arrivedSentTime = sentTime;
    this.#losses = 0;
  }

  /** `roundTrip`: losses within one are one. */
  onLost(now: number, size: number, sentTime: number, roundTrip: number): void {
    if (size <= PASSES_EVERYWHERE || sentTime <= this.#arrivedSentTime) return;
    if (now - this.#lastLoss < roundTrip) return;
    this.#lastLoss = now;
    this.#losses++;
  }

  reset(): void {
    this.#losses = 0;
    this.#lastLoss = Number.NEGATIVE_INFINITY;
  }
}
