// Connections that wait to be accepted, and callers who wait for connections: each in order, each connection to one
// caller. A caller who gives up takes no connection with it. Knows no states of a listener.

import { abortable, type Deferred, defer } from '../runtime/deferred.ts';
import { Ring } from '../util/ring.ts';

export class AcceptQueue<C> {
  readonly #queue: Ring<C> = new Ring();
  readonly #waiting: Ring<Deferred<C>> = new Ring();
  readonly #givenUp: WeakSet<object> = new WeakSet();

  get length(): number {
    return this.#queue.length;
  }

  /** To the caller who waits longest. False: nobody waits, and it was queued. */
  push(connection: C): boolean {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (this.#givenUp.has(next)) continue;
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
    this.#waiting.push(waiting);
    return abortable(waiting, signal, () => this.#givenUp.add(waiting));
  }

  rejectWaiting(error: Error): void {
    for (const waiting of this.#waiting) waiting.reject(error);
    this.#waiting.clear();
  }

  /** Empties the queue. */
  takeAll(): C[] {
    const all = [...this.#queue];
    this.#queue.clear();
    return all;
  }
}
