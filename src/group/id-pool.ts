// Numbers that are given out once at a time. Knows nothing of what they are for.

import { invariant } from '../errors.ts';

/** Ids go round after this one. */
const LAST_ID = 2 ** 31 - 1;

/**
 * Ids for connections, unique among those in use: also over several groups that share one pool. An id can come again
 * only after it was released, and as late as possible: numbers go up to 2^31 - 1 first.
 */
export class IdPool {
  readonly #used: Set<number> = new Set();
  #last: number;

  /** @param last the number after which the first id comes; for tests of the turn at 2^31 - 1 */
  constructor(last = 0) {
    this.#last = last;
  }

  /** How many are in use. */
  get size(): number {
    return this.#used.size;
  }

  acquire(): number {
    invariant(this.#used.size < LAST_ID, 'all ids are in use');
    do this.#last = this.#last >= LAST_ID ? 1 : this.#last + 1;
    while (this.#used.has(this.#last));
    this.#used.add(this.#last);
    return this.#last;
  }

  /** False for an id that is not in use. */
  release(id: number): boolean {
    return this.#used.delete(id);
  }
}
