// BBR's picture of the path (draft-ietf-ccwg-bbr §5.5): bandwidth, least round trip, how much may be in flight, and how
// losses bound them for a while. Owns estimates and round counting; what to do with them is decided in bbr.ts.

import type { DeliveryRate } from './delivery-rate.ts';

/** Decrease after a round with losses. draft-ietf-ccwg-bbr §2.7. */
export const BBR_BETA = 0.7;

/** Milliseconds for which the least round trip is believed. draft-ietf-ccwg-bbr §2.14.1. */
export const MIN_RTT_LIFETIME = 10_000;

/** Milliseconds after which the least round trip is measured on purpose. draft-ietf-ccwg-bbr §2.14.2. */
export const PROBE_RTT_INTERVAL = 5_000;

/** Rounds in one half of the window over which aggregation is remembered; the draft's window is 10 rounds. */
const EXTRA_ACKED_ROUNDS = 5;

/** Sizes are bytes, times are milliseconds, rates are bytes per millisecond. */
export class BbrModel {
  /** The highest rate of this cycle of probing and of the one before. */
  maxBandwidth = 0;
  #cycleMax = 0;
  #lastCycleMax = 0;
  /** `maxBandwidth`, bounded by what losses of late suggest. */
  bandwidth = 0;
  bandwidthShortterm: number = Number.POSITIVE_INFINITY;

  minRtt: number = Number.POSITIVE_INFINITY;
  #minRttStamp = 0;
  #probeRttMin: number = Number.POSITIVE_INFINITY;
  probeRttStamp = 0;
  probeRttExpired = false;

  /** What may be in flight: by the losses of the last probes, and of late. */
  inflightLongterm: number = Number.POSITIVE_INFINITY;
  inflightShortterm: number = Number.POSITIVE_INFINITY;

  /** Round trips counted in packets. */
  roundCount = 0;
  roundStart = false;
  #nextRoundDelivered = 0;

  /** Rounds by which losses are judged. */
  lossInRound = false;
  lossRoundStart = false;
  #lossRoundDelivered = 0;
  bandwidthLatest = 0;
  inflightLatest = 0;

  /** Delivered beyond what the bandwidth explains: ACKs come in bunches. */
  extraAcked = 0;
  #extraStart = 0;
  #extraDelivered = 0;
  #extraHalves = [0, 0];
  #extraRounds = 0;

  /** Bandwidth-delay product; `unknown` before there is an RTT sample. */
  bdp(unknown: number): number {
    return this.minRtt === Number.POSITIVE_INFINITY ? unknown : this.bandwidth * this.minRtt;
  }

  /** What another controller measured on the path. */
  seed(bandwidth: number, minRtt: number): void {
    this.#lastCycleMax = this.maxBandwidth = this.bandwidth = bandwidth;
    if (minRtt > 0) this.minRtt = minRtt;
  }

  startRound(rate: DeliveryRate): void {
    this.#nextRoundDelivered = rate.delivered;
  }

  /** Takes the sample of an ACK into rounds and bandwidth, before the state machine. draft-ietf-ccwg-bbr §5.5.5. */
  update(rate: DeliveryRate): void {
    this.lossRoundStart = false;
    this.bandwidthLatest = Math.max(this.bandwidthLatest, rate.rate);
    this.inflightLatest = Math.max(this.inflightLatest, rate.sampled);
    if (rate.priorDelivered >= this.#lossRoundDelivered) {
      this.#lossRoundDelivered = rate.delivered;
      this.lossRoundStart = true;
    }
    this.roundStart = rate.priorDelivered >= this.#nextRoundDelivered;
    if (this.roundStart) {
      this.startRound(rate);
      this.roundCount++;
    }
    if (rate.rate > 0 && (rate.rate >= this.maxBandwidth || !rate.isAppLimited)) {
      this.#cycleMax = Math.max(this.#cycleMax, rate.rate);
      this.maxBandwidth = Math.max(this.#cycleMax, this.#lastCycleMax);
    }
  }

  /** After the state machine: a new loss round begins, and the bandwidth is bounded. */
  advance(rate: DeliveryRate): void {
    if (this.lossRoundStart) {
      this.bandwidthLatest = rate.rate;
      this.inflightLatest = rate.sampled;
    }
    this.bandwidth = Math.min(this.maxBandwidth, this.bandwidthShortterm);
  }

  /** Forgets the bandwidth of the cycle before the last, if this one measured anything. draft-ietf-ccwg-bbr §5.5.6. */
  advanceBandwidthFilter(): void {
    if (this.#cycleMax === 0) return;
    this.#lastCycleMax = this.#cycleMax;
    this.#cycleMax = 0;
    this.maxBandwidth = this.#lastCycleMax;
  }

  /** draft-ietf-ccwg-bbr §5.3.4.3; `sample` is -1 if the ACK gives none. */
  updateMinRtt(now: number, sample: number): void {
    this.probeRttExpired = now > this.probeRttStamp + PROBE_RTT_INTERVAL;
    if (sample >= 0 && (sample < this.#probeRttMin || this.probeRttExpired)) {
      this.#probeRttMin = sample;
      this.probeRttStamp = now;
    }
    if (this.#probeRttMin < this.minRtt || now > this.#minRttStamp + MIN_RTT_LIFETIME) {
      this.minRtt = this.#probeRttMin;
      this.#minRttStamp = this.probeRttStamp;
    }
  }

  /** The first ACK: clocks start. */
  startClocks(now: number): void {
    this.#minRttStamp = this.probeRttStamp = this.#extraStart = now;
  }

  restartAggregation(now: number): void {
    this.#extraDelivered = 0;
    this.#extraStart = now;
  }

  /** draft-ietf-ccwg-bbr §5.5.9: in Startup one round is remembered, later about ten. */
  updateAggregation(now: number, acked: number, window: number, isStartup: boolean): void {
    let expected = this.bandwidth * (now - this.#extraStart);
    if (this.#extraDelivered <= expected) {
      this.#extraDelivered = 0;
      this.#extraStart = now;
      expected = 0;
    }
    this.#extraDelivered += acked;
    const extra = Math.min(this.#extraDelivered - expected, window);
    const halves = this.#extraHalves;
    if (this.roundStart && ++this.#extraRounds >= (isStartup ? 1 : EXTRA_ACKED_ROUNDS)) {
      this.#extraRounds = 0;
      halves[0] = isStartup ? 0 : halves[1];
      halves[1] = 0;
    }
    halves[1] = Math.max(halves[1], extra);
    this.extraAcked = Math.max(halves[0], halves[1]);
  }

  /** A packet was lost or marked in this round. Returns whether it is the first. */
  noteLoss(rate: DeliveryRate): boolean {
    const isFirst = !this.lossInRound;
    if (isFirst) this.#lossRoundDelivered = rate.delivered;
    this.lossInRound = true;
    return isFirst;
  }

  resetCongestionSignals(): void {
    this.lossInRound = false;
    this.bandwidthLatest = this.inflightLatest = 0;
  }

  resetShortterm(): void {
    this.bandwidthShortterm = this.inflightShortterm = Number.POSITIVE_INFINITY;
  }

  /** Once per round with losses, while bandwidth is not probed. draft-ietf-ccwg-bbr §5.5.10.3. */
  lowerBounds(window: number): void {
    if (this.bandwidthShortterm === Number.POSITIVE_INFINITY) this.bandwidthShortterm = this.maxBandwidth;
    if (this.inflightShortterm === Number.POSITIVE_INFINITY) this.inflightShortterm = window;
    this.bandwidthShortterm = Math.max(this.bandwidthLatest, BBR_BETA * this.bandwidthShortterm);
    this.inflightShortterm = Math.max(this.inflightLatest, BBR_BETA * this.inflightShortterm);
  }
}
