// CUBIC (RFC 9438) in bytes: after a loss the window follows a cubic function of time around the window at which the
// loss happened, and is never below what Reno would have. Slow start and the recovery period are those of RFC 9002 §7.3.

import type { CongestionController, CongestionOptions } from './congestion.ts';
import type { RttEstimator } from './rtt.ts';
import { MIN_WINDOW_PACKETS } from './window.ts';

/** Multiplicative decrease factor. RFC 9438 §4.6. */
const BETA = 0.7;

/** Aggressiveness, packets per second cubed. RFC 9438 §5.1. */
const C = 0.4;

/** Additive increase that matches Reno's average window in spite of the gentler decrease. RFC 9438 §4.3. */
const ALPHA = (3 * (1 - BETA)) / (1 + BETA);

/** The window grows by at most half per round trip in congestion avoidance. RFC 9438 §4.2. */
const MAX_TARGET_FACTOR = 1.5;

export class Cubic implements CongestionController {
  readonly name = 'cubic';
  window: number;
  slowStartThreshold: number;
  #maxDatagramSize: number;
  /** Packets sent until then belong to the recovery period and change nothing. */
  #recoveryStart = Number.NEGATIVE_INFINITY;

  /** W_max: the saturation point, 0 before the first loss. Bytes. */
  #maxWindow = 0;
  /** cwnd_prior: the window before the last reduction, bytes. */
  #priorWindow = 0;
  /** The cubic function starts from its plateau, as after a timeout (RFC 9438 §4.8). */
  #fromPlateau = false;

  /** Start of this congestion avoidance stage, moved forward by times without growth; NaN before the first growth. */
  #epochStart = Number.NaN;
  /** K: milliseconds from the start of the stage until the window is W_max again. */
  #k = 0;
  /** W_cubic(K) of this stage, bytes. */
  #origin = 0;
  /** W_est: what Reno's window would be, bytes. */
  #renoWindow = 0;
  #lastGrowth = 0;

  constructor(options: CongestionOptions) {
    this.#maxDatagramSize = options.maxDatagramSize;
    this.window = options.initialWindow;
    this.slowStartThreshold = options.slowStartThreshold;
  }

  onAcked(now: number, size: number, sentTime: number, rtt: RttEstimator, windowLimited: boolean): void {
    if (!windowLimited || sentTime <= this.#recoveryStart) return;
    if (this.window < this.slowStartThreshold) {
      this.window += size;
      return;
    }
    if (Number.isNaN(this.#epochStart)) this.#startEpoch(now);
    // A sender that makes use of its window gets growth at least once per round trip, so a packet that left after
    // the last growth ends a time of idleness or of little data. Time of that kind is not part of t: the window
    // would jump otherwise. RFC 9438 §4.2, §5.8.
    else if (sentTime > this.#lastGrowth) this.#epochStart += sentTime - this.#lastGrowth;
    this.#lastGrowth = now;
    this.#grow(now - this.#epochStart, size, rtt.smoothed);
  }

  onCongestionEvent(now: number, sentTime: number): void {
    if (sentTime <= this.#recoveryStart) return;
    this.#recoveryStart = now;
    // Fast convergence: a flow that lost before it was back at its old window makes room for others. RFC 9438 §4.7.
    this.#maxWindow = this.window < this.#maxWindow ? (this.window * (1 + BETA)) / 2 : this.window;
    this.#priorWindow = this.window;
    this.slowStartThreshold = Math.max(this.window * BETA, this.#minWindow);
    this.window = this.slowStartThreshold;
    this.#fromPlateau = false;
    this.#epochStart = Number.NaN;
  }

  onPersistentCongestion(): void {
    this.window = this.#minWindow;
    this.#recoveryStart = Number.NEGATIVE_INFINITY;
    this.#fromPlateau = true;
    this.#epochStart = Number.NaN;
  }

  onDatagramSize(maxDatagramSize: number): void {
    this.#maxDatagramSize = maxDatagramSize;
    this.window = Math.max(this.window, this.#minWindow);
  }

  #startEpoch(now: number): void {
    this.#epochStart = now;
    this.#renoWindow = this.window;
    // Without a loss behind it (taken over from another controller, or after a timeout) the stage starts at the
    // plateau. RFC 9438 §4.8, §4.10.
    if (this.#fromPlateau || this.#maxWindow <= this.window) {
      this.#k = 0;
      this.#origin = this.window;
      if (this.#priorWindow === 0) this.#priorWindow = this.window;
    } else {
      this.#k = 1000 * Math.cbrt((this.#maxWindow - this.window) / this.#maxDatagramSize / C);
      this.#origin = this.#maxWindow;
    }
  }

  #grow(elapsed: number, size: number, rtt: number): void {
    const window = this.window;
    const acked = size / window;
    // Once the estimate is back at the window before the loss it grows like Reno itself. RFC 9438 §4.3.
    const alpha = this.#renoWindow >= this.#priorWindow ? 1 : ALPHA;
    this.#renoWindow += alpha * this.#maxDatagramSize * acked;
    if (this.#cubicWindow(elapsed) < this.#renoWindow) {
      this.window = Math.max(window, this.#renoWindow);
      return;
    }
    const target = Math.min(this.#cubicWindow(elapsed + rtt), MAX_TARGET_FACTOR * window);
    if (target > window) this.window = window + (target - window) * acked;
  }

  /** W_cubic(t), bytes. RFC 9438 §4.2. */
  #cubicWindow(elapsed: number): number {
    const seconds = (elapsed - this.#k) / 1000;
    return C * this.#maxDatagramSize * seconds * seconds * seconds + this.#origin;
  }

  get #minWindow(): number {
    return MIN_WINDOW_PACKETS * this.#maxDatagramSize;
  }
}
