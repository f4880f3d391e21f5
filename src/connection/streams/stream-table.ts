// All streams of a connection by id. A stream that is over leaves nothing behind: what was ever opened is a high-water
// mark per type, and what was opened only because a higher id was used (RFC 9000 §2.1) is a set of ranges.

import { RangeSet } from '../../util/range-set.ts';
import type { Stream } from './stream.ts';
import { streamIndex, streamType } from './stream-id.ts';

export class StreamTable {
  readonly #open = new Map<number, Stream>();
  /** Per type: indexes below were opened. */
  readonly #opened: [number, number, number, number] = [0, 0, 0, 0];
  /** Per type: opened by a higher id and never used; at most as many as the limit on open streams. */
  readonly #untouched: [RangeSet | null, RangeSet | null, RangeSet | null, RangeSet | null] = [
    null,
    null,
    null,
    null,
  ];
  readonly #make: (id: number) => Stream;

  constructor(make: (id: number) => Stream) {
    this.#make = make;
  }

  /** Streams that hold memory. */
  get size(): number {
    return this.#open.size;
  }

  /** The stream, made now if it was opened by a higher id; undefined if it was never opened or is over. */
  get(id: number): Stream | undefined {
    const stream = this.#open.get(id);
    if (stream !== undefined) return stream;
    const untouched = this.#untouched[streamType(id)];
    if (untouched === null) return undefined;
    const index = streamIndex(id);
    if (!untouched.contains(index)) return undefined;
    untouched.remove(index, index + 1);
    return this.#add(id);
  }

  /** The stream if it holds memory; makes nothing. */
  peek(id: number): Stream | undefined {
    return this.#open.get(id);
  }

  /** How many streams of all types were ever opened. */
  get openedTotal(): number {
    const [a, b, c, d] = this.#opened;
    return a + b + c + d;
  }

  /** How many streams of a type were ever opened. */
  openedCount(type: number): number {
    return this.#opened[type];
  }

  isOpened(id: number): boolean {
    return streamIndex(id) < this.#opened[streamType(id)];
  }

  /** Opened, and over. */
  isClosed(id: number): boolean {
    return (
      this.isOpened(id) &&
      !this.#open.has(id) &&
      this.#untouched[streamType(id)]?.contains(streamIndex(id)) !== true
    );
  }

  /** Opens a stream that was not, and with it all lower ones of its type. The caller has checked the limit. */
  open(id: number): Stream {
    const type = streamType(id);
    const index = streamIndex(id);
    const opened = this.#opened[type];
    if (index > opened) {
      const untouched = this.#untouched[type] ?? new RangeSet();
      untouched.add(opened, index);
      this.#untouched[type] = untouched;
    }
    this.#opened[type] = index + 1;
    return this.#add(id);
  }

  delete(stream: Stream): void {
    this.#open.delete(stream.id);
  }

  values(): IterableIterator<Stream> {
    return this.#open.values();
  }

  #add(id: number): Stream {
    const stream = this.#make(id);
    this.#open.set(id, stream);
    return stream;
  }
}
