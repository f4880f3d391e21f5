// NewReno as RFC 9002 §7.3 and its appendix B describe it: slow start, then one packet more per window acknowledged,
// and half the window after a loss, at most once per round trip.

import type { CongestionController, CongestionOptions } from './congestion.ts';
import type { RttEstimator } from './rtt.ts';
import { MIN_WINDOW_PACKETS } from './window.ts';

/** kLossReductionFactor. RFC 9002 §B.1. */
const LOSS_REDUCTION_FACTOR = 0.5;

export class NewReno implements CongestionController {
  readonly name = 'reno';
  window: number;
  slowStartThreshold: number;
  #maxDatagramSize: number;
  /** Packets sent until then belong to the recovery period and change nothing. */
  #recoveryStart = Number.NEGATIVE_INFINITY;

  constructor(options: CongestionOptions) {
    this.#maxDatagramSize = options.maxDatagramSize;
    this.window = options.initialWindow;
    this.slowStartThreshold = options.slowStartThreshold;
  }

  onAcked(_now: number, size: number, sentTime: number, _rtt: RttEstimator, windowLimited: boolean): void {
    if (!windowLimited || sentTime <= this.#recoveryStart) return;
    if (this.window < this.slowStartThreshold) this.window += size;
    else this.window += (this.#maxDatagramSize * size) / this.window;
  }

  onCongestionEvent(now: number, sentTime: number): void {
    if (sentTime <= this.#recoveryStart) return;
    this.#recoveryStart = now;
    this.slowStartThreshold = this.window * LOSS_REDUCTION_FACTOR;
    this.window = Math.max(this.slowStartThreshold, this.#minWindow);
  }

  onPersistentCongestion(): void {
    this.window = this.#minWindow;
    this.#recoveryStart = Number.NEGATIVE_INFINITY;
  }

  onDatagramSize(maxDatagramSize: number): void {
    this.#maxDatagramSize = maxDatagramSize;
    this.window = Math.max(this.window, this.#minWindow);
  }

  get #minWindow(): number {
    return MIN_WINDOW_PACKETS * this.#maxDatagramSize;
  }
}
