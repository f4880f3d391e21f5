// What is left in the tables of a connection that ended: enough to absorb its late packets (RFC 9000 §10.2).

import type { HeapItem } from '../util/heap.ts';

export class ClosingRecord implements HeapItem {
  heapIndex = -1;
  heapDeadline: number = Number.POSITIVE_INFINITY;
  readonly ids: readonly Uint8Array[];
  /** Keys of ids that the client made up. */
  readonly originals: readonly string[];

  constructor(ids: readonly Uint8Array[], originals: readonly string[]) {
    this.ids = ids;
    this.originals = originals;
  }
}
