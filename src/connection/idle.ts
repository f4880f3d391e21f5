// The idle timeout and keep-alive (RFC 9000 §10.1), what a client does when data stop coming, and the deadline of the handshake.

export class Idle {
  /** Milliseconds; 0 = none. */
  #timeout: number;
  #keepAlive = 0;
  #idleFrom: number;
  #handshakeDeadline: number;
  #lastReceived: number;
  #sentSinceReceive = false;
  #pinged = false;
  /** When stream data came last, to a client; NaN once it asked after more. */
  #dataAt: number = Number.NaN;

  /** `timeout` is our own, which counts until the peer's is known. */
  constructor(now: number, timeout: number, handshakeTimeout: number) {
    this.#timeout = timeout;
    this.#idleFrom = now;
    this.#lastReceived = now;
    this.#handshakeDeadline = handshakeTimeout > 0 ? now + handshakeTimeout : Number.POSITIVE_INFINITY;
  }

  /** The smaller of both sides' values, where 0 means none (RFC 9000 §10.1). */
  configure(local: number, remote: number, keepAlive: number): void {
    this.#timeout = local === 0 ? remote : remote === 0 ? local : Math.min(local, remote);
    this.#keepAlive = keepAlive;
  }

  get timeout(): number {
    return this.#timeout;
  }

  /** An authentic packet came. */
  onReceived(now: number): void {
    this.#idleFrom = now;
    this.#lastReceived = now;
    this.#sentSinceReceive = false;
    this.#pinged = false;
  }

  /** RFC 9000 §10.1: the first ack-eliciting packet since the last received one restarts the timer too. */
  onSentEliciting(now: number): void {
    // Whatever was sent tells the new address as well as a PING would.
    this.#dataAt = Number.NaN;
    if (this.#sentSinceReceive) return;
    this.#sentSinceReceive = true;
    this.#idleFrom = now;
  }

  /** Client: stream data came. */
  onData(now: number): void {
    this.#dataAt = now;
  }

  /**
   * Client: when to send a PING because data stopped coming in the midst of a stream. Who only reads has nothing to send, so
   * that a NAT which forgot it would never learn its new address, and the server would send into the void
   * (RFC 9000 §10.1.2). Once for each time that data stop.
   */
  stallDeadline(pto: number, isReading: boolean): number {
    return isReading && this.#dataAt >= 0 ? this.#dataAt + STALL_TIMEOUTS * pto : Number.POSITIVE_INFINITY;
  }

  onStall(): void {
    this.#dataAt = Number.NaN;
  }

  onHandshakeComplete(): void {
    this.#handshakeDeadline = Number.POSITIVE_INFINITY;
  }

  /** Waits at least three probe timeouts, so that loss alone does not end a connection (RFC 9000 §10.1). */
  idleDeadline(pto: number): number {
    if (this.#timeout === 0) return Number.POSITIVE_INFINITY;
    return this.#idleFrom + Math.max(this.#timeout, 3 * pto);
  }

  get handshakeDeadline(): number {
    return this.#handshakeDeadline;
  }

  get keepAliveDeadline(): number {
    if (this.#keepAlive === 0 || this.#pinged) return Number.POSITIVE_INFINITY;
    return Math.max(this.#lastReceived, this.#idleFrom) + this.#keepAlive;
  }

  onKeepAlive(): void {
    this.#pinged = true;
  }
}

/** Probe timeouts without data after which a client asks whether the server is still there. */
const STALL_TIMEOUTS = 3;
