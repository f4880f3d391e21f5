// Flow control of RFC 9000 §4, for a stream and for the connection alike: the window that we grant, and the credit
// that the peer grants. Numbers only; who sends the frames is not known here.

import type { ByteBudget } from './byte-budget.ts';

/** What we let the peer send. Raised as the application reads, and made larger while it is used up fast. */
export class ReceiveWindow {
  /** Largest limit told to the peer. */
  limit: number;
  /** Bytes between what was read and what may be sent. */
  window: number;
  /** A stream: one past its highest offset. The connection: the sum of that over its streams. */
  received = 0;
  /** Bytes that no longer count: read by the application, or discarded. */
  consumed = 0;
  readonly #ceiling: number;
  /** When the limit was raised last, or the first data came. */
  #lastUpdate: number = Number.NEGATIVE_INFINITY;

  constructor(initial: number, ceiling: number) {
    this.limit = initial;
    this.window = initial;
    this.#ceiling = ceiling;
  }

  /** The peer should hear of a larger limit: less than half of the window is left to it. */
  get updateDue(): boolean {
    return this.limit - this.consumed < this.window / 2;
  }

  /**
   * The limit to announce now. The window doubles, up to its ceiling and if the budget has room, when half of it was
   * used up in less than two round trips: then the window, not the path, is what slows the peer (RFC 9000 §4.2).
   */
  raise(now: number, rtt: number, budget: ByteBudget | null): number {
    if (this.updateDue && now - this.#lastUpdate < 2 * rtt) this.growTo(2 * this.window, budget);
    this.#lastUpdate = now;
    const limit = this.consumed + this.window;
    if (limit > this.limit) this.limit = limit;
    return this.limit;
  }

  /** Data came: the first time starts the clock for tuning. */
  touch(now: number): void {
    if (this.#lastUpdate === Number.NEGATIVE_INFINITY) this.#lastUpdate = now;
  }

  /** Makes the window at least `bytes`, as far as ceiling and budget let it. */
  growTo(bytes: number, budget: ByteBudget | null): void {
    const target = Math.min(bytes, this.#ceiling);
    const more = target - this.window;
    if (more <= 0) return;
    if (budget !== null) {
      if (budget.available < more) return;
      budget.take(more);
    }
    this.window = target;
  }

  /** A larger initial limit becomes known, before the peer has been told any. */
  setInitial(limit: number): void {
    if (limit > this.limit) this.limit = limit;
    if (limit > this.window) this.window = limit;
  }
}

/** What the peer lets us send. Credit is used when data is accepted from the application, not when it is sent. */
export class SendCredit {
  /** Largest limit heard of. */
  limit = 0;
  used = 0;
  /** The limit at which a BLOCKED frame was due last; -1 if none is. */
  blockedAt = -1;

  get available(): number {
    return this.limit - this.used;
  }

  /** False, and nothing changes, if the limit is not larger (RFC 9000 §4.1). */
  raise(limit: number): boolean {
    if (limit <= this.limit) return false;
    this.limit = limit;
    this.blockedAt = -1;
    return true;
  }

  /** Records that the limit stopped a write. True the first time at this limit: a BLOCKED frame is due. */
  block(): boolean {
    if (this.blockedAt === this.limit) return false;
    this.blockedAt = this.limit;
    return true;
  }

  /** Still stopped at the limit that was reported. */
  get isBlocked(): boolean {
    return this.blockedAt === this.limit;
  }
}
