// Which callbacks of the user are running, so that the group can wait for them, and so that a callback which waits for the
// group is not waited for by the group in turn. Knows nothing of what the callbacks do.

import { AsyncLocalStorage } from 'node:async_hooks';
import { type Deferred, defer } from '../runtime/deferred.ts';

/** One callback that is running. */
interface Call {
  readonly scope: Scope;
  /** For how much of the group it waits now. */
  waits: number;
}

/** Callbacks that belong together, such as those of one connection. Open until `close`. */
export class Scope {
  #isClosed = false;
  readonly #calls: Set<Call> = new Set();
  #hearing: Deferred<void>[] = [];

  /** No callback comes any more. */
  close(): void {
    this.#isClosed = true;
    this.tell();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  add(call: Call): void {
    this.#calls.add(call);
  }

  remove(call: Call): void {
    this.#calls.delete(call);
    this.tell();
  }

  /** Resolves when the scope is closed, or when all that runs in it waits for the group. */
  settled(): Promise<void> {
    if (this.#isSettled) return Promise.resolve();
    const hearing = defer<void>();
    this.#hearing.push(hearing);
    return hearing.promise;
  }

  tell(): void {
    if (this.#isSettled) for (const hearing of this.#hearing.splice(0)) hearing.resolve();
  }

  get #isSettled(): boolean {
    return this.#isClosed || (this.#calls.size > 0 && [...this.#calls].every(({ waits }) => waits > 0));
  }
}

/** The scopes of one group. */
export class Scopes {
  readonly #storage: AsyncLocalStorage<Call> = new AsyncLocalStorage();
  readonly #open: Set<Scope> = new Set();

  open(): Scope {
    const scope = new Scope();
    this.#open.add(scope);
    return scope;
  }

  close(scope: Scope): void {
    this.#open.delete(scope);
    scope.close();
  }

  /** Calls a callback of the user in a scope. What it throws at once comes as a rejection, too. */
  async call<T>(scope: Scope, callback: () => T | Promise<T>): Promise<T> {
    const call: Call = { scope, waits: 0 };
    scope.add(call);
    try {
      return await this.#storage.run(call, callback);
    } finally {
      scope.remove(call);
    }
  }

  /** Waits for something of the group. The callback in which this is called, if any, counts as waiting meanwhile. */
  async wait<T>(work: () => Promise<T>): Promise<T> {
    const call = this.#storage.getStore();
    if (call === undefined) return await work();
    call.waits++;
    call.scope.tell();
    try {
      return await work();
    } finally {
      call.waits--;
    }
  }

  /** Resolves when all scopes are settled. */
  async allSettled(): Promise<void> {
    await Promise.all([...this.#open].map((scope) => scope.settled()));
  }
}
