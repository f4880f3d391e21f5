// Finds lost packets (RFC 9002 §6.1), persistent congestion (RFC 9002 §7.6) and losses that were none. Owns thresholds
// and the bookkeeping of a verdict; timers and probes are in recovery.ts.

import type { SpuriousLoss } from './lost-packets.ts';
import type { PathRecovery, RecoveryCounters } from './path-recovery.ts';
import { SentFlag } from './sent-packets.ts';
import type { AckRanges, SpaceRecovery } from './space-recovery.ts';

/** Packets sent later that may be acknowledged first (kPacketThreshold). RFC 9002 §6.1.1. */
export const PACKET_THRESHOLD = 3;

/** Round trips that an acknowledgement may come later than one for a later packet (kTimeThreshold). RFC 9002 §6.1.2. */
export const TIME_THRESHOLD: number = 9 / 8;

/** Probe timeouts that make losses without a break persistent congestion. RFC 9002 §7.6.1. */
export const PERSISTENT_CONGESTION_THRESHOLD = 3;

/** Probe timeouts for which a lost packet is remembered, in case it was not. */
export const LOST_PACKET_LIFETIME = 3;

/** The peer's max_ack_delay until its transport parameters are known, milliseconds. RFC 9000 §18.2. */
export const DEFAULT_MAX_ACK_DELAY = 25;

export interface LossThresholds {
  /** Default 3. */
  packetThreshold?: number;
  /** Default 9/8. */
  timeThreshold?: number;
  /** Default 3. */
  persistentCongestionThreshold?: number;
}

/** Told of each lost packet after it was taken off all books; its slot still tells everything about it. */
export type LossReport = (state: SpaceRecovery, slot: number, now: number) => void;

export class LossDetector {
  maxAckDelay: number = DEFAULT_MAX_ACK_DELAY;
  persistentCongestionCount = 0;

  readonly #spaces: readonly SpaceRecovery[];
  readonly #packetThreshold: number;
  readonly #timeThreshold: number;
  readonly #persistentCongestionThreshold: number;
  readonly #counters: RecoveryCounters;
  readonly #report: LossReport;
  readonly #onSpurious: SpuriousLoss;

  constructor(
    spaces: readonly SpaceRecovery[],
    thresholds: LossThresholds,
    counters: RecoveryCounters,
    report: LossReport,
  ) {
    this.#spaces = spaces;
    this.#packetThreshold = thresholds.packetThreshold ?? PACKET_THRESHOLD;
    this.#timeThreshold = thresholds.timeThreshold ?? TIME_THRESHOLD;
    this.#persistentCongestionThreshold =
      thresholds.persistentCongestionThreshold ?? PERSISTENT_CONGESTION_THRESHOLD;
    this.#counters = counters;
    this.#report = report;
    this.#onSpurious = (path, sentTime, now, lostTime) => {
      counters.packetsSpuriouslyLost++;
      path.onSpuriousLoss(now, sentTime, lostTime);
    };
  }

  /** Walks from the oldest outstanding packet to the largest acknowledged one. RFC 9002 §A.10. */
  detect(state: SpaceRecovery, now: number): void {
    const { sent } = state;
    state.lossTime = Number.POSITIVE_INFINITY;
    let lossDelay = 0;
    let path: PathRecovery | null = null;
    let congested: PathRecovery | null = null;
    for (let position = sent.head; position < sent.tail; position++) {
      const slot = position & sent.mask;
      const packetNumber = sent.packetNumber(slot);
      if (packetNumber > state.largestAcked) break;
      const flags = sent.flags(slot);
      if ((flags & (SentFlag.ACKED | SentFlag.AFTER_ACKED)) !== 0) state.endRun();
      if ((flags & SentFlag.OUTSTANDING) === 0) continue;
      const packetPath = sent.path(slot);
      if (packetPath === null) continue;
      if (packetPath !== path) {
        path = packetPath;
        lossDelay = path.rtt.lossDelay(this.#timeThreshold);
      }
      const lossTime = sent.sentTime(slot) + lossDelay;
      if (lossTime <= now || this.#isBehind(state, packetNumber)) {
        if (this.#declareLost(state, slot, path, now)) congested = path;
      } else if (lossTime < state.lossTime && (flags & SentFlag.IN_FLIGHT) !== 0) {
        // No timer for an ACK-only packet: it can wait for the next event.
        state.lossTime = lossTime;
      }
    }
    sent.advance();
    if (congested !== null) this.#onPersistentCongestion(state, congested, now);
  }

  /** The ledger is at its limit: the oldest packets go, as lost, until an eighth of it is free. */
  shed(state: SpaceRecovery, now: number): void {
    const { sent } = state;
    while (sent.crowded && sent.length > 0) {
      const slot = sent.head & sent.mask;
      const path = sent.path(slot);
      if (path !== null && (sent.flags(slot) & SentFlag.OUTSTANDING) !== 0) {
        this.#declareLost(state, slot, path, now);
      }
      sent.advance();
    }
  }

  /** Counts packets that were declared lost not long ago and are acknowledged now. */
  findSpurious(state: SpaceRecovery, ack: AckRanges, now: number): void {
    const before = state.lost.size;
    state.lost.take(ack.ranges, ack.rangeCount, now, this.#onSpurious);
    if (state.lost.size < before) state.endRun();
  }

  /** Forgets lost packets after three probe timeouts. */
  expireLost(state: SpaceRecovery, pto: number, now: number): void {
    state.lost.expire(now - LOST_PACKET_LIFETIME * pto);
  }

  /** RFC 9002 §6.1.1, except that numbers which were skipped do not count: they did not overtake anything. */
  #isBehind(state: SpaceRecovery, packetNumber: number): boolean {
    return state.sentBetween(packetNumber, state.largestAcked) + 1 >= this.#packetThreshold;
  }

  /** Returns whether the losses up to this packet amount to persistent congestion. */
  #declareLost(state: SpaceRecovery, slot: number, path: PathRecovery, now: number): boolean {
    const { sent } = state;
    const flags = sent.flags(slot);
    let persistent = false;
    state.settle(slot);
    if ((flags & SentFlag.ECT0) !== 0) path.ecn.onLost();
    // Nobody promised to acknowledge an ACK-only packet, so that it was lost means nothing.
    if ((flags & SentFlag.IN_FLIGHT) !== 0) {
      const size = sent.size(slot);
      const sentTime = sent.sentTime(slot);
      path.onLost(size);
      this.#counters.packetsLost++;
      this.#counters.bytesLost += size;
      const isMtuProbe = (flags & SentFlag.MTU_PROBE) !== 0;
      // A probe belongs to no loss episode, whenever it left.
      state.lost.add(sent.packetNumber(slot), isMtuProbe ? Number.POSITIVE_INFINITY : sentTime, now, path);
      if (!isMtuProbe) {
        const isAppLimited = (flags & SentFlag.APP_LIMITED) !== 0;
        path.onCongestionLoss(
          now,
          size,
          sentTime,
          sent.sentInFlight(slot),
          sent.lostBefore(slot),
          isAppLimited,
        );
        if ((flags & SentFlag.ACK_ELICITING) !== 0) persistent = this.#isPersistent(state, path, sentTime);
      }
    }
    this.#report(state, slot, now);
    return persistent;
  }

  /** RFC 9002 §7.6: nothing sent between the first and the last loss arrived, over more than three probe timeouts. */
  #isPersistent(state: SpaceRecovery, path: PathRecovery, sentTime: number): boolean {
    const start = state.extendRun(path, sentTime);
    const duration = (path.rtt.pto + this.maxAckDelay) * this.#persistentCongestionThreshold;
    if (sentTime - start <= duration) return false;
    for (const other of this.#spaces) {
      const acked = other.latestAckedSentTime;
      if (other !== state && acked > start && acked < sentTime) return false;
    }
    return true;
  }

  #onPersistentCongestion(state: SpaceRecovery, path: PathRecovery, now: number): void {
    path.onPersistentCongestion(now);
    state.endRun();
    this.persistentCongestionCount++;
  }
}
