// Losses that cause one reduction of the window belong together (RFC 9002 §7.3.2). Owns their count, to tell when all of
// them turned out to be spurious, so that the reduction can be taken back (RFC 9438 §4.9). Changes no window.

/** Times are milliseconds. */
export class LossEpisode {
  /** Losses of packets that left until then belong to this episode; -Infinity before the first. */
  start: number = Number.NEGATIVE_INFINITY;
  #previousStart: number = Number.NEGATIVE_INFINITY;
  #lost = 0;
  #spurious = 0;
  #isGenuine = false;

  /** A packet was declared lost. Returns true if an episode begins with it. */
  onLost(now: number, sentTime: number): boolean {
    if (sentTime <= this.start) {
      this.#lost++;
      return false;
    }
    this.#begin(now);
    this.#lost = 1;
    return true;
  }

  /** The network marked a packet. Returns true if an episode begins with it; there is no doubt about this one. */
  onMarked(now: number, sentTime: number): boolean {
    if (sentTime <= this.start) return false;
    this.#begin(now);
    this.#isGenuine = true;
    return true;
  }

  /** The losses are not to be doubted: they amount to persistent congestion. */
  confirm(): void {
    this.#isGenuine = true;
  }

  /** A lost packet was acknowledged. Returns true if that was the last one of the present episode: there was no loss. */
  onSpurious(sentTime: number, lostTime: number): boolean {
    if (lostTime < this.start || sentTime <= this.#previousStart || sentTime > this.start) return false;
    this.#spurious++;
    if (this.#isGenuine || this.#spurious < this.#lost) return false;
    this.start = this.#previousStart = Number.NEGATIVE_INFINITY;
    return true;
  }

  #begin(now: number): void {
    this.#previousStart = this.start;
    this.start = now;
    this.#lost = this.#spurious = 0;
    this.#isGenuine = false;
  }
}
