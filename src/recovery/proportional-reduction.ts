// Proportional rate reduction (RFC 9937, for QUIC by RFC 9002 §7.3.2): during a recovery period the window comes down
// with what is delivered, instead of all at once, and what is in flight ends at the reduced window. Owns the allowance
// during the period; when it begins and ends, and the window after it, are the path's.

/** Sizes are bytes. */
export class ProportionalReduction {
  active = false;
  /** How much may be in flight during the period. */
  window = 0;
  /** RecoverFS: what was in flight when the loss was found. */
  #initialFlight = 0;
  /** prr_delivered and prr_out. */
  #delivered = 0;
  #sent = 0;

  /**
   * The period begins. `initialFlight` is what was in flight before the ACK that told of the loss. One packet may leave
   * at once, the retransmission. RFC 9937 §6.2, RFC 9002 §7.3.2.
   */
  begin(initialFlight: number, inFlight: number, maxDatagramSize: number): void {
    this.active = true;
    this.#initialFlight = Math.max(initialFlight, maxDatagramSize);
    this.#delivered = this.#sent = 0;
    this.window = inFlight + maxDatagramSize;
  }

  end(): void {
    this.active = false;
  }

  onSent(size: number): void {
    this.#sent += size;
  }

  /** A lost packet makes no room by itself: the next ACK tells how much there is. */
  onLost(size: number): void {
    this.window -= size;
  }

  /** An ACK delivered `acked` bytes and told of `lost` ones; `target` is the reduced window. RFC 9937 §6.2. */
  onAck(acked: number, lost: number, inFlight: number, target: number, maxDatagramSize: number): void {
    this.#delivered += acked;
    let room: number;
    if (inFlight > target) {
      room = Math.ceil((this.#delivered * target) / this.#initialFlight) - this.#sent;
    } else {
      // Below the target the loss was heavy: one packet for each delivered, and another if there are no more losses.
      room = Math.max(this.#delivered - this.#sent, acked);
      if (lost === 0) room += maxDatagramSize;
      room = Math.min(target - inFlight, room);
    }
    if (room <= 0 && this.#sent === 0) room = maxDatagramSize;
    this.window = inFlight + Math.max(0, room);
  }
}
