// After rejected 0-RTT more may have been written than the real limits let us send: this holds streams back until the
// peer raised its limits far enough (RFC 9001 §4.6.2, RFC 9000 §4). Gone as soon as everything written is allowed.

import type { Stream } from './stream.ts';
import { streamIndex, UNI_BIT } from './stream-id.ts';
import type { StreamSet } from './stream-set.ts';

export class WithdrawnLimits {
  readonly #set: StreamSet;
  /** One past the highest byte sent of each stream since then, and the sum. */
  readonly #sent: Map<Stream, number> = new Map();
  #total = 0;
  readonly #held: Set<Stream> = new Set();

  constructor(set: StreamSet) {
    this.#set = set;
  }

  /** One past the last byte of the stream that may be sent now; -1 if not even its end may. */
  allowedEnd(stream: Stream): number {
    const { credit } = this.#set;
    if (this.#isOverCount(stream)) return -1;
    return Math.min(stream.send.credit.limit, (this.#sent.get(stream) ?? 0) + credit.limit - this.#total);
  }

  onSent(stream: Stream, end: number): void {
    const before = this.#sent.get(stream) ?? 0;
    if (end <= before) return;
    this.#sent.set(stream, end);
    this.#total += end - before;
  }

  /** The stream waits for a larger limit. */
  hold(stream: Stream): void {
    this.#held.add(stream);
  }

  /** A limit rose: gives back the streams that waited. */
  release(): Stream[] {
    const streams = [...this.#held];
    this.#held.clear();
    return streams;
  }

  /** Everything that was written may be sent by now. */
  get isOver(): boolean {
    const { credit, table } = this.#set;
    if (credit.used > credit.limit) return false;
    for (const stream of table.values()) {
      if (stream.send.credit.available < 0 || this.#isOverCount(stream)) return false;
    }
    return true;
  }

  #isOverCount({ id }: Stream): boolean {
    if (!this.#set.isLocal(id)) return false;
    return streamIndex(id) >= this.#set.outgoing[(id & UNI_BIT) === 0 ? 0 : 1].limit;
  }
}
