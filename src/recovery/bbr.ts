// BBR (draft-ietf-ccwg-bbr, the third version): sends at the rate that the path was measured to deliver, probes for more
// from time to time, and lets losses bound what is in flight. Owns the state machine, window and rate; the measurements
// are in bbr-model.ts and delivery-rate.ts.

import { BBR_BETA, BbrModel } from './bbr-model.ts';
import { Plateau } from './bbr-plateau.ts';
import { type BbrState, GAINS } from './bbr-state.ts';
import type { CongestionController, CongestionOptions, PathModel, StartupExitReason } from './congestion.ts';

/** Losses per byte in flight that are too many. draft-ietf-ccwg-bbr §2.7. */
export const LOSS_THRESHOLD = 0.02;

/** Part of the long-term bound that is left to others while cruising. draft-ietf-ccwg-bbr §2.7. */
export const HEADROOM = 0.15;

/** Packets in the least window. draft-ietf-ccwg-bbr §2.7. */
export const MIN_PIPE_PACKETS = 4;

/** ACKs with losses in one round that end Startup. draft-ietf-ccwg-bbr §5.3.1.3. */
const STARTUP_LOSS_EVENTS = 6;

/** Rounds after which Drain ends in any case. */
const DRAIN_ROUNDS = 3;

/** Sends a little below the measured bandwidth, so that queues drain. draft-ietf-ccwg-bbr §2.5. */
const PACING_MARGIN = 0.99;

/** Milliseconds for which ProbeRTT keeps little in flight. draft-ietf-ccwg-bbr §2.14.2. */
const PROBE_RTT_DURATION = 200;

/** Between two probes: at least so many milliseconds, less than a second more; at most so many rounds. */
const PROBE_WAIT = 2_000;
const PROBE_WAIT_SPREAD = 1_000;
const MAX_PROBE_ROUNDS = 63;

const INITIAL_PACING_RTT = 1;

/** What the ACKs that come now tell about. */
type AckPhase = 'none' | 'refilling' | 'starting' | 'feedback' | 'stopping';

export class Bbr implements CongestionController {
  readonly name = 'bbr';
  readonly reducesGradually = false;
  readonly model: BbrModel = new BbrModel();
  state: BbrState = 'startup';
  window: number;
  startupExit: StartupExitReason | null = null;

  readonly #path: PathModel;
  readonly #initialWindow: number;
  #maxDatagramSize: number;
  #pacingRate: number;
  #hasRtt: boolean;
  #started = false;
  #idleRestart = false;
  #priorWindow = 0;

  readonly #plateau: Plateau = new Plateau();
  /** The pipe was full once. */
  #fullReached = false;
  #lossEvents = 0;
  #drainRound = 0;

  #ackPhase: AckPhase = 'none';
  #isProbeSample = false;
  #probeTooHigh = false;
  #probePrecautionary = false;
  #cycleStart = 0;
  #probeWait = 0;
  #roundsSinceProbe = 0;
  #upRounds = 0;
  #upAcked = 0;
  #upAckedPerIncrease: number = Number.POSITIVE_INFINITY;
  #probeRttEnd = 0;
  #probeRttRoundDone = false;

  /** What a reduction that proves wrong goes back to. */
  #recoveryStart: number = Number.NEGATIVE_INFINITY;
  #undoState: 'startup' | 'up' | null = null;
  #undoWindow = 0;
  #undoBandwidth = 0;
  #undoShortterm = 0;
  #undoLongterm = 0;

  constructor(options: CongestionOptions, path: PathModel) {
    this.#path = path;
    this.#maxDatagramSize = options.maxDatagramSize;
    this.window = this.#initialWindow = options.initialWindow;
    const { rtt, rate } = path;
    this.#hasRtt = rtt.hasSample;
    if (rtt.hasSample) this.model.seed(rate.latest, rtt.min);
    const nominal = this.window / (rtt.hasSample ? Math.max(rtt.smoothed, 0.01) : INITIAL_PACING_RTT);
    this.#pacingRate = GAINS.startup.pacing * nominal;
    this.model.startRound(rate);
  }

  /** Infinity during Startup, when the window still grows exponentially. */
  get slowStartThreshold(): number {
    return this.#fullReached ? this.window : Number.POSITIVE_INFINITY;
  }

  get maxBandwidth(): number {
    return this.model.maxBandwidth;
  }

  pacingRate(): number {
    return this.#pacingRate;
  }

  onSent(now: number, size: number, bytesInFlight: number): void {
    if (bytesInFlight > size || this.#path.rate.appLimitedUntil === 0) return;
    this.#idleRestart = true;
    this.model.restartAggregation(now);
    if (this.#isProbing()) this.#setPacingRate(1);
    else if (this.state === 'probe-rtt') this.#checkProbeRttDone(now);
  }

  onAcked(): void {}

  onAckDone(now: number, rttSample: number): void {
    const { model } = this;
    const { rate, bytesInFlight } = this.#path;
    if (!this.#started) {
      this.#started = true;
      model.startClocks(now);
    }
    model.update(rate);
    if (model.roundStart) this.#roundsSinceProbe++;
    if (model.lossRoundStart) {
      if (model.lossInRound && !this.#isAccelerating()) model.lowerBounds(this.window);
    }
    model.updateAggregation(now, rate.newlyAcked, this.window, !this.#fullReached);
    this.#checkFullBandwidth();
    this.#checkStartup();
    if (model.lossRoundStart) model.lossInRound = false;
    if (this.state === 'drain') this.#checkDrain(now, bytesInFlight);
    this.#updateCycle(now, bytesInFlight);
    model.updateMinRtt(now, rttSample);
    this.#checkProbeRtt(now, bytesInFlight);
    model.advance(rate);
    if (!this.#hasRtt && rttSample > 0) {
      this.#hasRtt = true;
      this.#pacingRate = (GAINS.startup.pacing * this.#initialWindow) / rttSample;
    }
    this.#setPacingRate(GAINS[this.state].pacing);
    this.#setWindow();
  }

  onPacketLost(
    now: number,
    size: number,
    sentInFlight: number,
    lostSince: number,
    isAppLimited: boolean,
  ): void {
    const { model } = this;
    model.noteLoss(this.#path.rate);
    if (!this.#isProbeSample || lostSince <= sentInFlight * LOSS_THRESHOLD) return;
    // At what point of this packet did losses cross the threshold? draft-ietf-ccwg-bbr §5.5.10.2.
    const inFlightBefore = sentInFlight - size;
    const prefix = (LOSS_THRESHOLD * inFlightBefore - (lostSince - size)) / (1 - LOSS_THRESHOLD);
    this.#onInflightTooHigh(now, inFlightBefore + prefix, isAppLimited);
  }

  /** A loss episode begins, which may yet turn out to be none. */
  onCongestionEvent(now: number, sentTime: number): void {
    if (sentTime <= this.#recoveryStart) return;
    this.#recoveryStart = now;
    const { model } = this;
    this.#undoState = null;
    this.#undoWindow = this.window;
    this.#undoBandwidth = model.bandwidthShortterm;
    this.#undoShortterm = model.inflightShortterm;
    this.#undoLongterm = model.inflightLongterm;
  }

  /** RFC 9000 §13.4: a CE mark is answered like loss, once per round trip; the draft leaves it open. */
  onMarked(now: number, sentTime: number): void {
    if (sentTime <= this.#recoveryStart) return;
    this.onCongestionEvent(now, sentTime);
    this.model.noteLoss(this.#path.rate);
    if (this.state === 'startup') this.#leaveStartup('ecn');
    else if (this.#isProbeSample) this.#onInflightTooHigh(now, this.#path.bytesInFlight, false);
  }

  onPersistentCongestion(): void {
    this.#priorWindow = Math.max(this.#priorWindow, this.window);
    this.window = this.#minWindow;
    this.#recoveryStart = Number.NEGATIVE_INFINITY;
  }

  /** draft-ietf-ccwg-bbr §5.5.11.2. */
  undo(now: number): void {
    const { model } = this;
    this.#recoveryStart = Number.NEGATIVE_INFINITY;
    this.window = Math.max(this.window, this.#undoWindow);
    model.lossInRound = false;
    this.#plateau.reset();
    model.bandwidthShortterm = Math.max(model.bandwidthShortterm, this.#undoBandwidth);
    model.inflightShortterm = Math.max(model.inflightShortterm, this.#undoShortterm);
    model.inflightLongterm = Math.max(model.inflightLongterm, this.#undoLongterm);
    if (this.#undoState === 'startup' && this.state !== 'startup') {
      this.#fullReached = false;
      if (this.state !== 'probe-rtt') this.state = 'startup';
    } else if (this.#undoState === 'up' && this.state !== 'up') {
      if (this.state !== 'probe-rtt') this.#startRefill();
    }
    this.#undoState = null;
    this.#cycleStart = Math.min(this.#cycleStart, now);
  }

  onDatagramSize(maxDatagramSize: number): void {
    this.#maxDatagramSize = maxDatagramSize;
    this.window = Math.max(this.window, this.#minWindow);
  }

  // --- Startup and Drain: draft-ietf-ccwg-bbr §5.3.1, §5.3.2 ---

  #checkFullBandwidth(): void {
    const { rate } = this.#path;
    if (!this.model.roundStart || rate.isAppLimited || !this.#plateau.onRound(rate.rate)) return;
    this.#fullReached = true;
    this.startupExit ??= 'plateau';
  }

  #checkStartup(): void {
    const { model } = this;
    const { rate } = this.#path;
    if (!this.#fullReached) {
      if (rate.newlyLost > 0) this.#lossEvents++;
      if (model.lossRoundStart) {
        const tooMany = this.#lossEvents >= STARTUP_LOSS_EVENTS && this.#isInflightTooHigh();
        if (tooMany && model.lossInRound) this.#leaveStartup('loss');
        this.#lossEvents = 0;
      }
    }
    if (this.state === 'startup' && this.#fullReached) {
      this.state = 'drain';
      this.#drainRound = model.roundCount;
    }
  }

  #leaveStartup(reason: StartupExitReason): void {
    const { model } = this;
    this.#undoState = 'startup';
    this.#fullReached = true;
    this.startupExit ??= reason;
    model.inflightLongterm = Math.max(model.bdp(this.#initialWindow), model.inflightLatest);
  }

  #checkDrain(now: number, inFlight: number): void {
    if (inFlight <= this.#inflight(1) || this.model.roundCount > this.#drainRound + DRAIN_ROUNDS) {
      this.#startDown(now);
    }
  }

  // --- ProbeBW: draft-ietf-ccwg-bbr §5.3.3 ---

  #updateCycle(now: number, inFlight: number): void {
    if (!this.#fullReached || this.#adaptLongterm()) return;
    switch (this.state) {
      case 'down':
        if (this.#isTimeToProbe(now)) this.#startRefill();
        else if (inFlight <= this.#inflightWithHeadroom() && inFlight <= this.#inflight(1))
          this.state = 'cruise';
        return;
      case 'cruise':
        if (this.#isTimeToProbe(now)) this.#startRefill();
        return;
      case 'refill':
        // One round fills the pipe; only then more is asked of it.
        if (this.model.roundStart) this.#startUp();
        return;
      case 'up':
        if (!this.#isTimeToGoDown(inFlight)) return;
        this.#probeTooHigh = false;
        this.#startDown(now);
        return;
      default:
    }
  }

  #startDown(now: number): void {
    this.model.resetCongestionSignals();
    this.#upAckedPerIncrease = Number.POSITIVE_INFINITY;
    // Flows should not probe in step. No chance is needed for that: the low bits of clock and byte count will do.
    const spread = scatter(now, this.#path.rate.delivered);
    this.#roundsSinceProbe = spread < 0.5 ? 0 : 1;
    this.#probeWait = PROBE_WAIT + spread * PROBE_WAIT_SPREAD;
    this.#cycleStart = now;
    this.#ackPhase = 'stopping';
    this.model.startRound(this.#path.rate);
    this.state = 'down';
  }

  #startRefill(): void {
    this.model.resetShortterm();
    this.#upRounds = this.#upAcked = 0;
    this.#probePrecautionary = false;
    this.#ackPhase = 'refilling';
    this.model.startRound(this.#path.rate);
    this.state = 'refill';
  }

  #startUp(): void {
    this.#isProbeSample = true;
    this.#ackPhase = 'starting';
    this.model.startRound(this.#path.rate);
    this.#plateau.reset(this.#path.rate.rate);
    this.state = 'up';
    this.#raiseSlope();
  }

  #isTimeToProbe(now: number): boolean {
    if (now > this.#cycleStart + this.#probeWait) return true;
    // Reno needs about so many rounds to come back from a loss, so probing does not push it aside.
    const packets = this.#targetInflight() / this.#maxDatagramSize;
    return this.#roundsSinceProbe >= Math.min(packets, MAX_PROBE_ROUNDS);
  }

  #isTimeToGoDown(inFlight: number): boolean {
    const { model } = this;
    if (this.#probeTooHigh && inFlight >= model.inflightLongterm) {
      this.#probePrecautionary = true;
      return true;
    }
    if (this.#path.isWindowLimited && this.window >= model.inflightLongterm) {
      // The bound limits the bandwidth, so that it does not grow says nothing about the path.
      this.#plateau.reset(this.#path.rate.rate);
      return false;
    }
    return this.#plateau.reached;
  }

  /** Returns true if it decided on the next state. */
  #adaptLongterm(): boolean {
    const { model } = this;
    const { rate } = this.#path;
    if (this.#ackPhase === 'starting' && model.roundStart) this.#ackPhase = 'feedback';
    if (this.#ackPhase === 'stopping' && model.roundStart) {
      this.#isProbeSample = false;
      this.#ackPhase = 'none';
      if (this.#isProbing()) {
        if (!rate.isAppLimited) model.advanceBandwidthFilter();
        if (this.#probePrecautionary && !this.#probeTooHigh) {
          this.#startRefill();
          return true;
        }
      }
    }
    if (this.#isInflightTooHigh() || model.inflightLongterm === Number.POSITIVE_INFINITY) return false;
    if (rate.sentInFlight > model.inflightLongterm) model.inflightLongterm = rate.sentInFlight;
    if (this.state === 'up') this.#probeUpward();
    return false;
  }

  #probeUpward(): void {
    const { model } = this;
    if (!this.#path.isWindowLimited || this.window < model.inflightLongterm) return;
    this.#upAcked += this.#path.rate.newlyAcked;
    if (this.#upAcked >= this.#upAckedPerIncrease) {
      const increases = Math.floor(this.#upAcked / this.#upAckedPerIncrease);
      this.#upAcked -= increases * this.#upAckedPerIncrease;
      model.inflightLongterm += increases * this.#maxDatagramSize;
    }
    if (model.roundStart) this.#raiseSlope();
  }

  #raiseSlope(): void {
    const growth = 2 ** this.#upRounds;
    this.#upRounds = Math.min(this.#upRounds + 1, 30);
    this.#upAckedPerIncrease = Math.max(this.window / growth, this.#maxDatagramSize);
  }

  #isInflightTooHigh(): boolean {
    const { rate } = this.#path;
    return rate.lostSince > rate.sentInFlight * LOSS_THRESHOLD;
  }

  #onInflightTooHigh(now: number, inFlight: number, isAppLimited: boolean): void {
    this.#probeTooHigh = true;
    this.#isProbeSample = false;
    const { model } = this;
    if (!isAppLimited) model.inflightLongterm = Math.max(inFlight, this.#targetInflight() * BBR_BETA);
    if (this.state !== 'up') return;
    this.#undoState = 'up';
    this.#startDown(now);
  }

  // --- ProbeRTT: draft-ietf-ccwg-bbr §5.3.4 ---

  #checkProbeRtt(now: number, inFlight: number): void {
    const { model } = this;
    const { rate } = this.#path;
    if (this.state !== 'probe-rtt' && model.probeRttExpired && !this.#idleRestart) {
      this.#priorWindow = this.window;
      this.state = 'probe-rtt';
      this.#probeRttEnd = 0;
      this.#ackPhase = 'stopping';
      model.startRound(rate);
    }
    if (this.state === 'probe-rtt') {
      // So little in flight measures low rates, which say nothing.
      rate.markAppLimited(inFlight);
      if (this.#probeRttEnd === 0) {
        if (inFlight <= this.#probeRttWindow()) {
          this.#probeRttEnd = now + PROBE_RTT_DURATION;
          this.#probeRttRoundDone = false;
          model.startRound(rate);
        }
      } else {
        if (model.roundStart) this.#probeRttRoundDone = true;
        if (this.#probeRttRoundDone) this.#checkProbeRttDone(now);
      }
    }
    if (rate.sampled > 0) this.#idleRestart = false;
  }

  #checkProbeRttDone(now: number): void {
    const { model } = this;
    if (this.#probeRttEnd === 0 || now <= this.#probeRttEnd) return;
    model.probeRttStamp = now;
    this.window = Math.max(this.window, this.#priorWindow);
    model.resetShortterm();
    if (this.#fullReached) {
      this.#startDown(now);
      this.state = 'cruise';
    } else this.state = 'startup';
  }

  // --- Rate and window: draft-ietf-ccwg-bbr §5.6 ---

  #setPacingRate(gain: number): void {
    const rate = gain * this.model.bandwidth * PACING_MARGIN;
    // Until the pipe is known to be full, low samples must not slow the search down.
    if (rate > 0 && (this.#fullReached || rate > this.#pacingRate)) this.#pacingRate = rate;
  }

  #setWindow(): void {
    const { model } = this;
    const { rate } = this.#path;
    const most = this.#quantized(
      GAINS[this.state].window * model.bdp(this.#initialWindow) + model.extraAcked,
    );
    if (this.#fullReached) this.window = Math.min(this.window + rate.newlyAcked, most);
    else if (this.window < most || rate.delivered < this.#initialWindow) this.window += rate.newlyAcked;
    this.window = Math.max(this.window, this.#minWindow);
    if (this.state === 'probe-rtt') this.window = Math.min(this.window, this.#probeRttWindow());
    let cap = Number.POSITIVE_INFINITY;
    if (this.state === 'cruise' || this.state === 'probe-rtt') cap = this.#inflightWithHeadroom();
    else if (this.#isProbing()) cap = model.inflightLongterm;
    this.window = Math.min(this.window, Math.max(this.#minWindow, Math.min(cap, model.inflightShortterm)));
  }

  #quantized(inflight: number): number {
    const least = Math.max(inflight, this.#path.sendQuantum, this.#minWindow);
    return this.state === 'up' ? least + 2 * this.#maxDatagramSize : least;
  }

  #inflight(gain: number): number {
    return this.#quantized(gain * this.model.bdp(this.#initialWindow));
  }

  #inflightWithHeadroom(): number {
    const { inflightLongterm } = this.model;
    if (inflightLongterm === Number.POSITIVE_INFINITY) return inflightLongterm;
    const headroom = Math.max(this.#maxDatagramSize, HEADROOM * inflightLongterm);
    return Math.max(inflightLongterm - headroom, this.#minWindow);
  }

  #targetInflight(): number {
    return Math.min(this.model.bdp(this.#initialWindow), this.window);
  }

  #probeRttWindow(): number {
    return Math.max(GAINS['probe-rtt'].window * this.model.bdp(this.#initialWindow), this.#minWindow);
  }

  get #minWindow(): number {
    return MIN_PIPE_PACKETS * this.#maxDatagramSize;
  }

  /** In one of the four states of ProbeBW. */
  #isProbing(): boolean {
    const { state } = this;
    return state === 'down' || state === 'cruise' || state === 'refill' || state === 'up';
  }

  #isAccelerating(): boolean {
    return this.state === 'startup' || this.state === 'refill' || this.state === 'up';
  }
}

/** A number from 0 to 1 that is different for flows that do nearly the same. */
function scatter(now: number, delivered: number): number {
  const mixed = Math.imul((now * 1000) ^ delivered, 0x9e3779b1);
  return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
}
