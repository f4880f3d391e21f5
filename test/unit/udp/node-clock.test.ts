import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { nodeClock } from '../../../src/udp/node-clock.ts';

test('a timer fires once, not before its time', async () => {
  const fired: number[] = [];
  const timer = nodeClock.createTimer(() => fired.push(nodeClock.now()));
  const at = nodeClock.now() + 3.5;
  timer.set(at);
  await wait(60);
  assert.equal(fired.length, 1);
  assert.ok(fired[0] >= at);
});

test('moving a deadline earlier or later leaves one firing, at the last deadline', async () => {
  for (const offsets of [
    [5, 30],
    [30, 5],
    [5, 20, 10],
  ]) {
    const fired: number[] = [];
    const timer = nodeClock.createTimer(() => fired.push(nodeClock.now()));
    const start = nodeClock.now();
    for (const offset of offsets) timer.set(start + offset);
    await wait(100);
    assert.equal(fired.length, 1);
    assert.ok(fired[0] >= start + (offsets.at(-1) ?? 0));
  }
});

test('a deadline in the past fires in the next turn, not within set', async () => {
  let count = 0;
  const timer = nodeClock.createTimer(() => count++);
  timer.set(nodeClock.now() - 1000);
  assert.equal(count, 0);
  await wait(20);
  assert.equal(count, 1);
  timer.set(nodeClock.now());
  await wait(20);
  assert.equal(count, 2, 'and it can be set again');
});

test('a cleared timer does not fire, nor does one set to Infinity', async () => {
  const timer = nodeClock.createTimer(() => assert.fail('fired'));
  timer.set(nodeClock.now() + 2);
  timer.clear();
  timer.set(nodeClock.now() - 2);
  timer.set(Infinity);
  await wait(30);
});

test('a deadline beyond the longest timeout of Node waits', async () => {
  const timer = nodeClock.createTimer(() => assert.fail('fired'));
  timer.set(nodeClock.now() + 2 ** 40);
  await wait(20);
  timer.clear();
});

test('the clock has fractions and wall time', () => {
  assert.ok(Array.from({ length: 20 }, () => nodeClock.now()).some((now) => now % 1 !== 0));
  assert.ok(Math.abs(nodeClock.wallTime() - Date.now()) < 1000);
});
