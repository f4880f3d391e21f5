// HyStart++ (RFC 9406): ends the first slow start before it overruns the path, when the round-trip time rises. Owns the
// rounds and the decision; the window is the controller's.

/** A rise of the round trip by so much, in milliseconds, at least and at most, ends slow start. RFC 9406 §4.3. */
export const MIN_RTT_THRESHOLD = 4;
export const MAX_RTT_THRESHOLD = 16;

/** Between the two it is this part of the round trip. RFC 9406 §4.3. */
export const MIN_RTT_DIVISOR = 8;

/** Samples of a round before it is judged. RFC 9406 §4.3. */
export const RTT_SAMPLES = 8;

/** Conservative slow start grows slower by this factor. RFC 9406 §4.3. */
export const CSS_GROWTH_DIVISOR = 4;

/** Rounds of conservative slow start before congestion avoidance. RFC 9406 §4.3. */
export const CSS_ROUNDS = 5;

/** Times are milliseconds. Lives from the start of a path until slow start ends for the first time. */
export class HyStart {
  /** Packets sent from then on belong to the next round. */
  #roundEnd: number = Number.NEGATIVE_INFINITY;
  #currentMin: number = Number.POSITIVE_INFINITY;
  #lastMin: number = Number.POSITIVE_INFINITY;
  #samples = 0;
  /** The round trip at which conservative slow start began; Infinity outside of it. */
  #baseline: number = Number.POSITIVE_INFINITY;
  #cssRounds = 0;

  get isConservative(): boolean {
    return this.#baseline !== Number.POSITIVE_INFINITY;
  }

  /** Bytes by which the window grows for so many acknowledged ones; packets are paced, so no limit on the burst. */
  growth(size: number): number {
    return this.isConservative ? size / CSS_GROWTH_DIVISOR : size;
  }

  /**
   * An ACK came whose latest packet left at `sentTime`; `rttSample` is -1 if it gives none. Returns true when slow
   * start is over.
   */
  onAck(now: number, rttSample: number, sentTime: number): boolean {
    if (sentTime >= this.#roundEnd && this.#startRound(now)) return true;
    if (rttSample < 0) return false;
    this.#samples++;
    if (rttSample < this.#currentMin) this.#currentMin = rttSample;
    if (this.#samples < RTT_SAMPLES) return false;
    if (this.isConservative) {
      // The rise was a passing one: slow start goes on. RFC 9406 §4.2.
      if (this.#currentMin < this.#baseline) this.#baseline = Number.POSITIVE_INFINITY;
    } else if (this.#lastMin !== Number.POSITIVE_INFINITY) {
      const threshold = Math.min(this.#lastMin / MIN_RTT_DIVISOR, MAX_RTT_THRESHOLD);
      if (this.#currentMin >= this.#lastMin + Math.max(MIN_RTT_THRESHOLD, threshold)) {
        this.#baseline = this.#currentMin;
        this.#cssRounds = 0;
      }
    }
    return false;
  }

  /** Returns true if the last round of conservative slow start has ended; a partial first one counts. */
  #startRound(now: number): boolean {
    this.#roundEnd = now;
    this.#lastMin = this.#currentMin;
    this.#currentMin = Number.POSITIVE_INFINITY;
    this.#samples = 0;
    return this.isConservative && ++this.#cssRounds >= CSS_ROUNDS;
  }
}
