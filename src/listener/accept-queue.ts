// Connections that wait to be accepted, and callers who wait for connections: each in order, each connection to one
// caller. A caller who gives up takes no connection with it. Knows no states of a listener.

import { Waiters } from '../runtime/waiters.ts';
import { Ring } from '../util/ring.ts';

export class AcceptQueue<C> {
  readonly #queue: Ring<C> = new Ring();
  readonly #waiting: Waiters<C> = new Waiters();

  /** To the caller who waits longest. False: nobody waits, and it was queued. */
  push(connection: C): boolean {
    if (this.#waiting.give(connection)) return true;
    this.#queue.push(connection);
    return false;
  }

  shift(): C | undefined {
    return this.#queue.shift();
  }

  wait(signal: AbortSignal | undefined): Promise<C> {
    return this.#waiting.wait(signal);
  }

  rejectWaiting(error: Error): void {
    this.#waiting.rejectAll(error);
  }
}
