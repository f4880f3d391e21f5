// Callers who wait for something, in order. Who gives up leaves at once: what the others wait for may not come for long, and a
// caller who asks every second is not to fill the memory meanwhile. Knows nothing of what they wait for.

import { abortable, type Deferred, defer } from './deferred.ts';

export class Waiters<T> {
  readonly #waiting: Set<Deferred<T>> = new Set();

  get length(): number {
    return this.#waiting.size;
  }

  wait(signal: AbortSignal | undefined): Promise<T> {
    const waiting = defer<T>();
    this.#waiting.add(waiting);
    return abortable(waiting, signal, () => this.#waiting.delete(waiting));
  }

  /** Whether somebody waited, who has it now: the one who waited longest. */
  give(value: T): boolean {
    for (const first of this.#waiting) {
      this.#waiting.delete(first);
      first.resolve(value);
      return true;
    }
    return false;
  }

  /** Nothing will come any more. */
  rejectAll(error: unknown): void {
    for (const waiting of this.#waiting) waiting.reject(error);
    this.#waiting.clear();
  }
}
