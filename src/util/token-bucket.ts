// A rate limit: so many at once, so many per second after that. Owns arithmetic only; time comes with each call.

export interface RateLimit {
  readonly perSecond: number;
  readonly burst: number;
}

/** Starts full. */
export class TokenBucket {
  readonly #perMillisecond: number;
  readonly #burst: number;
  #level: number;
  #filledAt = Number.NEGATIVE_INFINITY;

  constructor(limit: RateLimit) {
    this.#perMillisecond = limit.perSecond / 1000;
    this.#burst = limit.burst;
    this.#level = limit.burst;
  }

  /** Takes one, if there is one. `now` is monotonic milliseconds. */
  take(now: number): boolean {
    if (now > this.#filledAt) {
      if (this.#filledAt !== Number.NEGATIVE_INFINITY) {
        this.#level = Math.min(this.#burst, this.#level + (now - this.#filledAt) * this.#perMillisecond);
      }
      this.#filledAt = now;
    }
    if (this.#level < 1) return false;
    this.#level--;
    return true;
  }
}
