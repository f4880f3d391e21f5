/** Medians and spreads of what was measured. */
import type { Result } from './run.ts';

export interface Summary {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const [below, above] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return { median: (below + above) / 2, low: sorted[0], high: sorted[sorted.length - 1] };
}

/** Looks up medians; null for what was not measured. */
export class Medians {
  readonly #results: readonly Result[];

  constructor(results: readonly Result[]) {
    this.#results = results;
  }

  of(measurement: string, subject: string, figure: string): number | null {
    const found = this.#results.find(
      (each) => each.measurement === measurement && each.subject === subject && each.figure === figure,
    );
    return found === undefined ? null : summarize(found.values).median;
  }

  /** CPU of server and client together. */
  cpu(measurement: string, subject: string): number | null {
    return combine(
      (server, client) => server + client,
      this.of(measurement, subject, 'server'),
      this.of(measurement, subject, 'client'),
    );
  }
}

/** Null if one of them was not measured. */
export function combine(
  with_: (a: number, b: number) => number,
  a: number | null,
  b: number | null,
): number | null {
  return a === null || b === null ? null : with_(a, b);
}

/** Three digits that count. */
export function show(value: number): string {
  const size = Math.abs(value);
  return size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(2);
}
