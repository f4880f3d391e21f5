// Waiting for connections to be gone, for so long and not longer. Knows no connections: it is told when to look again.

import type { Clock } from '../util/clock.ts';
import { type Deferred, defer } from './deferred.ts';

/** How long an end may take. */
export interface DrainOptions {
  /** Milliseconds for which connections may finish. Default 0. */
  drain?: number;
  /** Ends the wait early. */
  signal?: AbortSignal;
}

export class Drains {
  readonly #waiting: Map<Deferred<void>, () => boolean> = new Map();

  /** Until `isOver` says so, the time is up, or the signal fires. */
  async wait(
    isOver: () => boolean,
    drain: number,
    signal: AbortSignal | undefined,
    clock: Clock,
  ): Promise<void> {
    if (drain === 0 || signal?.aborted === true || isOver()) return;
    const done = defer<void>();
    const timer = clock.createTimer(() => done.resolve());
    timer.set(clock.now() + drain);
    const onAbort = () => done.resolve();
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#waiting.set(done, isOver);
    await done.promise;
    this.#waiting.delete(done);
    timer.clear();
    signal?.removeEventListener('abort', onAbort);
  }

  /** A connection is gone. */
  check(): void {
    for (const [done, isOver] of this.#waiting) if (isOver()) done.resolve();
  }
}
