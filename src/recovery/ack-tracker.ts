// The receiving side of one packet number space (RFC 9000 §13.2): which packets came, which must be acknowledged, and
// by when. Owns received ranges, duplicates, ECN counts and the delayed-acknowledgement deadline. Writes no frame: the
// transmitter asks once per turn and reports what it sent.

import { RangeSet } from '../util/range-set.ts';

/** Ranges of received packet numbers that are remembered; with more the oldest are dropped. RFC 9000 §13.2.3. */
export const MAX_ACK_RANGES = 64;

/** Ack-eliciting packets that need no acknowledgement at once; one more does. RFC 9000 §13.2.2. */
export const ACK_ELICITING_THRESHOLD = 1;

/** The ECN field of an IP header. RFC 3168 §5. */
export const Ecn = { NOT_ECT: 0, ECT1: 1, ECT0: 2, CE: 3 } as const;

export interface AckTrackerOptions {
  /** Our max_ack_delay, milliseconds. 0 acknowledges everything at once, as in the Initial and Handshake spaces. */
  maxAckDelay: number;
}

export class AckTracker {
  /** What came and was not yet known to be known, half-open, ascending. */
  readonly ranges: RangeSet = new RangeSet();
  /** The highest packet number that came; -1 before the first. */
  largest = -1;
  /** When it came; the reported delay counts from here (RFC 9000 §13.2.5). */
  largestTime = 0;
  ect0 = 0;
  ect1 = 0;
  ce = 0;
  /** When a delayed acknowledgement is due; Infinity if none waits. */
  deadline: number = Number.POSITIVE_INFINITY;
  maxAckDelay: number;
  /** Ack-eliciting packets that need no acknowledgement at once (draft-ietf-quic-ack-frequency §4). */
  ackElicitingThreshold: number = ACK_ELICITING_THRESHOLD;
  /** How late a packet may be until its absence is told at once; 0: that is not done. Default 1: no later at all. */
  reorderingThreshold = 1;

  /** Numbers below were dropped or pruned and count as received. */
  #floor = 0;
  #largestAckEliciting = -1;
  #unacknowledged = 0;
  #lowestUnacknowledged: number = Number.POSITIVE_INFINITY;
  #now = false;
  /** The highest number that an ACK frame told of. */
  #largestAcked = -1;
  #previousWasMarked = false;

  constructor(options: AckTrackerOptions) {
    this.maxAckDelay = options.maxAckDelay;
  }

  /**
   * Whether the packet was processed before, or is so old that this cannot be told. Must be asked before the packet's
   * frames are processed (RFC 9000 §12.3).
   */
  isDuplicate(packetNumber: number): boolean {
    if (packetNumber > this.largest) return false;
    return packetNumber < this.#floor || this.ranges.contains(packetNumber);
  }

  /** Notes a processed packet; `ecn` is a value of {@link Ecn}. Returns false, and notes nothing, for a duplicate. */
  received(packetNumber: number, ackEliciting: boolean, now: number, ecn: number = Ecn.NOT_ECT): boolean {
    if (this.isDuplicate(packetNumber)) return false;
    this.ranges.add(packetNumber, packetNumber + 1);
    if (packetNumber > this.largest) {
      this.largest = packetNumber;
      this.largestTime = now;
    }
    if (ecn !== Ecn.NOT_ECT) this.#countEcn(ecn);
    if (ackEliciting) this.#onAckEliciting(packetNumber, now, ecn);
    this.#previousWasMarked = ecn === Ecn.CE;
    while (this.ranges.size > MAX_ACK_RANGES) {
      this.#floor = this.ranges.end(0);
      this.ranges.dropFirst();
    }
    return true;
  }

  /** An ack-eliciting packet waits for its first acknowledgement: an ACK goes along with whatever is sent. */
  get pending(): boolean {
    return this.#unacknowledged > 0;
  }

  /** An ACK should be sent even if there is nothing else to send. */
  shouldAck(now: number): boolean {
    return this.#now || now >= this.deadline;
  }

  /** Any ECN codepoint was seen: ACK frames report counts (RFC 9000 §13.4.1). */
  get hasEcnCounts(): boolean {
    return this.ect0 + this.ect1 + this.ce > 0;
  }

  /** Milliseconds to report as ACK Delay in a frame that leaves now. */
  ackDelay(now: number): number {
    return Math.max(0, now - this.largestTime);
  }

  /** The peer wants to hear of the packet that is being read without delay. */
  ackAtOnce(): void {
    this.#now = true;
  }

  /** An ACK frame with all ranges left. */
  ackSent(): void {
    this.#largestAcked = this.largest;
    this.#now = false;
    this.#unacknowledged = 0;
    this.#lowestUnacknowledged = Number.POSITIVE_INFINITY;
    this.deadline = Number.POSITIVE_INFINITY;
  }

  /**
   * A packet of ours with an ACK frame was acknowledged, in which the largest number was `largestAcked`: what it said
   * is known and need not be said again (RFC 9000 §13.2.4). Late packets up to there count as duplicates. What still
   * waits for its first acknowledgement stays, so that there is never an ACK to send without a range.
   */
  onAckOfAck(largestAcked: number): void {
    const floor = Math.min(largestAcked + 1, this.largest + 1, this.#lowestUnacknowledged);
    if (floor <= this.#floor) return;
    this.#floor = floor;
    this.ranges.remove(0, floor);
  }

  #onAckEliciting(packetNumber: number, now: number, ecn: number): void {
    this.#unacknowledged++;
    if (packetNumber < this.#lowestUnacknowledged) this.#lowestUnacknowledged = packetNumber;
    const previous = this.#largestAckEliciting;
    if (packetNumber > previous) this.#largestAckEliciting = packetNumber;
    if (
      this.maxAckDelay === 0 ||
      this.#unacknowledged > this.ackElicitingThreshold ||
      (ecn === Ecn.CE && this.#tellsOfMark) ||
      this.#tellsOfReordering(packetNumber, previous)
    ) {
      this.#now = true;
    }
    if (this.deadline === Number.POSITIVE_INFINITY) this.deadline = now + this.maxAckDelay;
  }

  /** RFC 9000 §13.2.1: every mark; draft-ietf-quic-ack-frequency §6.4: with few acknowledgements the first of a row. */
  get #tellsOfMark(): boolean {
    return this.ackElicitingThreshold <= 1 || !this.#previousWasMarked;
  }

  /** RFC 9000 §13.2.1: out of order or behind a gap; draft-ietf-quic-ack-frequency §6.2: as far as the peer cares. */
  #tellsOfReordering(packetNumber: number, previous: number): boolean {
    const threshold = this.reorderingThreshold;
    if (threshold === 0) return false;
    if (threshold === 1) return packetNumber < previous || !this.#nothingMissing(previous, packetNumber);
    const reported = this.#largestAcked - threshold;
    // The peer took it for lost already, and hears that it was not.
    if (packetNumber <= reported) return true;
    const missing = this.#firstMissing(Math.max(reported + 1, this.#floor));
    return this.#largestAckEliciting - missing >= threshold;
  }

  /** The smallest number from this one on that did not come. */
  #firstMissing(from: number): number {
    const { ranges } = this;
    // From the newest: what is looked for is near the end.
    for (let i = ranges.size - 1; i >= 0; i--) {
      if (ranges.end(i) <= from) break;
      if (ranges.start(i) <= from) return ranges.end(i);
    }
    return from;
  }

  /** Everything between the two came, or is too old to be told. */
  #nothingMissing(low: number, high: number): boolean {
    return this.ranges.covers(Math.max(low + 1, this.#floor), high);
  }

  #countEcn(ecn: number): void {
    if (ecn === Ecn.ECT0) this.ect0++;
    else if (ecn === Ecn.ECT1) this.ect1++;
    else this.ce++;
  }
}
