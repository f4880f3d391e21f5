// A set of numbers kept as sorted, disjoint, half-open ranges in one Float64Array.
// Owns: insertion with merging, removal, look-up. Knows nothing about what the numbers mean
// (packet numbers, stream offsets, closed streams).

const INITIAL_RANGES = 4;

/** Most sets of an idle connection are empty: they share this. */
const NO_PAIRS: Float64Array = new Float64Array(0);

/** Ranges touch as little memory as possible: two doubles each, no object per range. */
export class RangeSet {
  #pairs: Float64Array = NO_PAIRS;
  #size = 0;

  /** How many disjoint ranges there are. */
  get size(): number {
    return this.#size;
  }

  isEmpty(): boolean {
    return this.#size === 0;
  }

  /** First number of range `i`, counted from the lowest. */
  start(i: number): number {
    return this.#pairs[2 * i];
  }

  /** One past the last number of range `i`. */
  end(i: number): number {
    return this.#pairs[2 * i + 1];
  }

  /** The lowest number; 0 when empty. */
  get min(): number {
    return this.#size === 0 ? 0 : this.#pairs[0];
  }

  /** One past the highest number; 0 when empty. */
  get max(): number {
    return this.#size === 0 ? 0 : this.#pairs[2 * this.#size - 1];
  }

  /** Adds `start <= v < end`; returns how many numbers were not in the set before. */
  add(start: number, end: number): number {
    if (!(start < end)) return 0;
    const pairs = this.#pairs;
    const size = this.#size;
    // In-order arrival extends or follows the last range: no search.
    if (size === 0 || start > pairs[2 * size - 1]) {
      this.#insert(size, start, end);
      return end - start;
    }
    if (start === pairs[2 * size - 1]) {
      pairs[2 * size - 1] = end;
      return end - start;
    }
    const first = this.#firstEndingAtOrAfter(start);
    if (end < pairs[2 * first]) {
      this.#insert(first, start, end);
      return end - start;
    }
    let next = first;
    let covered = 0;
    let low = start;
    let high = end;
    while (next < size && pairs[2 * next] <= end) {
      const rangeStart = pairs[2 * next];
      const rangeEnd = pairs[2 * next + 1];
      const from = Math.max(rangeStart, start);
      const to = Math.min(rangeEnd, end);
      covered += to - from;
      if (rangeStart < low) low = rangeStart;
      if (rangeEnd > high) high = rangeEnd;
      next++;
    }
    pairs[2 * first] = low;
    pairs[2 * first + 1] = high;
    this.#cut(first + 1, next);
    return end - start - covered;
  }

  /** Takes `start <= v < end` out; returns how many numbers were in the set. */
  remove(start: number, end: number): number {
    if (!(start < end)) return 0;
    let i = this.#firstEndingAfter(start);
    let removed = 0;
    if (i < this.#size && this.#pairs[2 * i] < start) {
      const rangeEnd = this.#pairs[2 * i + 1];
      this.#pairs[2 * i + 1] = start;
      if (rangeEnd > end) {
        this.#insert(i + 1, end, rangeEnd);
        return end - start;
      }
      removed += rangeEnd - start;
      i++;
    }
    const from = i;
    while (i < this.#size && this.#pairs[2 * i + 1] <= end) {
      removed += this.#pairs[2 * i + 1] - this.#pairs[2 * i];
      i++;
    }
    if (i < this.#size && this.#pairs[2 * i] < end) {
      removed += end - this.#pairs[2 * i];
      this.#pairs[2 * i] = end;
    }
    this.#cut(from, i);
    return removed;
  }

  contains(value: number): boolean {
    return this.indexOf(value) >= 0;
  }

  /** Whether every number of `start <= v < end` is in the set; an empty question is answered with yes. */
  covers(start: number, end: number): boolean {
    if (!(start < end)) return true;
    const i = this.#firstEndingAfter(start);
    return i < this.#size && this.#pairs[2 * i] <= start && this.#pairs[2 * i + 1] >= end;
  }

  /** Index of the range that holds `value`, or -1. */
  indexOf(value: number): number {
    const i = this.#firstEndingAfter(value);
    return i < this.#size && this.#pairs[2 * i] <= value ? i : -1;
  }

  /** Forgets the lowest range. */
  dropFirst(): void {
    this.#cut(0, this.#size > 0 ? 1 : 0);
  }

  clear(): void {
    this.#size = 0;
  }

  #firstEndingAtOrAfter(value: number): number {
    const pairs = this.#pairs;
    let low = 0;
    let high = this.#size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (pairs[2 * middle + 1] < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #firstEndingAfter(value: number): number {
    const pairs = this.#pairs;
    let low = 0;
    let high = this.#size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (pairs[2 * middle + 1] <= value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #insert(at: number, start: number, end: number): void {
    const size = this.#size;
    if (2 * size === this.#pairs.length) {
      const grown = new Float64Array(Math.max(2 * INITIAL_RANGES, 2 * this.#pairs.length));
      grown.set(this.#pairs);
      this.#pairs = grown;
    }
    if (at < size) this.#pairs.copyWithin(2 * at + 2, 2 * at, 2 * size);
    this.#pairs[2 * at] = start;
    this.#pairs[2 * at + 1] = end;
    this.#size = size + 1;
  }

  #cut(from: number, to: number): void {
    if (from >= to) return;
    this.#pairs.copyWithin(2 * from, 2 * to, 2 * this.#size);
    this.#size -= to - from;
  }
}
