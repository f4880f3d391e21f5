// A binary heap of deadlines over objects that remember their own place in it.
// Owns: order. It reads no clock and arms no timer: whoever holds it asks `peek()`.

/** What an object must carry to be in a `TimerHeap`: start with `heapIndex = -1`, `heapDeadline = Infinity`. */
export interface HeapItem {
  /** Place in the heap; -1 while outside. Written by the heap only. */
  heapIndex: number;
  /** Milliseconds on the caller's clock. Written by the heap only. */
  heapDeadline: number;
}

/** The item with the earliest deadline is found in O(1), moving a deadline costs O(log n) and no allocation. */
export class TimerHeap<T extends HeapItem> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** The item with the earliest deadline. */
  peek(): T | undefined {
    return this.#items[0];
  }

  /** Puts the item in, or moves it, to `deadline`. `Infinity` means "no timer" and takes it out. */
  set(item: T, deadline: number): void {
    if (deadline === Infinity) {
      this.delete(item);
      return;
    }
    const earlier = deadline < item.heapDeadline;
    if (item.heapIndex < 0) {
      item.heapDeadline = deadline;
      item.heapIndex = this.#items.length;
      this.#items.push(item);
      this.#up(item.heapIndex);
    } else if (deadline !== item.heapDeadline) {
      item.heapDeadline = deadline;
      if (earlier) this.#up(item.heapIndex);
      else this.#down(item.heapIndex);
    }
  }

  /** Takes the item out; no fault when it is not in. */
  delete(item: T): void {
    const index = item.heapIndex;
    if (index < 0) return;
    item.heapIndex = -1;
    item.heapDeadline = Infinity;
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    this.#items[index] = last;
    last.heapIndex = index;
    this.#up(index);
    this.#down(last.heapIndex);
  }

  #up(from: number): void {
    const items = this.#items;
    const item = items[from];
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (items[parent].heapDeadline <= item.heapDeadline) break;
      items[index] = items[parent];
      items[index].heapIndex = index;
      index = parent;
    }
    items[index] = item;
    item.heapIndex = index;
  }

  #down(from: number): void {
    const items = this.#items;
    const item = items[from];
    let index = from;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && items[child + 1].heapDeadline < items[child].heapDeadline) child++;
      if (items[child].heapDeadline >= item.heapDeadline) break;
      items[index] = items[child];
      items[index].heapIndex = index;
      index = child;
    }
    items[index] = item;
    item.heapIndex = index;
  }
}
