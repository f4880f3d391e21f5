// Walking a RangeSet from a given value, for the gaps between its ranges.

import type { RangeSet } from '../../util/range-set.ts';

/** Index of the first range that ends after `value`; `size` if there is none. */
export function firstEndingAfter(ranges: RangeSet, value: number): number {
  let low = 0;
  let high = ranges.size;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges.end(middle) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
