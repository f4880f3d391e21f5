// A switch that many can wait for and anybody can trigger, and that knows when all who waited are gone. Knows no
// connections.

import { quicError } from '../errors.ts';
import { abortable, type Deferred, defer } from '../runtime/deferred.ts';
import type { WaitOptions } from '../runtime/stream-options.ts';

/**
 * Ends things from outside. It is off until `trigger`, then on until `reset`; `signal` is the same as an AbortSignal.
 *
 * From the crate killswitch, whose waiters are futures that can be dropped: here a waiter is gone when its promise is
 * settled.
 */
export class KillSwitch {
  #controller: AbortController = new AbortController();
  #triggered: Deferred<void> = defer();
  #waiters = 0;
  readonly #finalizing: Deferred<void>[] = [];

  /** Aborted by `trigger`, with its reason. A new one after `reset`. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get isTriggered(): boolean {
    return this.#controller.signal.aborted;
  }

  /** How many wait or work now: calls of `wait` and `hold` that are not over. */
  get waiters(): number {
    return this.#waiters;
  }

  /** Tells all who wait, once. Default reason: an AbortError. */
  trigger(reason?: unknown): void {
    if (this.isTriggered) return;
    this.#controller.abort(reason);
    this.#triggered.resolve();
  }

  /** Resolves when the switch is triggered; at once if it is. Rejects with the reason of `options.signal`. */
  wait(options: WaitOptions = {}): Promise<void> {
    const waiting = defer<void>();
    void this.#triggered.promise.then(() => waiting.resolve());
    return this.hold(abortable(waiting, options.signal, () => {}));
  }

  /** Counts some work as a waiter until it is settled: work that heeds the switch, and that `finalize` shall wait for. */
  hold<T>(work: Promise<T>): Promise<T> {
    this.#waiters++;
    const gone = (): void => {
      this.#waiters--;
      if (this.#waiters === 0) for (const finalizing of this.#finalizing.splice(0)) finalizing.resolve();
    };
    work.then(gone, gone);
    return work;
  }

  /** Resolves when no waiter is left. Rejects with ERR_QUIC_KILL_SWITCH if the switch is not triggered. */
  finalize(): Promise<void> {
    if (!this.isTriggered) return Promise.reject(quicError('ERR_QUIC_KILL_SWITCH'));
    if (this.#waiters === 0) return Promise.resolve();
    const finalizing = defer<void>();
    this.#finalizing.push(finalizing);
    return finalizing.promise;
  }

  /** Off again, with a new `signal`. Who waits for the old one is told no more than before. */
  reset(): void {
    if (!this.isTriggered) return;
    this.#controller = new AbortController();
    this.#triggered = defer();
  }
}
