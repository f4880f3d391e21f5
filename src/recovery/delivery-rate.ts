// Measures at which rate a path delivers (draft-ietf-ccwg-bbr §4.1): one sample per ACK, from the latest packet that it
// acknowledges and from what the ledger remembers about the moment when that packet left. Owns the running totals of
// delivered and lost bytes. Decides nothing: the congestion controller reads the sample.

/** Sizes are bytes, times are milliseconds, rates are bytes per millisecond. */
export class DeliveryRate {
  /** Bytes acknowledged so far, when that last changed, and when the latest packet among them was sent. */
  delivered = 0;
  deliveredTime = 0;
  firstSentTime = 0;
  /** Bytes declared lost so far, MTU probes left out. */
  lost = 0;
  /** What is sent until so much was delivered is limited by the application; 0 if nothing is. */
  appLimitedUntil = 0;

  /** The latest sound measurement; 0 before the first. */
  latest = 0;
  /** The highest sound measurement so far. */
  highest = 0;

  /** The sample of the ACK at hand: its rate, 0 if the ACK gives none. */
  rate = 0;
  /** Bytes delivered since the sampled packet left. */
  sampled = 0;
  /** `delivered` as the sampled packet left. */
  priorDelivered = 0;
  /** Bytes in flight as the sampled packet left, with it. */
  sentInFlight = 0;
  /** Bytes lost since it left. */
  lostSince = 0;
  isAppLimited = false;
  /** Bytes that the ACK at hand acknowledged, and those declared lost since the ACK before. */
  newlyAcked = 0;
  newlyLost = 0;

  /** A packet leaves; `inFlightBefore` does not include it. */
  onSent(now: number, inFlightBefore: number): void {
    if (inFlightBefore === 0) this.firstSentTime = this.deliveredTime = now;
  }

  onDelivered(now: number, size: number): void {
    this.delivered += size;
    this.deliveredTime = now;
    this.newlyAcked += size;
  }

  onLost(size: number): void {
    this.lost += size;
    this.newlyLost += size;
  }

  /** There is nothing more to send, although the window has room: what is measured until then says little. */
  markAppLimited(inFlight: number): void {
    this.appLimitedUntil = Math.max(this.delivered + inFlight, 1);
  }

  /**
   * Everything that the ACK acknowledges is delivered, and the arguments are what the ledger knows of the latest packet
   * among it. The rate is taken over the longer of the times in which those bytes were sent and were acknowledged, as
   * bunched ACKs would overstate it.
   */
  take(
    now: number,
    sentTime: number,
    delivered: number,
    deliveredTime: number,
    firstSentTime: number,
    sentInFlight: number,
    lost: number,
    isAppLimited: boolean,
    minRtt: number,
  ): void {
    if (this.appLimitedUntil > 0 && this.delivered > this.appLimitedUntil) this.appLimitedUntil = 0;
    this.priorDelivered = delivered;
    this.sentInFlight = sentInFlight;
    this.lostSince = this.lost - lost;
    this.isAppLimited = isAppLimited;
    this.sampled = this.delivered - delivered;
    const interval = Math.max(sentTime - firstSentTime, now - deliveredTime);
    this.firstSentTime = sentTime;
    // A shorter interval than a round trip comes of packets that were lost or reordered, and is not believed.
    this.rate = interval > 0 && interval >= minRtt ? this.sampled / interval : 0;
    if (this.rate === 0) return;
    this.latest = this.rate;
    if (this.rate > this.highest) this.highest = this.rate;
  }

  /** The ACK at hand is done with. */
  finish(): void {
    this.newlyAcked = 0;
    this.newlyLost = 0;
  }
}
