/**
 * What is to happen in virtual time: a binary heap by time, and by order of scheduling among equals, so that a run has
 * one order only. Knows no clock.
 */

/** One thing to come. */
export interface SimEvent {
  /** Virtual time in ms. */
  readonly at: number;
  readonly sequence: number;
  readonly run: () => void;
  /** Whether a simulation that runs until idle waits for it. */
  isRef: boolean;
  isCancelled: boolean;
}

export class EventQueue {
  private heap: SimEvent[] = [];
  private sequence = 0;
  private refs = 0;
  private cancelled = 0;

  /** Events that are neither run nor cancelled and that a run until idle waits for. */
  get waiting(): number {
    return this.refs;
  }

  /** Entries held, cancelled ones included. */
  get size(): number {
    return this.heap.length;
  }

  /** The sequence number that the next event to be pushed gets. */
  get nextSequence(): number {
    return this.sequence;
  }

  /** The next event, or null. */
  get next(): SimEvent | null {
    while (this.heap.length > 0 && this.heap[0].isCancelled) {
      this.removeFirst();
      this.cancelled--;
    }
    return this.heap.length > 0 ? this.heap[0] : null;
  }

  push(at: number, run: () => void, isRef: boolean): SimEvent {
    const event: SimEvent = { at, sequence: this.sequence++, run, isRef, isCancelled: false };
    if (isRef) this.refs++;
    this.heap.push(event);
    this.siftUp(this.heap.length - 1);
    return event;
  }

  shift(): SimEvent | null {
    const event = this.next;
    if (event === null) return null;
    this.removeFirst();
    if (event.isRef) this.refs--;
    event.isCancelled = true;
    return event;
  }

  /** Takes an event out; does nothing for one that was run or cancelled. */
  cancel(event: SimEvent): void {
    if (event.isCancelled) return;
    event.isCancelled = true;
    if (event.isRef) this.refs--;
    this.cancelled++;
    // Timers move with nearly every packet; what they leave behind must not outgrow what is to come.
    if (this.cancelled > 64 && this.cancelled > this.heap.length / 2) this.compact();
  }

  setRef(event: SimEvent, isRef: boolean): void {
    if (event.isCancelled || event.isRef === isRef) return;
    event.isRef = isRef;
    this.refs += isRef ? 1 : -1;
  }

  private compact(): void {
    this.heap = this.heap.filter((event) => !event.isCancelled).sort((a, b) => (isBefore(a, b) ? -1 : 1));
    this.cancelled = 0;
  }

  private removeFirst(): void {
    const last = this.heap.pop();
    if (last === undefined || this.heap.length === 0) return;
    this.heap[0] = last;
    this.siftDown(0);
  }

  private siftUp(index: number): void {
    const event = this.heap[index];
    let at = index;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, this.heap[parent])) break;
      this.heap[at] = this.heap[parent];
      at = parent;
    }
    this.heap[at] = event;
  }

  private siftDown(index: number): void {
    const event = this.heap[index];
    let at = index;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.heap.length) break;
      if (child + 1 < this.heap.length && isBefore(this.heap[child + 1], this.heap[child])) child++;
      if (!isBefore(this.heap[child], event)) break;
      this.heap[at] = this.heap[child];
      at = child;
    }
    this.heap[at] = event;
  }
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence);
}
