// CUBIC (RFC 9438) in bytes: after a loss the window follows a cubic function of time around the window at which the
// loss happened, and is never below what Reno would have. Slow start and the recovery period are those of RFC 9002 §7.3.

import type { CongestionController, CongestionOptions, StartupExitReason } from './congestion.ts';
import { HyStart } from './hystart.ts';
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
  readonly reducesGradually = true;
  window: number;
  slowStartThreshold: number;
  startupExit: StartupExitReason | null = null;
  #maxDatagramSize: number;
  /** Null once the first slow start is over (RFC 9406 §4.2), and if it was not wanted. */
  #hystart: HyStart | null;
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
  /** All of this as it was before the last reduction. */
  readonly #saved = {
    window: 0,
    slowStartThreshold: 0,
    maxWindow: 0,
    priorWindow: 0,
    fromPlateau: false,
    epochStart: 0,
    k: 0,
    origin: 0,
    renoWindow: 0,
    lastGrowth: 0,
  };

  constructor(options: CongestionOptions) {
    this.#maxDatagramSize = options.maxDatagramSize;
    this.window = options.initialWindow;
    this.slowStartThreshold = options.slowStartThreshold;
    const isFirstSlowStart = options.slowStartThreshold === Number.POSITIVE_INFINITY;
    this.#hystart = isFirstSlowStart && options.hystart !== false ? new HyStart() : null;
  }

  onAcked(now: number, size: number, sentTime: number, rtt: RttEstimator, windowLimited: boolean): void {
    if (!windowLimited || sentTime <= this.#recoveryStart) return;
    if (this.window < this.slowStartThreshold) {
      this.window += this.#hystart?.growth(size) ?? size;
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

  onAckDone(now: number, rttSample: number, sentTime: number): void {
    if (this.#hystart === null || !this.#hystart.onAck(now, rttSample, sentTime)) return;
    this.slowStartThreshold = this.window;
    this.#endStartup('delay');
  }

  onCongestionEvent(now: number, sentTime: number): void {
    this.#reduce(now, sentTime, 'loss');
  }

  onMarked(now: number, sentTime: number): void {
    this.#reduce(now, sentTime, 'ecn');
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

  /** RFC 9438 §4.9.2: all that the reduction changed is as before. */
  undo(now: number): void {
    const saved = this.#saved;
    this.#recoveryStart = Number.NEGATIVE_INFINITY;
    this.window = Math.max(this.window, saved.window);
    this.slowStartThreshold = saved.slowStartThreshold;
    this.#maxWindow = saved.maxWindow;
    this.#priorWindow = saved.priorWindow;
    this.#fromPlateau = saved.fromPlateau;
    this.#k = saved.k;
    this.#origin = saved.origin;
    this.#renoWindow = saved.renoWindow;
    // The time in between is not part of t, or the window would jump.
    this.#epochStart = saved.epochStart + (now - saved.lastGrowth);
    this.#lastGrowth = now;
  }

  #reduce(now: number, sentTime: number, reason: StartupExitReason): void {
    if (sentTime <= this.#recoveryStart) return;
    this.#recoveryStart = now;
    this.#save();
    // Fast convergence: a flow that lost before it was back at its old window makes room for others. RFC 9438 §4.7.
    this.#maxWindow = this.window < this.#maxWindow ? (this.window * (1 + BETA)) / 2 : this.window;
    this.#priorWindow = this.window;
    this.slowStartThreshold = Math.max(this.window * BETA, this.#minWindow);
    this.window = this.slowStartThreshold;
    this.#fromPlateau = false;
    this.#epochStart = Number.NaN;
    this.#endStartup(reason);
  }

  #save(): void {
    const saved = this.#saved;
    saved.window = this.window;
    saved.slowStartThreshold = this.slowStartThreshold;
    saved.maxWindow = this.#maxWindow;
    saved.priorWindow = this.#priorWindow;
    saved.fromPlateau = this.#fromPlateau;
    saved.epochStart = this.#epochStart;
    saved.k = this.#k;
    saved.origin = this.#origin;
    saved.renoWindow = this.#renoWindow;
    saved.lastGrowth = this.#lastGrowth;
  }

  #endStartup(reason: StartupExitReason): void {
    this.#hystart = null;
    this.startupExit ??= reason;
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
