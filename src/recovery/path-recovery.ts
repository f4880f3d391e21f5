// Recovery state of one network path (RFC 9002 §5, §7; RFC 9000 §9.4): RTT, congestion window, pacing, bytes in
// flight, counters. Owns what may be sent on the path now and when. Knows no packet numbers, frames or timers.

import { BlackHole } from './black-hole.ts';
import {
  type CongestionController,
  createCongestionController,
  DEFAULT_CONGESTION_CONTROL,
  type PathModel,
  type StartupExitReason,
} from './congestion.ts';
import { DeliveryRate } from './delivery-rate.ts';
import { EcnValidator } from './ecn.ts';
import { LossEpisode } from './loss-episode.ts';
import { Pacer } from './pacer.ts';
import { ProportionalReduction } from './proportional-reduction.ts';
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
  /** Most that pacing lets go, bytes per second. Default Infinity. */
  maxPacingRate?: number;
  /** HyStart++ for reno and cubic (RFC 9406). Default true. */
  hystart?: boolean;
  /** Marks packets as ECN-capable while the path passes the marks on (RFC 9000 §13.4). Default false. */
  ecn?: boolean;
}

/** How the first exponential growth of the window ended. */
export interface StartupExit {
  readonly reason: StartupExitReason;
  /** Milliseconds. */
  readonly time: number;
  /** Bytes, after what ended it. */
  readonly window: number;
  /** Bytes per millisecond, as measured last. */
  readonly bandwidth: number;
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
  /** Probe timeouts while this was the path to send on. */
  probeTimeouts = 0;
}

export class PathRecovery implements PathModel {
  readonly rtt: RttEstimator;
  readonly pacer: Pacer;
  readonly rate: DeliveryRate = new DeliveryRate();
  readonly ecn: EcnValidator;
  readonly blackHole: BlackHole = new BlackHole();
  readonly counters: RecoveryCounters = new RecoveryCounters();
  congestion: CongestionController;
  maxDatagramSize: number;
  bytesInFlight = 0;

  /** When the present batch is due by its pacing rate; 0 if it has nothing that is paced. RFC 9002 §7.7. */
  releaseTime = 0;
  /** Null while the first slow start, or BBR's Startup, goes on. */
  startupExit: StartupExit | null = null;
  /** Reductions that were taken back, as all their losses turned out to be none. */
  undoCount = 0;

  #options: PathRecoveryOptions;
  /** When the window was last made full use of, or would have been but for pacing. */
  #limitedTime = Number.NEGATIVE_INFINITY;
  /** When the window alone was the limit. */
  #windowLimitedTime = Number.NEGATIVE_INFINITY;
  #latestAckedSentTime = Number.NEGATIVE_INFINITY;
  #rttSamples = 0;
  readonly #episode: LossEpisode = new LossEpisode();
  readonly #reduction: ProportionalReduction = new ProportionalReduction();

  /** @throws TypeError with ERR_INVALID_ARG_VALUE for an unknown congestion controller. */
  constructor(options: PathRecoveryOptions = {}) {
    this.#options = options;
    this.maxDatagramSize = options.maxDatagramSize ?? DEFAULT_DATAGRAM_SIZE;
    this.rtt = new RttEstimator(options.initialRtt ?? INITIAL_RTT);
    this.pacer = new Pacer(this.maxDatagramSize);
    this.ecn = new EcnValidator(options.ecn === true);
    this.congestion = this.#initialController(options.congestionControl ?? DEFAULT_CONGESTION_CONTROL);
  }

  /** Bytes that the congestion window still takes. */
  get windowRoom(): number {
    return Math.max(0, Math.floor(this.#allowedInFlight - this.bytesInFlight));
  }

  /** Bytes to hand to the socket at once; with more, bursts get too long for queues on the way. */
  get sendQuantum(): number {
    return this.pacer.quantum(this.#options.pacing === false ? Number.POSITIVE_INFINITY : this.pacingRate);
  }

  /**
   * A datagram, or a batch of segments, is built next: gives the ECN mark of all its packets, and `releaseTime` will be
   * that of its first packet.
   */
  beginBatch(now: number): 0 | 2 {
    this.releaseTime = 0;
    return this.ecn.markFor(now, this.rtt.pto);
  }

  /** The latest measured rate of delivery, bytes per millisecond; 0 before the first. */
  get deliveryRate(): number {
    return this.rate.latest;
  }

  /** The controller's estimate of the bandwidth, or else the highest rate of delivery; bytes per millisecond. */
  get maxBandwidth(): number {
    return this.congestion.maxBandwidth ?? this.rate.highest;
  }

  /** The window comes down after a loss. RFC 9002 §7.3.2. */
  get isInRecovery(): boolean {
    return this.#reduction.active;
  }

  get isWindowLimited(): boolean {
    return this.#windowLimitedTime >= this.#latestAckedSentTime;
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
    const { maxPacingRate } = this.#options;
    return maxPacingRate === undefined ? this.#wantedRate : Math.min(this.#wantedRate, maxPacingRate / 1000);
  }

  get #wantedRate(): number {
    const { congestion, rtt } = this;
    if (congestion.pacingRate !== undefined) return congestion.pacingRate();
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
    if (this.windowRoom < this.maxDatagramSize) this.#windowLimitedTime = now;
  }

  /**
   * The sender has nothing more to send, although this path would take it: what is measured of the packets that are
   * under way says little about the path (draft-ietf-ccwg-bbr §4.1.2.4).
   */
  noteAppLimited(): void {
    if (this.windowRoom >= this.maxDatagramSize) this.rate.markAppLimited(this.bytesInFlight);
  }

  /** Whether the window was the limit at some time since `sentTime`. */
  wasLimitedSince(sentTime: number): boolean {
    return this.#limitedTime >= sentTime;
  }

  /** A packet that counts as in flight leaves. */
  onSent(now: number, size: number): void {
    this.rate.onSent(now, this.bytesInFlight);
    this.bytesInFlight += size;
    if (this.bytesInFlight + this.maxDatagramSize > this.#allowedInFlight) {
      this.#limitedTime = this.#windowLimitedTime = now;
    }
    this.counters.packetsSent++;
    this.counters.bytesSent += size;
    if (this.#reduction.active) this.#reduction.onSent(size);
    this.congestion.onSent?.(now, size, this.bytesInFlight);
    if (this.#options.pacing === false) return;
    this.pacer.onSent(now, size, this.pacingRate);
    if (this.releaseTime === 0) this.releaseTime = this.pacer.releaseTime;
  }

  /** A packet that counts as in flight is no longer: acknowledged. The window hears of it separately. */
  onDelivered(now: number, size: number): void {
    this.bytesInFlight -= size;
    this.rate.onDelivered(now, size);
    this.counters.packetsAcked++;
    this.counters.bytesAcked += size;
  }

  /** The window heard of all packets of an ACK, and `rate` holds its sample; `sentTime` is that of the latest packet. */
  onAckDone(now: number, sentTime: number): void {
    const { congestion, rate, rtt } = this;
    if (sentTime > this.#latestAckedSentTime) this.#latestAckedSentTime = sentTime;
    const rttSample = rtt.samples > this.#rttSamples ? rtt.latest : -1;
    this.#rttSamples = rtt.samples;
    congestion.onAckDone?.(now, rttSample, sentTime);
    const reduction = this.#reduction;
    // RFC 9002 §7.3.2: a packet that left during the recovery period was acknowledged, so the period is over.
    if (sentTime > this.#episode.start) reduction.end();
    else if (reduction.active) {
      reduction.onAck(
        rate.newlyAcked,
        rate.newlyLost,
        this.bytesInFlight,
        congestion.window,
        this.maxDatagramSize,
      );
    }
    rate.finish();
    this.#noteStartup(now);
  }

  /** A packet that counts as in flight is no longer: lost. */
  onLost(size: number): void {
    this.bytesInFlight -= size;
    this.counters.packetsLost++;
    this.counters.bytesLost += size;
  }

  /**
   * Follows `onLost` for a packet whose loss speaks of congestion; the arguments after `sentTime` are what the ledger
   * knows of the moment when it left. RFC 9002 §7.3.2.
   */
  onCongestionLoss(
    now: number,
    size: number,
    sentTime: number,
    sentInFlight: number,
    lostBefore: number,
    isAppLimited: boolean,
  ): void {
    const { congestion, rate } = this;
    rate.onLost(size);
    this.blackHole.onLost(now, size, sentTime, this.rtt.smoothed);
    if (this.#reduction.active) this.#reduction.onLost(size);
    const begins = this.#episode.onLost(now, sentTime);
    congestion.onCongestionEvent(now, sentTime);
    congestion.onPacketLost?.(now, size, sentInFlight, rate.lost - lostBefore, isAppLimited);
    if (begins) this.#beginReduction(size);
  }

  /** The peer reported more CE marks; `sentTime` is that of the packet which it acknowledged last. RFC 9002 §7.1. */
  onMarked(now: number, sentTime: number): void {
    const { congestion } = this;
    const begins = this.#episode.onMarked(now, sentTime);
    congestion.onMarked(now, sentTime);
    if (begins) this.#beginReduction(0);
  }

  /** A packet that was declared lost at `lostTime` was acknowledged: if all were, the reduction is taken back. */
  onSpuriousLoss(now: number, sentTime: number, lostTime: number): void {
    this.counters.packetsSpuriouslyLost++;
    if (!this.#episode.onSpurious(sentTime, lostTime)) return;
    this.undoCount++;
    this.#reduction.end();
    this.congestion.undo(now);
  }

  /** RFC 9002 §7.6. */
  onPersistentCongestion(now: number): void {
    this.#episode.confirm();
    this.#reduction.end();
    this.congestion.onPersistentCongestion(now);
    this.rtt.resetMin();
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
   * Puts another controller in charge, which goes on from the present window and from what the path was measured to do.
   * @throws TypeError with ERR_INVALID_ARG_VALUE for a name that is not in the table.
   */
  setCongestionControl(name: string): void {
    const { window, slowStartThreshold } = this.congestion;
    const next = this.#makeController(name, window, slowStartThreshold);
    if (next.name === this.congestion.name) return;
    this.congestion = next;
    this.#reduction.end();
  }

  /**
   * Other options, of a server that was chosen after the first packets. A first window of another size counts only
   * before there is an acknowledgement.
   * @throws TypeError with ERR_INVALID_ARG_VALUE for an unknown congestion controller.
   */
  setOptions(
    options: Pick<
      PathRecoveryOptions,
      'congestionControl' | 'initialWindowPackets' | 'pacing' | 'maxPacingRate' | 'hystart' | 'ecn'
    >,
  ): void {
    this.#options = { ...this.#options, ...options };
    if (options.ecn === true) this.ecn.enable();
    const name = options.congestionControl ?? DEFAULT_CONGESTION_CONTROL;
    if (this.rate.delivered === 0) this.congestion = this.#initialController(name);
    else this.setCongestionControl(name);
  }

  /** Starts the window anew, as for a connection that starts over (RFC 9002 §6.3); what RTT is known stays. */
  resetCongestion(): void {
    this.congestion = this.#initialController(this.congestion.name);
    this.#limitedTime = this.#windowLimitedTime = Number.NEGATIVE_INFINITY;
    this.#reduction.end();
  }

  get #allowedInFlight(): number {
    if (!this.#reduction.active) return this.congestion.window;
    // With less than a datagram, and nothing in flight whose acknowledgement would make room, nothing would ever leave.
    return Math.max(this.#reduction.window, this.maxDatagramSize);
  }

  /** `lost`: what the loss that was found takes out of flight. */
  #beginReduction(lost: number): void {
    if (!this.congestion.reducesGradually) return;
    const { rate, bytesInFlight, maxDatagramSize } = this;
    this.#reduction.begin(bytesInFlight + lost + rate.newlyAcked, bytesInFlight, maxDatagramSize);
  }

  #noteStartup(now: number): void {
    const { startupExit, window } = this.congestion;
    if (startupExit === null || this.startupExit !== null) return;
    this.startupExit = { reason: startupExit, time: now, window, bandwidth: this.rate.latest };
  }

  #initialController(name: string): CongestionController {
    const packets = this.#options.initialWindowPackets ?? INITIAL_WINDOW_PACKETS;
    const window = initialWindow(this.maxDatagramSize, packets);
    return this.#makeController(name, window, Number.POSITIVE_INFINITY);
  }

  #makeController(name: string, window: number, slowStartThreshold: number): CongestionController {
    const options = {
      maxDatagramSize: this.maxDatagramSize,
      initialWindow: window,
      slowStartThreshold,
      hystart: this.#options.hystart !== false,
    };
    return createCongestionController(name, options, this);
  }
}

const DEFAULT_DATAGRAM_SIZE = 1200;
const PACING_GAIN = 1.25;
const SLOW_START_PACING_GAIN = 2;

/** Keeps the rate finite on links without delay, milliseconds. */
const MIN_PACING_RTT = 0.01;
