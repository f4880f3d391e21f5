// NewReno as RFC 9002 §7.3 and its appendix B describe it: slow start, then one packet more per window acknowledged,
// and half the window after a loss, at most once per round trip.

import type { CongestionController, CongestionOptions, StartupExitReason } from './congestion.ts';
import { HyStart } from './hystart.ts';
import type { RttEstimator } from './rtt.ts';
import { MIN_WINDOW_PACKETS } from './window.ts';

/** kLossReductionFactor. RFC 9002 §B.1. */
const LOSS_REDUCTION_FACTOR = 0.5;

export class NewReno implements CongestionController {
  readonly name = 'reno';
  readonly reducesGradually = true;
  window: number;
  slowStartThreshold: number;
  startupExit: StartupExitReason | null = null;
  #maxDatagramSize: number;
  /** Null once the first slow start is over (RFC 9406 §4.2), and if it was not wanted. */
  #hystart: HyStart | null;
  /** Packets sent until then belong to the recovery period and change nothing. */
  #recoveryStart = Number.NEGATIVE_INFINITY;
  /** Window and threshold before the last reduction. */
  #priorWindow = 0;
  #priorThreshold = 0;

  constructor(options: CongestionOptions) {
    this.#maxDatagramSize = options.maxDatagramSize;
    this.window = options.initialWindow;
    this.slowStartThreshold = options.slowStartThreshold;
    const isFirstSlowStart = options.slowStartThreshold === Number.POSITIVE_INFINITY;
    this.#hystart = isFirstSlowStart && options.hystart !== false ? new HyStart() : null;
  }

  onAcked(_now: number, size: number, sentTime: number, _rtt: RttEstimator, windowLimited: boolean): void {
    if (!windowLimited || sentTime <= this.#recoveryStart) return;
    if (this.window < this.slowStartThreshold) this.window += this.#hystart?.growth(size) ?? size;
    else this.window += (this.#maxDatagramSize * size) / this.window;
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
  }

  undo(): void {
    this.#recoveryStart = Number.NEGATIVE_INFINITY;
    this.window = Math.max(this.window, this.#priorWindow);
    this.slowStartThreshold = this.#priorThreshold;
  }

  onDatagramSize(maxDatagramSize: number): void {
    this.#maxDatagramSize = maxDatagramSize;
    this.window = Math.max(this.window, this.#minWindow);
  }

  #reduce(now: number, sentTime: number, reason: StartupExitReason): void {
    if (sentTime <= this.#recoveryStart) return;
    this.#recoveryStart = now;
    this.#priorWindow = this.window;
    this.#priorThreshold = this.slowStartThreshold;
    this.slowStartThreshold = this.window * LOSS_REDUCTION_FACTOR;
    this.window = Math.max(this.slowStartThreshold, this.#minWindow);
    this.#endStartup(reason);
  }

  #endStartup(reason: StartupExitReason): void {
    this.#hystart = null;
    this.startupExit ??= reason;
  }

  get #minWindow(): number {
    return MIN_WINDOW_PACKETS * this.#maxDatagramSize;
  }
}
