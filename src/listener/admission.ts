// How many connections strangers may begin at once. Above one number of handshakes that are not complete a client has
// to prove its address first, which costs us nothing (RFC 9000 §8.1.2); above another, or when nobody accepts, it is
// refused. Knows numbers only.

import type { Incoming } from '../routing/incoming.ts';

/** Handshakes in progress above which clients are sent a Retry first. */
export const RETRY_ABOVE_HALF_OPEN = 1000;

/** Handshakes in progress above which clients are refused. */
export const MAX_HALF_OPEN = 4000;

/** Connections that wait to be accepted by the application; more are refused. */
export const MAX_QUEUED_CONNECTIONS = 1024;

export type Decision = 'accept' | 'retry' | 'refuse';

export class Admission {
  #halfOpen = 0;

  get halfOpen(): number {
    return this.#halfOpen;
  }

  /** What to do with a client; `queued` connections wait to be accepted. */
  decide(incoming: Pick<Incoming, 'addressValidated' | 'mayRetry'>, queued: number): Decision {
    if (queued >= MAX_QUEUED_CONNECTIONS || this.#halfOpen >= MAX_HALF_OPEN) return 'refuse';
    const isProved = incoming.addressValidated || !incoming.mayRetry;
    return this.#halfOpen >= RETRY_ABOVE_HALF_OPEN && !isProved ? 'retry' : 'accept';
  }

  /** A handshake began; `opened` settles when it is over, one way or the other. */
  began(opened: Promise<unknown>): void {
    this.#halfOpen++;
    const over = (): void => {
      this.#halfOpen--;
    };
    opened.then(over, over);
  }
}
