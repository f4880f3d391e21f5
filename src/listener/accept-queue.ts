// Connections that wait to be accepted, and callers who wait for connections: each in order, each connection to one
// caller. A caller who gives up takes no connection with it. Knows no states of a listener.

import { abortable, type Deferred, defer } from '../runtime/deferred.ts';
import { Ring } from '../util/ring.ts';

export class AcceptQueue<C> {
  readonly #queue: Ring<C> = new Ring();
  /** In order. Who gives up leaves at once, as nobody else may come for a long time. */
  readonly #waiting: Set<Deferred<C>> = new Set();

  /** Callers who wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** To the caller who waits longest. False: nobody waits, and it was queued. */
  push(connection: C): boolean {
    for (const next of this.#waiting) {
      this.#waiting.delete(next);
      next.resolve(connection);
      return true;
    }
    this.#queue.push(connection);
    return false;
  }

  shift(): C | undefined {
    return this.#queue.shift();
  }

  wait(signal: AbortSignal | undefined): Promise<C> {
    const waiting = defer<C>();
    this.#waiting.add(waiting);
    return abortable(waiting, signal, () => this.#waiting.delete(waiting));
  }

  rejectWaiting(error: Error): void {
    for (const waiting of this.#waiting) waiting.reject(error);
    this.#waiting.clear();
  }
}
