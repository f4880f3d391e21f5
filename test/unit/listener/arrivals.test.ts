import assert from 'node:assert/strict';
import test from 'node:test';
import { type Arrival, Arrivals, MAX_ARRIVALS_PER_TURN } from '../../../src/listener/arrivals.ts';
import type { Clock } from '../../../src/util/clock.ts';

/** A clock whose next turn comes when it is told to. */
function turns(): { clock: Clock; next: () => void; waiting: () => number } {
  let callbacks: (() => void)[] = [];
  const clock = { immediate: (callback: () => void) => void callbacks.push(callback) } as Clock;
  const next = () => {
    const due = callbacks;
    callbacks = [];
    for (const callback of due) callback();
  };
  return { clock, next, waiting: () => callbacks.length };
}

test('L58 a flood of clients is worked off some each turn, so that everything else has its turn too', () => {
  const { clock, next, waiting } = turns();
  const accepted: number[] = [];
  let number = 0;
  const arrivals = new Arrivals(clock, null, () => ({
    accept: () => {
      accepted.push(number);
      return null;
    },
    refuse: () => {},
    retry: () => {},
    ignore: () => {},
  }));
  for (number = 0; number < 100; number++) arrivals.push({} as Arrival);
  assert.equal(accepted.length, MAX_ARRIVALS_PER_TURN);
  const counts: number[] = [];
  while (waiting() > 0) {
    next();
    counts.push(accepted.length);
  }
  assert.deepEqual(counts, [64, 96, 100, 100]);
});

test('P2 clients that wait for their turn are refused when the listener stops', () => {
  const { clock, next, waiting } = turns();
  let refused = 0;
  const arrivals = new Arrivals(clock, null, () => ({
    accept: () => null,
    refuse: () => void refused++,
    retry: () => {},
    ignore: () => {},
  }));
  for (let i = 0; i < 40; i++) arrivals.push({} as Arrival);
  arrivals.refuseAll();
  while (waiting() > 0) next();
  assert.equal(refused, 40 - MAX_ARRIVALS_PER_TURN);
});
