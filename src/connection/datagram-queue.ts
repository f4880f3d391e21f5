// A queue of datagrams with limits in items and in bytes. Owns order and accounting; what happens to a datagram that
// finds no room is its user's business.

import { Ring } from '../util/ring.ts';

export interface QueuedDatagram {
  readonly id: number;
  readonly bytes: Uint8Array;
}

/** What a queue may hold. */
export interface QueueLimits {
  readonly items: number;
  readonly bytes: number;
}

export class DatagramQueue {
  readonly #items: Ring<QueuedDatagram> = new Ring();
  #byteSize = 0;

  get length(): number {
    return this.#items.length;
  }

  get byteSize(): number {
    return this.#byteSize;
  }

  /** A queue that may hold nothing is always full, as in quiche. */
  isFull(limits: QueueLimits): boolean {
    return this.length >= limits.items || this.#byteSize >= limits.bytes;
  }

  hasRoomFor(length: number, limits: QueueLimits): boolean {
    return this.length < limits.items && this.#byteSize + length <= limits.bytes;
  }

  push(item: QueuedDatagram): void {
    this.#items.push(item);
    this.#byteSize += item.bytes.length;
  }

  peek(): QueuedDatagram | undefined {
    return this.#items.peek();
  }

  shift(): QueuedDatagram | undefined {
    const item = this.#items.shift();
    if (item !== undefined) this.#byteSize -= item.bytes.length;
    return item;
  }

  /** Takes out what matches and gives it; the order of the rest stays. A predicate that throws changes nothing. */
  remove(predicate: (bytes: Uint8Array) => boolean): QueuedDatagram[] {
    const removed = [...this.#items].filter(({ bytes }) => predicate(bytes));
    const doomed = new Set(removed);
    for (let left = doomed.size === 0 ? 0 : this.length; left > 0; left--) {
      const item = this.shift() as QueuedDatagram;
      if (!doomed.has(item)) this.push(item);
    }
    return removed;
  }
}
