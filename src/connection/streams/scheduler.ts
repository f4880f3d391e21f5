// Which stream is next: by urgency, then those that want to be served whole by their id, then incremental ones in
// turn (quiche's order). One class serves the streams that have something to send, to read, and to write.
// Knows of a stream only its id and its priority.

/** What the order depends on. Must not change while the owner is queued. */
export interface Prioritised {
  readonly id: number;
  /** 0 to 255, lower first. */
  readonly urgency: number;
  /** Shares its urgency in turns with others of its kind. */
  readonly incremental: boolean;
}

/** The place of one owner in one queue; owned by the owner, so that queueing allocates nothing. */
export class QueueEntry<T extends Prioritised> {
  readonly owner: T;
  /** Null while not queued. */
  bucket: Bucket<T> | null = null;
  heapIndex = -1;
  previous: QueueEntry<T> | null = null;
  next: QueueEntry<T> | null = null;

  constructor(owner: T) {
    this.owner = owner;
  }
}

/** A queue in priority order: O(1) per operation for incremental owners, O(log n) for the others. */
export class StreamQueue<T extends Prioritised> {
  /** Sorted by urgency; one for each urgency that ever occurred. */
  readonly #buckets: Bucket<T>[] = [];
  /** No bucket before this one has entries. */
  #first = 0;
  size = 0;

  /** Queues an entry behind its equals; nothing happens if it is queued already. */
  insert(entry: QueueEntry<T>): void {
    if (entry.bucket !== null) return;
    const bucket = this.#bucketOf(entry.owner.urgency);
    entry.bucket = bucket;
    this.size++;
    bucket.size++;
    if (entry.owner.incremental) append(bucket, entry);
    else push(bucket.heap, entry);
  }

  remove(entry: QueueEntry<T>): void {
    const bucket = entry.bucket;
    if (bucket === null) return;
    entry.bucket = null;
    this.size--;
    bucket.size--;
    if (entry.heapIndex >= 0) removeAt(bucket.heap, entry.heapIndex);
    else unlink(bucket, entry);
  }

  /** The most urgent owner, left in place; null if the queue is empty. */
  peek(): T | null {
    if (this.size === 0) return null;
    while (this.#buckets[this.#first].size === 0) this.#first++;
    const bucket = this.#buckets[this.#first];
    if (bucket.heap.length > 0) return bucket.heap[0].owner;
    return (bucket.head as QueueEntry<T>).owner;
  }

  /** An incremental entry had its turn. */
  rotate(entry: QueueEntry<T>): void {
    const bucket = entry.bucket;
    if (bucket === null || entry.heapIndex >= 0 || bucket.tail === entry) return;
    unlink(bucket, entry);
    append(bucket, entry);
  }

  /** All owners in order. */
  toArray(): T[] {
    const all: T[] = [];
    if (this.size === 0) return all;
    for (const bucket of this.#buckets) {
      const sorted = bucket.heap.map((entry) => entry.owner).sort((a, b) => a.id - b.id);
      for (const owner of sorted) all.push(owner);
      for (let entry = bucket.head; entry !== null; entry = entry.next) all.push(entry.owner);
    }
    return all;
  }

  #bucketOf(urgency: number): Bucket<T> {
    const buckets = this.#buckets;
    let low = 0;
    let high = buckets.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (buckets[middle].urgency < urgency) low = middle + 1;
      else high = middle;
    }
    if (low < this.#first) this.#first = low;
    if (low < buckets.length && buckets[low].urgency === urgency) return buckets[low];
    const bucket = new Bucket<T>(urgency);
    buckets.splice(low, 0, bucket);
    return bucket;
  }
}

/** All entries of one urgency: a heap by id, and a list in turn. */
class Bucket<T extends Prioritised> {
  readonly urgency: number;
  size = 0;
  readonly heap: QueueEntry<T>[] = [];
  head: QueueEntry<T> | null = null;
  tail: QueueEntry<T> | null = null;

  constructor(urgency: number) {
    this.urgency = urgency;
  }
}

function append<T extends Prioritised>(bucket: Bucket<T>, entry: QueueEntry<T>): void {
  entry.previous = bucket.tail;
  if (bucket.tail === null) bucket.head = entry;
  else bucket.tail.next = entry;
  bucket.tail = entry;
}

function unlink<T extends Prioritised>(bucket: Bucket<T>, entry: QueueEntry<T>): void {
  if (entry.previous === null) bucket.head = entry.next;
  else entry.previous.next = entry.next;
  if (entry.next === null) bucket.tail = entry.previous;
  else entry.next.previous = entry.previous;
  entry.previous = null;
  entry.next = null;
}

function push<T extends Prioritised>(heap: QueueEntry<T>[], entry: QueueEntry<T>): void {
  heap.push(entry);
  siftUp(heap, heap.length - 1, entry);
}

function removeAt<T extends Prioritised>(heap: QueueEntry<T>[], index: number): void {
  const removed = heap[index];
  const last = heap.pop() as QueueEntry<T>;
  removed.heapIndex = -1;
  if (last === removed) return;
  if (index > 0 && last.owner.id < heap[(index - 1) >>> 1].owner.id) siftUp(heap, index, last);
  else siftDown(heap, index, last);
}

function siftUp<T extends Prioritised>(heap: QueueEntry<T>[], from: number, entry: QueueEntry<T>): void {
  let at = from;
  while (at > 0) {
    const parent = (at - 1) >>> 1;
    if (heap[parent].owner.id <= entry.owner.id) break;
    heap[at] = heap[parent];
    heap[at].heapIndex = at;
    at = parent;
  }
  heap[at] = entry;
  entry.heapIndex = at;
}

function siftDown<T extends Prioritised>(heap: QueueEntry<T>[], from: number, entry: QueueEntry<T>): void {
  const size = heap.length;
  let at = from;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= size) break;
    if (child + 1 < size && heap[child + 1].owner.id < heap[child].owner.id) child++;
    if (heap[child].owner.id >= entry.owner.id) break;
    heap[at] = heap[child];
    heap[at].heapIndex = at;
    at = child;
  }
  heap[at] = entry;
  entry.heapIndex = at;
}
