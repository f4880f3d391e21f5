// Whether a path carries ECN marks (RFC 9000 §13.4.2 and appendix A.4), and which mark its next packets get. Owns the
// state of validation and the counts that the peer reported; what a CE mark does to the window is the path's.

/** `disabled` is a path on which ECN was never asked for; the others are those of RFC 9000 appendix A.4. */
export type EcnState = 'disabled' | 'testing' | 'unknown' | 'capable' | 'failed';

/** Packets that are sent with a mark before the path must show that it carries them. RFC 9000 §13.4.2. */
export const ECN_TEST_PACKETS = 10;

/** The test lasts this many probe timeouts at most. RFC 9000 §13.4.2. */
export const ECN_TEST_TIMEOUTS = 3;

/** Values of the ECN field: no mark, or ECT(0). */
export type EcnMark = 0 | 2;

/** ECN counts of one packet number space: the peer's latest, and what was sent. */
export class EcnCounts {
  ect0 = 0;
  ce = 0;
  /** Packets of the space sent with ECT(0), over all paths. */
  sent = 0;
}

/** Of one path. */
export class EcnValidator {
  state: EcnState;
  /** What the packets get that are being built; changed by `markFor` alone. */
  mark: EcnMark = 0;
  /** CE marks reported so far. */
  ceCount = 0;

  #sent = 0;
  #acked = 0;
  #lost = 0;
  /** Of marked packets nobody will ever hear again: their keys are gone. */
  #forgotten = 0;
  /** Marked packets that arrived as something else than CE. */
  #unharmed = 0;
  #testEnd: number = Number.POSITIVE_INFINITY;

  constructor(enabled: boolean) {
    this.state = enabled ? 'testing' : 'disabled';
  }

  /** ECN is asked for after all. */
  enable(): void {
    if (this.state === 'disabled') this.state = 'testing';
  }

  /**
   * The mark of everything that is built from now on until the next call: asked for once per datagram, or batch of
   * datagrams. `probeTimeout` is in milliseconds.
   */
  markFor(now: number, probeTimeout: number): EcnMark {
    if (this.state === 'testing') {
      if (this.#sent === 0) this.#testEnd = now + ECN_TEST_TIMEOUTS * probeTimeout;
      else if (this.#sent >= ECN_TEST_PACKETS || now >= this.#testEnd) {
        this.state = 'unknown';
        this.#judge();
      }
    }
    this.mark = this.state === 'testing' || this.state === 'capable' ? 2 : 0;
    return this.mark;
  }

  /** A packet with a mark leaves. */
  onSent(): void {
    this.#sent++;
  }

  /** A packet with a mark was declared lost. */
  onLost(): void {
    this.#lost++;
    this.#judge();
  }

  /** A packet with a mark is forgotten without a verdict. */
  onForgotten(): void {
    this.#forgotten++;
    this.#judge();
  }

  /**
   * An ACK frame with counts came that raised the largest acknowledged number (others must not be judged, RFC 9000
   * §13.4.2.1) and newly acknowledged `acked` packets with a mark. Returns whether the network reported congestion.
   */
  onAck(counts: EcnCounts, acked: number, ect0: number, ect1: number, ce: number): boolean {
    const newEct0 = ect0 - counts.ect0;
    const newCe = ce - counts.ce;
    const sound =
      newEct0 >= 0 &&
      newCe >= 0 &&
      newEct0 + newCe >= acked &&
      ect1 === 0 && // never sent, so only a network that changes marks can have made one
      ect0 + ce <= counts.sent;
    counts.ect0 = Math.max(counts.ect0, ect0);
    counts.ce = Math.max(counts.ce, ce);
    if (this.state === 'failed' || this.state === 'disabled') return false;
    if (!sound) {
      this.#fail();
      return false;
    }
    this.#acked += acked;
    this.#unharmed += newEct0;
    this.ceCount += newCe;
    this.#judge();
    return newCe > 0;
  }

  /** As `onAck`, for an ACK frame without counts: the marks do not arrive, or the peer cannot see them. */
  onAckWithoutCounts(acked: number): boolean {
    if (acked > 0) this.#fail();
    return false;
  }

  #judge(): void {
    if (this.state !== 'testing' && this.state !== 'unknown') return;
    if (this.#acked > 0 && this.#unharmed > 0) {
      this.state = 'capable';
      return;
    }
    const isOver = this.state === 'unknown' || this.#sent >= ECN_TEST_PACKETS;
    if (!isOver || this.#acked + this.#lost + this.#forgotten < this.#sent) return;
    // All marked packets were lost, or marked CE: a sound path does not do that. RFC 9000 appendix A.4.
    if (this.#acked + this.#lost > 0) this.#fail();
    else this.#restart();
  }

  /** The test told nothing. */
  #restart(): void {
    this.state = 'testing';
    this.#sent = this.#forgotten = 0;
  }

  #fail(): void {
    if (this.state !== 'disabled') this.state = 'failed';
  }
}
