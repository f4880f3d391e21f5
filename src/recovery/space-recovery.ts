// Recovery state of one packet number space: what is outstanding, what an ACK frame newly acknowledges, which numbers
// must never be acknowledged, and the run of losses that may amount to persistent congestion. Decides nothing about
// time: thresholds and timers are in recovery.ts.

import { TransportError, TransportErrorCode } from '../errors.ts';
import { EcnCounts } from './ecn.ts';
import { LostPackets } from './lost-packets.ts';
import type { PathRecovery } from './path-recovery.ts';
import { SentFlag, SentPackets } from './sent-packets.ts';

/** What recovery reads of an ACK frame; the ranges are checked already (RFC 9000 §19.3.1). */
export interface AckRanges {
  readonly largestAcked: number;
  readonly rangeCount: number;
  /** Pairs `[smallest, largest]`, both inclusive, descending and disjoint. */
  readonly ranges: Float64Array;
  /** 0x03 for a frame with ECN counts (RFC 9000 §19.3.2); the counts are read of such a frame only. */
  readonly type?: number;
  readonly ect0?: number;
  readonly ect1?: number;
  readonly ce?: number;
}

/** Skipped packet numbers remembered per space; the oldest are forgotten first. */
export const MAX_SKIPPED_NUMBERS = 32;

/** Most spaces have nothing to acknowledge: they share this. */
const NO_SLOTS: Uint32Array = new Uint32Array(0);

export class SpaceRecovery {
  readonly space: number;
  readonly sent: SentPackets = new SentPackets();
  readonly lost: LostPackets = new LostPackets();
  readonly ecn: EcnCounts = new EcnCounts();
  /** The keys are gone: nothing is sent, and ACK frames mean nothing (RFC 9002 §6.4). */
  discarded = false;
  /** -1 before the first ACK. */
  largestAcked = -1;
  /** When the next packet counts as lost by time; Infinity if none does. */
  lossTime: number = Number.POSITIVE_INFINITY;
  lastAckElicitingTime = 0;
  ackElicitingInFlight = 0;
  inFlight = 0;
  /** Probe packets owed since the last probe timeout. */
  probes = 0;
  /** Packets without an ack-eliciting frame since the last one with. */
  ackOnlyRun = 0;

  /** Slots of the packets that the last ACK newly acknowledged, ascending; as many as `collectAcked` said. */
  acked: Uint32Array = NO_SLOTS;
  /** One of them was ack-eliciting. */
  ackedEliciting = false;
  /** How many of them left with an ECN mark. */
  ackedMarked = 0;
  /** Send time of the latest packet that was acknowledged. */
  latestAckedSentTime: number = Number.NEGATIVE_INFINITY;

  readonly #skipped: number[] = [];
  #runPath: PathRecovery | null = null;
  #runStart = 0;

  constructor(space: number) {
    this.space = space;
  }

  /** Leaves the next packet number out: a peer that acknowledges it lies. RFC 9000 §21.4. */
  skip(packetNumber: number): void {
    this.sent.skip(packetNumber);
    this.#skipped.push(packetNumber);
    if (this.#skipped.length > MAX_SKIPPED_NUMBERS) this.#skipped.shift();
  }

  /**
   * RFC 9000 §13.1.
   * @throws TransportError PROTOCOL_VIOLATION for a packet number that was never sent.
   */
  check(ack: AckRanges): void {
    if (ack.largestAcked > this.sent.last) throw violation('acknowledgement of a packet that was not sent');
    const { ranges, rangeCount } = ack;
    let range = 0;
    for (let i = this.#skipped.length - 1; i >= 0; i--) {
      const packetNumber = this.#skipped[i];
      while (range < rangeCount && ranges[2 * range] > packetNumber) range++;
      if (range === rangeCount) return;
      if (packetNumber <= ranges[2 * range + 1]) {
        throw violation('acknowledgement of a packet number that was skipped');
      }
    }
  }

  /**
   * Settles what the frame newly acknowledges and lists it in `acked`. The walk touches ranges and packets from the
   * oldest outstanding one up only, so that its cost is bounded by what is in flight, whatever the frame claims.
   */
  collectAcked(ack: AckRanges, now: number): number {
    const { sent } = this;
    this.ackedEliciting = false;
    this.ackedMarked = 0;
    if (sent.length === 0) return 0;
    if (this.acked.length < sent.length) this.acked = new Uint32Array(2 * sent.length);
    const { ranges } = ack;
    const oldest = sent.packetNumber(sent.head & sent.mask);
    let range = 0;
    while (range < ack.rangeCount && ranges[2 * range + 1] >= oldest) range++;
    let count = 0;
    while (--range >= 0) {
      const largest = ranges[2 * range + 1];
      for (let position = sent.find(ranges[2 * range]); position < sent.tail; position++) {
        const slot = position & sent.mask;
        if (sent.packetNumber(slot) > largest) break;
        if ((sent.flags(slot) & SentFlag.OUTSTANDING) === 0) continue;
        this.#settleAcked(slot, now);
        this.acked[count++] = slot;
      }
    }
    return count;
  }

  /** Takes an outstanding packet off the books of this space; its path's are the caller's. */
  settle(slot: number): void {
    const flags = this.sent.flags(slot);
    this.sent.setFlags(slot, flags & ~SentFlag.OUTSTANDING);
    if ((flags & SentFlag.IN_FLIGHT) === 0) return;
    this.inFlight--;
    if ((flags & SentFlag.ACK_ELICITING) !== 0) this.ackElicitingInFlight--;
  }

  /** How many of the numbers above `low` and below `high` were sent. */
  sentBetween(low: number, high: number): number {
    let count = high - low - 1;
    for (let i = this.#skipped.length - 1; i >= 0 && this.#skipped[i] > low; i--) {
      if (this.#skipped[i] < high) count--;
    }
    return count;
  }

  /** A packet was acknowledged between the last loss and the next: it begins a new run. RFC 9002 §7.6.2. */
  endRun(): void {
    this.#runPath = null;
  }

  /**
   * An ack-eliciting packet was lost that was sent at `sentTime`. Returns since when everything sent on this path was
   * lost; packets sent before there was an RTT sample do not count. RFC 9002 §7.6.2.
   */
  extendRun(path: PathRecovery, sentTime: number): number {
    if (sentTime <= path.rtt.firstSampleTime) return sentTime;
    if (this.#runPath !== path) {
      this.#runPath = path;
      this.#runStart = sentTime;
    }
    return this.#runStart;
  }

  /** The oldest outstanding ack-eliciting packet with tokens of another kind is at this slot; -1 if there is none. */
  oldestWithTokens(besides: number): number {
    const { sent } = this;
    for (let position = sent.head; position < sent.tail; position++) {
      const slot = position & sent.mask;
      const flags = sent.flags(slot);
      if ((flags & WANTED) === WANTED && sent.hasTokensBesides(besides, slot)) return slot;
    }
    return -1;
  }

  /** Gives the memory of a burst back when nothing is outstanding. */
  trim(): void {
    if (this.sent.trim()) this.acked = NO_SLOTS;
  }

  /** Forgets all packets; numbers go on. */
  clear(): void {
    this.sent.clear();
    this.lost.clear();
    this.acked = NO_SLOTS;
    this.lossTime = Number.POSITIVE_INFINITY;
    this.inFlight = this.ackElicitingInFlight = this.probes = this.ackOnlyRun = 0;
    this.endRun();
  }

  #settleAcked(slot: number, now: number): void {
    const { sent } = this;
    this.settle(slot);
    const flags = sent.flags(slot);
    sent.setFlags(slot, flags | SentFlag.ACKED);
    if ((flags & SentFlag.ACK_ELICITING) !== 0) this.ackedEliciting = true;
    if ((flags & SentFlag.ECT0) !== 0) this.ackedMarked++;
    const sentTime = sent.sentTime(slot);
    if (sentTime > this.latestAckedSentTime) this.latestAckedSentTime = sentTime;
    if ((flags & SentFlag.IN_FLIGHT) !== 0) sent.path(slot)?.onDelivered(now, sent.size(slot));
  }
}

const WANTED = SentFlag.OUTSTANDING | SentFlag.ACK_ELICITING;
const ACK_FRAME = 0x02;

function violation(reason: string): TransportError {
  return new TransportError(TransportErrorCode.PROTOCOL_VIOLATION, ACK_FRAME, reason);
}
