// Deadlines of streams: what is not done in time is told to the application, or the stream is reset, or both. Owns the
// times; what a reset is, the streams know.

import { type HeapItem, TimerHeap } from '../util/heap.ts';
import type { ConnectionParts } from './parts.ts';

/** What happens at a stream's deadline. */
export type DeadlineAction = 'notify' | 'reset' | 'both';

/** Code of the resets at a deadline, unless another is given. */
export const DEADLINE_ERROR_CODE = 0xff;

interface Entry extends HeapItem {
  readonly id: number;
  action: DeadlineAction;
  errorCode: number | bigint;
}

export class StreamDeadlines {
  readonly #parts: ConnectionParts;
  readonly #heap: TimerHeap<Entry> = new TimerHeap();
  readonly #entries: Map<number, Entry> = new Map();

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
  }

  /** When the next one is due, as `now`; Infinity for never. */
  get deadline(): number {
    return this.#heap.peek()?.heapDeadline ?? Number.POSITIVE_INFINITY;
  }

  /** Sets the stream's deadline, or replaces it. False for a stream that is unknown or over. */
  set(id: number, at: number, action: DeadlineAction, errorCode: number | bigint): boolean {
    if (!this.#parts.streams.isStreamOpen(id)) return false;
    const entry = this.#entries.get(id) ?? { id, action, errorCode, heapIndex: -1, heapDeadline: Infinity };
    entry.action = action;
    entry.errorCode = errorCode;
    this.#entries.set(id, entry);
    this.#heap.set(entry, at);
    return true;
  }

  /** False if there was none. */
  cancel(id: number): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    this.#entries.delete(id);
    this.#heap.delete(entry);
    return true;
  }

  /** Milliseconds that the stream has left; null if it has no deadline. */
  remaining(id: number, now: number): number | null {
    const entry = this.#entries.get(id);
    if (entry === undefined || !this.#parts.streams.isStreamOpen(id)) return null;
    return Math.max(0, entry.heapDeadline - now);
  }

  onTimeout(now: number): void {
    const { streams } = this.#parts;
    for (let entry = this.#heap.peek(); entry !== undefined; entry = this.#heap.peek()) {
      if (entry.heapDeadline > now) return;
      const { id, action, errorCode } = entry;
      this.cancel(id);
      // A stream that ended in time has nothing to fear any more.
      if (!streams.isStreamOpen(id)) continue;
      const isReset = action !== 'notify';
      if (isReset) this.#reset(id, errorCode);
      if (action !== 'reset') this.#parts.emit({ type: 'stream-deadline', streamId: id, isReset });
    }
  }

  #reset(id: number, errorCode: number | bigint): void {
    const { streams, isServer } = this.#parts;
    const isBidirectional = (id & 2) === 0;
    const isOurs = (id & 1) === (isServer ? 1 : 0);
    if (isBidirectional || isOurs) streams.streamShutdown(id, 'write', errorCode);
    if (isBidirectional || !isOurs) streams.streamShutdown(id, 'read', errorCode);
  }
}
