// Recovery state of one network path (RFC 9002 §5, §7; RFC 9000 §9.4): RTT, congestion window, pacing, bytes in
// flight, counters. Owns what may be sent on the path now and when. Knows no packet numbers, frames or timers.

import {
  type CongestionController,
  createCongestionController,
  DEFAULT_CONGESTION_CONTROL,
} from './congestion.ts';
import { Pacer } from './pacer.ts';
import { INITIAL_RTT, RttEstimator } from './rtt.ts';
import { INITIAL_WINDOW_PACKETS, initialWindow } from './window.ts';

export interface PathRecoveryOptions {
  /** Largest UDP payload sent on the path, bytes. Default 1200. */
  maxDatagramSize?: number;
  /** A name of the table of congestion controllers. Default 'cubic'. */
  congestionControl?: string;
  /** Default 10. */
  initialWindowPackets?: number;
  /** RTT assumed before the first sample, milliseconds. Default 333. */
  initialRtt?: number;
  /** Default true. */
  pacing?: boolean;
}

/** Counts of packets and bytes that count as in flight; ACK-only packets are in none of them. */
export class RecoveryCounters {
  packetsSent = 0;
  packetsAcked = 0;
  packetsLost = 0;
  /** Declared lost, acknowledged later. Part of `packetsLost`. */
  packetsSpuriouslyLost = 0;
  bytesSent = 0;
  bytesAcked = 0;
  bytesLost = 0;
}

export class PathRecovery {
  readonly rtt: RttEstimator;
  readonly pacer: Pacer;
  readonly counters: RecoveryCounters = new RecoveryCounters();
  congestion: CongestionController;
  maxDatagramSize: number;
  bytesInFlight = 0;

  /** Bytes acknowledged so far, when that last changed, and when the latest packet among them was sent. */
  delivered = 0;
  deliveredTime = 0;
  firstSentTime = 0;
  /** The latest measured rate of delivery, bytes per millisecond; 0 before the first. */
  deliveryRate = 0;

  #options: PathRecoveryOptions;
  /** When the window was last made full use of, or would have been but for pacing. */
  #limitedTime = Number.NEGATIVE_INFINITY;

  /** @throws TypeError with ERR_INVALID_ARG_VALUE for an unknown congestion controller. */
  constructor(options: PathRecoveryOptions = {}) {
    this.#options = options;
    this.maxDatagramSize = options.maxDatagramSize ?? DEFAULT_DATAGRAM_SIZE;
    this.rtt = new RttEstimator(options.initialRtt ?? INITIAL_RTT);
    this.pacer = new Pacer(this.maxDatagramSize);
    this.congestion = this.#initialController(options.congestionControl ?? DEFAULT_CONGESTION_CONTROL);
  }

  /** Bytes that the congestion window still takes. */
  get windowRoom(): number {
    return Math.max(0, Math.floor(this.congestion.window - this.bytesInFlight));
  }

  /** Bytes that may be sent now: the window's room, as far as the pacer lets it go. Probes need not ask. */
  sendAllowance(now: number): number {
    const room = this.windowRoom;
    if (room === 0 || this.#options.pacing === false) return room;
    return Math.min(room, this.pacer.budget(now, this.pacingRate));
  }

  /**
   * The time at which the pacer lets `size` bytes go: `now` if at once, Infinity while the window has no room for
   * them (an acknowledgement will change that, not time).
   */
  timeToSend(now: number, size: number = this.maxDatagramSize): number {
    if (this.windowRoom < size) return Number.POSITIVE_INFINITY;
    return this.#options.pacing === false ? now : this.pacer.timeToSend(now, size, this.pacingRate);
  }

  /** Bytes per millisecond at which packets leave. RFC 9002 §7.7. */
  get pacingRate(): number {
    const { congestion, rtt } = this;
    if (congestion.pacingRate !== undefined) return congestion.pacingRate(rtt);
    // While the window doubles every round trip the rate has to run ahead of it, or pacing would hold it back.
    const gain = congestion.window < congestion.slowStartThreshold ? SLOW_START_PACING_GAIN : PACING_GAIN;
    return (gain * congestion.window) / Math.max(rtt.smoothed, MIN_PACING_RTT);
  }

  /**
   * The sender had data and this path would not take it, for want of window or pacing: so what is in flight is not
   * limited by the application. RFC 9002 §7.8.
   */
  noteBlocked(now: number): void {
    this.#limitedTime = now;
  }

  /** Whether the window was the limit at some time since `sentTime`. */
  wasLimitedSince(sentTime: number): boolean {
    return this.#limitedTime >= sentTime;
  }

  /** A packet that counts as in flight leaves. */
  onSent(now: number, size: number): void {
    if (this.bytesInFlight === 0) this.firstSentTime = this.deliveredTime = now;
    this.bytesInFlight += size;
    if (this.bytesInFlight + this.maxDatagramSize > this.congestion.window) this.#limitedTime = now;
    this.counters.packetsSent++;
    this.counters.bytesSent += size;
    this.congestion.onSent?.(now, size, this.bytesInFlight);
    if (this.#options.pacing !== false) this.pacer.onSent(now, size, this.pacingRate);
  }

  /** A packet that counts as in flight is no longer: acknowledged. The window hears of it separately. */
  onDelivered(now: number, size: number): void {
    this.bytesInFlight -= size;
    this.delivered += size;
    this.deliveredTime = now;
    this.counters.packetsAcked++;
    this.counters.bytesAcked += size;
  }

  /**
   * Measures the rate of delivery from the latest packet that an ACK acknowledged: bytes delivered between its leaving
   * and now, over the longer of the times in which they were sent and acknowledged, as bunched ACKs would overstate it.
   */
  sampleDeliveryRate(
    now: number,
    sentTime: number,
    delivered: number,
    deliveredTime: number,
    firstSentTime: number,
  ): void {
    const interval = Math.max(sentTime - firstSentTime, now - deliveredTime);
    this.firstSentTime = sentTime;
    if (interval > 0 && interval >= this.rtt.min) this.deliveryRate = (this.delivered - delivered) / interval;
  }

  /** A packet that counts as in flight is no longer: lost. */
  onLost(size: number): void {
    this.bytesInFlight -= size;
    this.counters.packetsLost++;
    this.counters.bytesLost += size;
  }

  /** A packet that counts as in flight is forgotten with its keys, without a verdict. RFC 9002 §6.4. */
  onDiscarded(size: number): void {
    this.bytesInFlight -= size;
  }

  /** The largest UDP payload of the path changed. */
  setMaxDatagramSize(size: number): void {
    this.maxDatagramSize = size;
    this.pacer.onDatagramSize(size);
    this.congestion.onDatagramSize(size);
  }

  /**
   * Puts another controller in charge, which goes on from the present window.
   * @throws TypeError with ERR_INVALID_ARG_VALUE for a name that is not in the table.
   */
  setCongestionControl(name: string): void {
    if (name === this.congestion.name) return;
    this.congestion = createCongestionController(name, {
      maxDatagramSize: this.maxDatagramSize,
      initialWindow: this.congestion.window,
      slowStartThreshold: this.congestion.slowStartThreshold,
    });
  }

  /**
   * Other options, of a server that was chosen after the first packets. A first window of another size counts only
   * before there is an acknowledgement.
   * @throws TypeError with ERR_INVALID_ARG_VALUE for an unknown congestion controller.
   */
  setOptions(
    options: Pick<PathRecoveryOptions, 'congestionControl' | 'initialWindowPackets' | 'pacing'>,
  ): void {
    this.#options = { ...this.#options, ...options };
    const name = options.congestionControl ?? DEFAULT_CONGESTION_CONTROL;
    if (this.delivered === 0) this.congestion = this.#initialController(name);
    else this.setCongestionControl(name);
  }

  /** Starts the window anew, as for a connection that starts over (RFC 9002 §6.3); what RTT is known stays. */
  resetCongestion(): void {
    this.congestion = this.#initialController(this.congestion.name);
    this.#limitedTime = Number.NEGATIVE_INFINITY;
  }

  #initialController(name: string): CongestionController {
    return createCongestionController(name, {
      maxDatagramSize: this.maxDatagramSize,
      initialWindow: initialWindow(
        this.maxDatagramSize,
        this.#options.initialWindowPackets ?? INITIAL_WINDOW_PACKETS,
      ),
      slowStartThreshold: Number.POSITIVE_INFINITY,
    });
  }
}

const DEFAULT_DATAGRAM_SIZE = 1200;
const PACING_GAIN = 1.25;
const SLOW_START_PACING_GAIN = 2;

/** Keeps the rate finite on links without delay, milliseconds. */
const MIN_PACING_RTT = 0.01;
