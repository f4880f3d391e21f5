// Connections that ended, in the tables of those that live: their late packets are absorbed for a while, and then their ids are
// nobody's. Bounded; the one that ends first goes first.

import { TimerHeap } from '../util/heap.ts';
import { ClosingRecord } from './closing-record.ts';
import type { IdTable } from './id-table.ts';
import { MAX_CLOSING_RECORDS } from './limits.ts';

export class ClosingRecords<C> {
  readonly #ids: IdTable<C | ClosingRecord>;
  readonly #originals: Map<string, C | ClosingRecord>;
  readonly #heap: TimerHeap<ClosingRecord> = new TimerHeap();

  constructor(ids: IdTable<C | ClosingRecord>, originals: Map<string, C | ClosingRecord>) {
    this.#ids = ids;
    this.#originals = originals;
  }

  get size(): number {
    return this.#heap.size;
  }

  /** When the next one is over; Infinity for never. */
  get deadline(): number {
    return this.#heap.peek()?.heapDeadline ?? Number.POSITIVE_INFINITY;
  }

  /** From now on the ids, and those that the client made up (by their keys), lead to a record. */
  add(ids: readonly Uint8Array[], originals: readonly string[], until: number): void {
    const record = new ClosingRecord(ids.slice(), originals);
    for (const id of ids) this.#ids.set(id, record);
    for (const key of originals) this.#originals.set(key, record);
    if (this.#heap.size >= MAX_CLOSING_RECORDS) this.#forgetFirst();
    this.#heap.set(record, Number.isFinite(until) ? until : Number.MAX_VALUE);
  }

  expire(now: number): void {
    while (this.deadline <= now) this.#forgetFirst();
  }

  #forgetFirst(): void {
    const record = this.#heap.peek();
    if (record === undefined) return;
    this.#heap.delete(record);
    // An id may lead elsewhere by now.
    for (const id of record.ids) if (this.#ids.get(id) === record) this.#ids.delete(id);
    for (const key of record.originals) if (this.#originals.get(key) === record) this.#originals.delete(key);
  }
}
