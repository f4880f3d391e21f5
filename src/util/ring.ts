// A first-in, first-out queue over a circular array whose length is a power of two.
// Owns: order and growth. It drops references when it hands an item out, so nothing is kept alive by it.

const INITIAL_CAPACITY = 8;

/** Most rings of an idle connection are empty: they share this. */
const NOTHING: undefined[] = [];

/** FIFO without the cost of `Array.prototype.shift`. */
export class Ring<T> {
  #items: (T | undefined)[] = NOTHING;
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(item: T): void {
    if (this.#length === this.#items.length) this.#grow();
    this.#items[(this.#head + this.#length) & (this.#items.length - 1)] = item;
    this.#length++;
  }

  /** Takes the oldest item out. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.#length--;
    return item;
  }

  /** The oldest item, left in place. */
  peek(): T | undefined {
    return this.#length === 0 ? undefined : this.#items[this.#head];
  }

  /** Item `i` counted from the oldest. */
  at(i: number): T | undefined {
    return i < 0 || i >= this.#length ? undefined : this.#items[(this.#head + i) & (this.#items.length - 1)];
  }

  clear(): void {
    this.#items = NOTHING;
    this.#head = 0;
    this.#length = 0;
  }

  /** From oldest to newest; items stay. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (let i = 0; i < this.#length; i++)
      yield this.#items[(this.#head + i) & (this.#items.length - 1)] as T;
  }

  #grow(): void {
    const old = this.#items;
    const grown = new Array<T | undefined>(Math.max(INITIAL_CAPACITY, 2 * old.length)).fill(undefined);
    for (let i = 0; i < this.#length; i++) grown[i] = old[(this.#head + i) & (old.length - 1)];
    this.#items = grown;
    this.#head = 0;
  }
}
