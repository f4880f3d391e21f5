// Loss detection of one connection (RFC 9002 §6 and appendix A): what acknowledgements and time make of the packets
// that were sent, the one timer for both, probe timeouts and persistent congestion. Knows packets by space, number,
// size and plain tokens; never what a token stands for. Tells its listener what became of each token.

import { NO_TRACE, type Trace } from '../trace/trace.ts';
import { LossDetector, type LossThresholds } from './loss-detector.ts';
import { type PathRecovery, RecoveryCounters } from './path-recovery.ts';
import { SentFlag, type SentPackets, type TokenSink } from './sent-packets.ts';
import { type AckRanges, SpaceRecovery } from './space-recovery.ts';

export type { AckRanges } from './space-recovery.ts';

/** Back-off does not take a probe timeout above this, milliseconds. */
export const MAX_PROBE_TIMEOUT = 60_000;

/** Packets that a probe timeout may send in its space. RFC 9002 §6.2.4. */
export const PROBES_PER_TIMEOUT = 2;

/** Packets without an ack-eliciting frame after which one should carry one. RFC 9000 §13.2.4. */
export const MAX_ACK_ONLY_RUN = 20;

/** Packet number spaces. RFC 9000 §12.3. */
const INITIAL = 0;
const HANDSHAKE = 1;
const APPLICATION = 2;

/** The type of an ACK frame with ECN counts. RFC 9000 §19.3. */
const ACK_ECN = 0x03;

/**
 * Hears what became of what was sent. Each token is reported once, acknowledged or lost, except that nothing is said
 * about tokens of a discarded space and of ACK-only packets that were forgotten. Must not send from within a call.
 */
export interface RecoveryListener {
  tokenAcked(space: number, kind: number, a: number, b: number, c: number): void;
  /** The packet was declared lost, or its content is to be repeated by a probe. */
  tokenLost(space: number, kind: number, a: number, b: number, c: number): void;
  packetLost?(space: number, packetNumber: number, size: number): void;
}

export interface RecoveryConfig extends LossThresholds {
  role: 'client' | 'server';
  /** The path that the connection starts on. */
  path: PathRecovery;
  /** A kind of token that a probe does not repeat: it stays with its packet. Default none. */
  unrepeatable?: number;
}

/** Spaces are 0 Initial, 1 Handshake, 2 Application; times are milliseconds; sizes are bytes. */
export class Recovery {
  /** Over all paths; those of one path are at the path. */
  readonly counters: RecoveryCounters = new RecoveryCounters();
  /** Probe timeouts since the last sign of progress: the exponent of the back-off. */
  ptoCount = 0;
  /** Probe timeouts so far. */
  totalPtoCount = 0;

  readonly #spaces: readonly SpaceRecovery[] = [
    new SpaceRecovery(INITIAL),
    new SpaceRecovery(HANDSHAKE),
    new SpaceRecovery(APPLICATION),
  ];
  readonly #losses: LossDetector;
  readonly #ackedSink: TokenSink;
  readonly #lostSink: TokenSink;

  readonly #unrepeatable: number;
  #path: PathRecovery;
  #open: SpaceRecovery;
  #handshakeConfirmed = false;
  #handshakeKeys = false;
  /** RFC 9002 §A.8: servers are validated by the handshake itself, so a server need not wonder. */
  #peerCompletedAddressValidation: boolean;
  #antiAmplificationBlocked = false;

  /** The three that follow are what they should be; a batch of packets changes them once. */
  #isArmed = false;
  #deadline: number = Number.POSITIVE_INFINITY;
  #timerSpace = INITIAL;
  #timerIsLoss = false;
  /** The last event that (re)starts timers; -Infinity before anything was sent. */
  #lastEvent = Number.NEGATIVE_INFINITY;
  #lastProbeTimeout = Number.NEGATIVE_INFINITY;

  constructor(config: RecoveryConfig, listener: RecoveryListener, trace: Trace = NO_TRACE) {
    this.#path = config.path;
    this.#unrepeatable = config.unrepeatable ?? -1;
    this.#open = this.#spaces[INITIAL];
    this.#peerCompletedAddressValidation = config.role === 'server';
    this.#ackedSink = (space, kind, a, b, c) => listener.tokenAcked(space, kind, a, b, c);
    this.#lostSink = (space, kind, a, b, c) => listener.tokenLost(space, kind, a, b, c);
    this.#losses = new LossDetector(this.#spaces, config, this.counters, (state, slot, now) => {
      const { sent, space } = state;
      if ((sent.flags(slot) & SentFlag.IN_FLIGHT) !== 0) {
        trace.packetLost(now, space, sent.packetNumber(slot), sent.size(slot));
        listener.packetLost?.(space, sent.packetNumber(slot), sent.size(slot));
      }
      sent.takeTokens(slot, space, this.#lostSink);
    });
  }

  /** The peer's max_ack_delay, milliseconds; 25 until its transport parameters are known. */
  get maxAckDelay(): number {
    return this.#losses.maxAckDelay;
  }

  set maxAckDelay(delay: number) {
    this.#losses.maxAckDelay = delay;
  }

  /** How often persistent congestion was found. RFC 9002 §7.6. */
  get persistentCongestionCount(): number {
    return this.#losses.persistentCongestionCount;
  }

  // --- sending ---

  /** Opens the packet with the next number of the space. */
  beginPacket(space: number, packetNumber: number): void {
    this.#open = this.#spaces[space];
    this.#open.sent.begin(packetNumber);
  }

  /** Remembers a frame of the open packet. */
  token(kind: number, a: number, b: number, c: number): void {
    this.#open.sent.token(kind, a, b, c);
  }

  /** The open packet leaves. `inFlight` is true for packets that are ack-eliciting or padded (RFC 9002 §2). */
  endPacket(
    now: number,
    size: number,
    ackEliciting: boolean,
    inFlight: boolean,
    path: PathRecovery,
    isMtuProbe = false,
  ): void {
    const open = this.#open;
    const flags =
      (ackEliciting ? SentFlag.ACK_ELICITING : 0) |
      (inFlight ? SentFlag.IN_FLIGHT : 0) |
      (isMtuProbe ? SentFlag.MTU_PROBE : 0) |
      (path.ecn.mark !== 0 ? SentFlag.ECT0 : 0) |
      (path.rate.appLimitedUntil > 0 ? SentFlag.APP_LIMITED : 0);
    if (path.ecn.mark !== 0) {
      path.ecn.onSent();
      open.ecn.sent++;
    }
    // The path first: what the ledger remembers of its counters is their state with this packet on its way.
    if (inFlight) {
      path.onSent(now, size);
      this.counters.packetsSent++;
      this.counters.bytesSent += size;
      open.inFlight++;
    }
    open.sent.end(now, size, flags, path);
    if (ackEliciting) open.ackOnlyRun = 0;
    else open.ackOnlyRun++;
    if (inFlight) {
      if (ackEliciting) {
        open.ackElicitingInFlight++;
        open.lastAckElicitingTime = now;
      }
      this.#lastEvent = now;
    }
    const overfull = open.sent.overfull;
    if (overfull) this.#losses.shed(open, now);
    if (inFlight || overfull) this.#isArmed = false;
  }

  /** The open packet does not leave; its number is free again. */
  abortPacket(): void {
    this.#open.sent.abort();
  }

  /** Leaves the next packet number out. Acknowledging it is a PROTOCOL_VIOLATION of the peer. RFC 9000 §21.4. */
  skipPacketNumber(space: number, packetNumber: number): void {
    this.#spaces[space].skip(packetNumber);
  }

  /** The highest number sent or skipped; -1 before the first. */
  lastPacketNumber(space: number): number {
    return this.#spaces[space].sent.last;
  }

  /**
   * Whether a packet that would only acknowledge should carry a PING, so that the peer acknowledges and both sides can
   * forget old ranges: about once per round trip while nothing else is sent. RFC 9000 §13.2.4.
   */
  wantsAckEliciting(space: number, now: number): boolean {
    const state = this.#spaces[space];
    return (
      state.ackOnlyRun >= MAX_ACK_ONLY_RUN && now - state.lastAckElicitingTime >= this.#path.rtt.smoothed
    );
  }

  // --- receiving ---

  /**
   * Takes an ACK frame; `ackDelay` is in milliseconds, decoded. Returns whether it newly acknowledged anything.
   * @throws TransportError PROTOCOL_VIOLATION for numbers that were never sent.
   */
  onAck(space: number, ack: AckRanges, ackDelay: number, now: number): boolean {
    const state = this.#spaces[space];
    if (state.discarded) return false;
    state.check(ack);
    const raised = ack.largestAcked > state.largestAcked;
    if (raised) state.largestAcked = ack.largestAcked;
    if (state.lost.size > 0) {
      this.#losses.expireLost(state, this.ptoFor(this.#path, space), now);
      this.#losses.findSpurious(state, ack, now);
    }
    const count = state.collectAcked(ack, now);
    if (count === 0) return false;
    this.#lastEvent = now;
    this.#sampleRtt(state, ack, count, ackDelay, now);
    const { sent } = state;
    for (let i = 0; i < count; i++) sent.takeTokens(state.acked[i], space, this.#ackedSink);
    if (!state.discarded) this.#losses.detect(state, now);
    if (!state.discarded && raised) this.#checkEcn(state, ack, count, now);
    if (!state.discarded) this.#growWindows(state, count, now);
    state.trim();
    if (space === HANDSHAKE) this.#peerCompletedAddressValidation = true;
    // A client does not know that the server can send freely before that: its back-off goes on. RFC 9002 §6.2.1.
    if (this.#peerCompletedAddressValidation) this.ptoCount = 0;
    this.#isArmed = false;
    return true;
  }

  /** The highest number the peer acknowledged; -1 before the first. */
  largestAcked(space: number): number {
    return this.#spaces[space].largestAcked;
  }

  hasInFlight(space: number): boolean {
    return this.#spaces[space].inFlight > 0;
  }

  hasAckElicitingInFlight(space: number): boolean {
    return this.#spaces[space].ackElicitingInFlight > 0;
  }

  // --- time ---

  /** When `onTimeout` wants to be called; Infinity for never. */
  get deadline(): number {
    if (!this.#isArmed) this.#arm();
    return this.#deadline;
  }

  /** Declares late packets lost, or owes probes to be sent. Does nothing before the deadline. RFC 9002 §A.9. */
  onTimeout(now: number): void {
    if (now < this.deadline) return;
    this.#lastEvent = now;
    const state = this.#spaces[this.#timerSpace];
    if (this.#timerIsLoss) this.#losses.detect(state, now);
    else {
      // RFC 9002 §6.2.4: other spaces with data in flight are probed along, as the peer may have keys for one only.
      for (const other of this.#spaces) {
        if (other.ackElicitingInFlight > 0) other.probes = Math.max(other.probes, 1);
      }
      state.probes = state.ackElicitingInFlight > 0 ? PROBES_PER_TIMEOUT : 1;
      this.#lastProbeTimeout = now;
      this.ptoCount++;
      this.totalPtoCount++;
      this.counters.probeTimeouts++;
      this.#path.counters.probeTimeouts++;
    }
    this.#isArmed = false;
  }

  /** Ack-eliciting packets owed in the space; they do not ask the congestion window. RFC 9002 §7.5. */
  probesPending(space: number): number {
    return this.#spaces[space].probes;
  }

  /** One owed probe leaves. */
  sendProbe(space: number): void {
    const state = this.#spaces[space];
    if (state.probes > 0) state.probes--;
  }

  /**
   * For a probe without new data: reports the content of the oldest outstanding packet as lost, so that it is sent
   * again, while the packet itself stays in flight. Returns false if there is none. RFC 9002 §6.2.4.
   */
  retransmitOldest(space: number): boolean {
    const state = this.#spaces[space];
    const slot = state.oldestWithTokens(this.#unrepeatable);
    if (slot < 0) return false;
    state.sent.takeTokensBesides(this.#unrepeatable, slot, space, this.#lostSink);
    return true;
  }

  /** The probe timeout of a path without back-off, milliseconds. RFC 9002 §6.2.1. */
  ptoFor(path: PathRecovery, space: number): number {
    return path.rtt.pto + (space === APPLICATION ? this.maxAckDelay : 0);
  }

  // --- the connection's life ---

  /** Packets go over another path from now on; those under way stay with theirs. */
  setPath(path: PathRecovery): void {
    this.#path = path;
    // The silence was that of the other path.
    this.ptoCount = 0;
    this.#isArmed = false;
  }

  /** The client's anti-deadlock probe is a Handshake packet from now on. RFC 9002 §6.2.2.1. */
  setHandshakeKeysAvailable(): void {
    this.#handshakeKeys = true;
    this.#isArmed = false;
  }

  /** RFC 9001 §4.1.2: from now on 1-RTT packets have a probe timeout and max_ack_delay counts. */
  setHandshakeConfirmed(): void {
    this.#handshakeConfirmed = true;
    this.#peerCompletedAddressValidation = true;
    this.#isArmed = false;
  }

  /** While a server may send nothing, it needs no probe timeout. RFC 9002 §6.2.2.1. */
  setAntiAmplificationBlocked(blocked: boolean): void {
    if (blocked === this.#antiAmplificationBlocked) return;
    this.#antiAmplificationBlocked = blocked;
    this.#isArmed = false;
  }

  get antiAmplificationBlocked(): boolean {
    return this.#antiAmplificationBlocked;
  }

  /** The keys of a space are gone: its packets are forgotten without a verdict. RFC 9002 §6.4. */
  discardSpace(space: number): void {
    const state = this.#spaces[space];
    if (state.discarded) return;
    state.discarded = true;
    this.#forgetOutstanding(state, false);
    this.ptoCount = 0;
    this.#lastProbeTimeout = Number.NEGATIVE_INFINITY;
    this.#isArmed = false;
  }

  /**
   * Takes everything outstanding in a space back, to be sent again, with no word to congestion control: rejected
   * 0-RTT packets. RFC 9002 §6.4.
   */
  withdrawOutstanding(space: number): void {
    this.#forgetOutstanding(this.#spaces[space], true);
    this.#isArmed = false;
  }

  /** A Retry came: the connection starts over, and packet numbers go on. RFC 9002 §6.3, RFC 9000 §17.2.5.3. */
  resetForRetry(): void {
    this.#forgetOutstanding(this.#spaces[INITIAL], true);
    this.#forgetOutstanding(this.#spaces[APPLICATION], true);
    this.#path.resetCongestion();
    this.ptoCount = 0;
    this.#lastProbeTimeout = Number.NEGATIVE_INFINITY;
    this.#isArmed = false;
  }

  // --- acknowledgements ---

  /** RFC 9002 §5.1: from the largest acknowledged packet alone, if the frame is the first to acknowledge it. */
  #sampleRtt(state: SpaceRecovery, ack: AckRanges, count: number, ackDelay: number, now: number): void {
    const { sent } = state;
    const newest = state.acked[count - 1];
    if (!state.ackedEliciting || sent.packetNumber(newest) !== ack.largestAcked) return;
    // RFC 9002 §5.3: Initial packets are not delayed; after the handshake no more than max_ack_delay is believed.
    let delay = state.space === INITIAL ? 0 : ackDelay;
    if (this.#handshakeConfirmed) delay = Math.min(delay, this.maxAckDelay);
    sent.path(newest)?.rtt.update(Math.max(0, now - sent.sentTime(newest)), delay, now);
  }

  /** RFC 9000 §13.4.2.1, RFC 9002 §B.7: of frames that raise the largest acknowledged number only. */
  #checkEcn(state: SpaceRecovery, ack: AckRanges, count: number, now: number): void {
    const { sent, ecn } = state;
    if (ecn.sent === 0) return;
    const newest = state.acked[count - 1];
    const path = sent.path(newest);
    if (path === null) return;
    const hasCounts = ack.type === ACK_ECN;
    const marked = hasCounts
      ? path.ecn.onAck(ecn, state.ackedMarked, ack.ect0 ?? 0, ack.ect1 ?? 0, ack.ce ?? 0)
      : path.ecn.onAckWithoutCounts(state.ackedMarked);
    if (marked) path.onMarked(now, sent.sentTime(newest));
  }

  #growWindows(state: SpaceRecovery, count: number, now: number): void {
    const { sent, acked } = state;
    let newest = -1;
    let newestPath: PathRecovery | null = null;
    for (let i = 0; i < count; i++) {
      const slot = acked[i];
      if ((sent.flags(slot) & SentFlag.IN_FLIGHT) === 0) continue;
      const path = sent.path(slot);
      if (path === null) continue;
      if (newestPath !== null && path !== newestPath) this.#finishAck(newestPath, sent, newest, now);
      newest = slot;
      newestPath = path;
      const size = sent.size(slot);
      const sentTime = sent.sentTime(slot);
      this.counters.packetsAcked++;
      this.counters.bytesAcked += size;
      path.blackHole.onAcked(size, sentTime);
      path.congestion.onAcked(now, size, sentTime, path.rtt, path.wasLimitedSince(sentTime));
    }
    if (newestPath !== null) this.#finishAck(newestPath, sent, newest, now);
  }

  #finishAck(path: PathRecovery, sent: SentPackets, slot: number, now: number): void {
    const sentTime = sent.sentTime(slot);
    path.rate.take(
      now,
      sentTime,
      sent.delivered(slot),
      sent.deliveredTime(slot),
      sent.firstSentTime(slot),
      sent.sentInFlight(slot),
      sent.lostBefore(slot),
      (sent.flags(slot) & SentFlag.APP_LIMITED) !== 0,
      path.rtt.min,
    );
    path.onAckDone(now, sentTime);
  }

  #forgetOutstanding(state: SpaceRecovery, resend: boolean): void {
    const { sent } = state;
    for (let position = sent.head; position < sent.tail; position++) {
      const slot = position & sent.mask;
      const flags = sent.flags(slot);
      if ((flags & SentFlag.OUTSTANDING) === 0) continue;
      state.settle(slot);
      if ((flags & SentFlag.IN_FLIGHT) !== 0) sent.path(slot)?.onDiscarded(sent.size(slot));
      if ((flags & SentFlag.ECT0) !== 0) sent.path(slot)?.ecn.onForgotten();
      if (resend) sent.takeTokens(slot, state.space, this.#lostSink);
    }
    state.clear();
  }

  // --- the timer: RFC 9002 §A.8 ---

  #arm(): void {
    this.#isArmed = true;
    this.#deadline = Number.POSITIVE_INFINITY;
    this.#timerIsLoss = false;
    for (const state of this.#spaces) {
      if (state.lossTime < this.#deadline) this.#setTimer(state.lossTime, state.space, true);
    }
    // No probe timeout while a packet waits to be late, nor while nothing may be sent.
    if (this.#timerIsLoss || this.#antiAmplificationBlocked) return;
    for (const state of this.#spaces) {
      if (state.ackElicitingInFlight === 0) continue;
      // RFC 9002 §6.2.1: the peer may have no keys yet for what was sent.
      if (state.space === APPLICATION && !this.#handshakeConfirmed) continue;
      const from = Math.max(state.lastAckElicitingTime, this.#lastProbeTimeout);
      const time = from + this.#backedOff(this.ptoFor(this.#path, state.space));
      if (time < this.#deadline) this.#setTimer(time, state.space, false);
    }
    if (this.#deadline !== Number.POSITIVE_INFINITY || this.#peerCompletedAddressValidation) return;
    // RFC 9002 §6.2.2.1: nobody else would send if the server waits for more bytes from an unvalidated address.
    if (this.#lastEvent === Number.NEGATIVE_INFINITY) return;
    const space = this.#handshakeKeys ? HANDSHAKE : INITIAL;
    this.#setTimer(this.#lastEvent + this.#backedOff(this.#path.rtt.pto), space, false);
  }

  #setTimer(time: number, space: number, isLoss: boolean): void {
    this.#deadline = time;
    this.#timerSpace = space;
    this.#timerIsLoss = isLoss;
  }

  #backedOff(timeout: number): number {
    if (this.ptoCount === 0) return timeout;
    return Math.min(timeout * 2 ** this.ptoCount, Math.max(timeout, MAX_PROBE_TIMEOUT));
  }
}
