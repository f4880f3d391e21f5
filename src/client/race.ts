// Attempts that race each other, each with a head start over the next (Happy Eyeballs, RFC 8305 §5). Knows no addresses.

import { defer } from '../runtime/deferred.ts';
import type { Clock } from '../util/clock.ts';

export interface RaceOptions {
  readonly clock: Clock;
  /** Head start of each attempt over the next, ms. One that fails gives its head start away. */
  readonly delay: number;
  /** Ends the race: its reason is the error. */
  readonly signal: AbortSignal;
}

/** All attempts failed: why, in the order of the attempts. */
export class RaceLost extends Error {
  readonly errors: readonly unknown[];

  constructor(errors: readonly unknown[]) {
    super('All attempts failed');
    this.errors = errors;
  }
}

/**
 * Gives what the first attempt to succeed gives. The signals of the others fire then; one that succeeds all the same is
 * given to `discard`. Throws RaceLost, or the reason of `signal` when every attempt has cleaned up.
 */
export async function race<T, R>(
  contestants: readonly T[],
  attempt: (contestant: T, signal: AbortSignal) => Promise<R>,
  discard: (result: R) => void,
  { clock, delay, signal }: RaceOptions,
): Promise<R> {
  signal.throwIfAborted();
  const running = new AbortController();
  const errors: unknown[] = [];
  const { promise, resolve, reject } = defer<R>();
  let started = 0;
  let pending = 0;
  let isOver = false;
  let isWon = false;
  const start = (): void => {
    if (isOver || started === contestants.length) return;
    const index = started++;
    pending++;
    if (started < contestants.length) timer.set(clock.now() + delay);
    attempt(contestants[index], running.signal).then(
      (result) => {
        pending--;
        if (isOver) discard(result);
        else {
          isWon = true;
          resolve(result);
          stop(LOST);
        }
        settle();
      },
      (error) => {
        pending--;
        errors[index] = error;
        start();
        settle();
      },
    );
  };
  const settle = (): void => {
    if (pending === 0 && !isWon) reject(signal.aborted ? signal.reason : new RaceLost(errors));
  };
  const stop = (reason: unknown): void => {
    isOver = true;
    timer.clear();
    running.abort(reason);
  };
  const onAbort = (): void => stop(signal.reason);
  const timer = clock.createTimer(start);
  signal.addEventListener('abort', onAbort, { once: true });
  start();
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
    timer.clear();
  }
}

const LOST = new Error('Another attempt was faster');
