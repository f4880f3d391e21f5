// Pauses between attempts that fail: each longer than the one before, up to a longest. Knows numbers only.

import { outOfRange } from '../errors.ts';
import { checkOptionNames, integer } from '../runtime/options.ts';

export interface BackOffOptions {
  /** The first pause, ms. Default 100. */
  readonly initialDelay?: number;
  /** The longest, ms. Default 30,000. */
  readonly maxDelay?: number;
  /** How much longer each is than the one before. Default 2. */
  readonly factor?: number;
}

/** With defaults; null for `false` and undefined. */
export function parseBackOff(options: boolean | BackOffOptions | undefined): Required<BackOffOptions> | null {
  if (options === undefined || options === false) return null;
  const given = options === true ? {} : options;
  checkOptionNames(given, NAMES, 'retry');
  const initialDelay = integer('retry.initialDelay', given.initialDelay, 1, LONGEST, 100);
  const maxDelay = integer('retry.maxDelay', given.maxDelay, 1, LONGEST, 30_000);
  const { factor = 2 } = given;
  if (typeof factor !== 'number' || !(factor >= 1 && factor <= 100)) {
    throw outOfRange('retry.factor', '>= 1 && <= 100', factor);
  }
  return { initialDelay, maxDelay, factor };
}

/** The pause after attempt number `failures`, which failed; the first is 1. */
export function pauseAfter(
  failures: number,
  { initialDelay, maxDelay, factor }: Required<BackOffOptions>,
): number {
  return Math.min(maxDelay, initialDelay * factor ** (failures - 1));
}

const LONGEST = 24 * 3600 * 1000;
const NAMES: ReadonlySet<string> = new Set(['initialDelay', 'maxDelay', 'factor']);
