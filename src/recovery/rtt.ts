// The round-trip time of one network path (RFC 9002 §5): smoothed value, variation, minimum and latest sample.
// Owns the arithmetic only: which acknowledgement gives a sample is decided by its caller.

/** RTT assumed before the first sample, milliseconds. RFC 9002 §6.2.2. */
export const INITIAL_RTT = 333;

/** Resolution that timers are expected to have, milliseconds (kGranularity). RFC 9002 §6.1.2. */
export const GRANULARITY = 1;

/** All times are milliseconds. */
export class RttEstimator {
  /** The latest sample; 0 before the first. */
  latest = 0;
  /** The least sample; 0 before the first. */
  min = 0;
  /** The greatest sample; 0 before the first. */
  max = 0;
  /** Samples so far. */
  samples = 0;
  /** Samples of more than twice the smoothed value before them. */
  jumps = 0;
  smoothed: number;
  variation: number;
  /** When the first sample was taken; Infinity before that. */
  firstSampleTime: number = Number.POSITIVE_INFINITY;

  constructor(initialRtt: number = INITIAL_RTT) {
    this.smoothed = initialRtt;
    this.variation = initialRtt / 2;
  }

  get hasSample(): boolean {
    return this.firstSampleTime !== Number.POSITIVE_INFINITY;
  }

  /**
   * Takes a sample. `ackDelay` is what the peer says it waited; the caller has capped it by max_ack_delay where the
   * handshake is confirmed. RFC 9002 §5.3.
   */
  update(sample: number, ackDelay: number, now: number): void {
    this.latest = sample;
    this.samples++;
    if (sample > this.max) this.max = sample;
    if (!this.hasSample) {
      this.firstSampleTime = now;
      this.min = sample;
      this.smoothed = sample;
      this.variation = sample / 2;
      return;
    }
    // The minimum takes no account of what the peer says about its delay. RFC 9002 §5.2.
    if (sample < this.min) this.min = sample;
    // A claimed delay that would take the sample below the minimum is not believed.
    const adjusted = sample >= this.min + ackDelay ? sample - ackDelay : sample;
    if (adjusted > 2 * this.smoothed) this.jumps++;
    this.variation += (Math.abs(this.smoothed - adjusted) - this.variation) / 4;
    this.smoothed += (adjusted - this.smoothed) / 8;
  }

  /** After persistent congestion the old minimum says nothing about the path any more. RFC 9002 §5.2. */
  resetMin(): void {
    this.min = this.latest;
  }

  /** The probe timeout without the peer's delay and without back-off. RFC 9002 §6.2.1. */
  get pto(): number {
    return this.smoothed + Math.max(4 * this.variation, GRANULARITY);
  }

  /** How much later than its peers a packet may be acknowledged before it counts as lost. RFC 9002 §6.1.2. */
  lossDelay(timeThreshold: number): number {
    return Math.max(timeThreshold * Math.max(this.latest, this.smoothed), GRANULARITY);
  }
}
