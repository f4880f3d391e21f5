import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RangeSet } from '../../../src/util/range-set.ts';

function ranges(set: RangeSet): number[][] {
  return Array.from({ length: set.size }, (_, i) => [set.start(i), set.end(i)]);
}

function setOf(...pairs: [number, number][]): RangeSet {
  const set = new RangeSet();
  for (const [start, end] of pairs) set.add(start, end);
  return set;
}

test('an empty set has nothing in it', () => {
  const set = new RangeSet();
  assert.equal(set.isEmpty(), true);
  assert.equal(set.min, 0);
  assert.equal(set.max, 0);
  assert.equal(set.contains(0), false);
  assert.equal(set.covers(0, 1), false);
  assert.equal(set.covers(5, 5), true);
  set.dropFirst();
  assert.equal(set.size, 0);
});

test('add extends, merges and counts what is new', () => {
  const set = new RangeSet();
  assert.equal(set.add(10, 20), 10);
  assert.equal(set.add(20, 25), 5);
  assert.equal(set.add(30, 40), 10);
  assert.equal(set.add(15, 35), 5);
  assert.deepEqual(ranges(set), [[10, 40]]);
  assert.equal(set.add(10, 40), 0);
  assert.equal(set.add(5, 5), 0);
  assert.equal(set.add(0, 10), 10);
  assert.deepEqual(ranges(set), [[0, 40]]);
});

test('add in front of and between ranges keeps them sorted', () => {
  const set = setOf([50, 60], [10, 20], [30, 40]);
  assert.deepEqual(ranges(set), [
    [10, 20],
    [30, 40],
    [50, 60],
  ]);
  assert.equal(set.min, 10);
  assert.equal(set.max, 60);
  assert.equal(set.add(0, 100), 70);
  assert.deepEqual(ranges(set), [[0, 100]]);
});

test('more ranges than at first are held without loss', () => {
  const set = new RangeSet();
  for (let i = 99; i >= 0; i--) set.add(2 * i, 2 * i + 1);
  assert.equal(set.size, 100);
  for (let i = 0; i < 100; i++) assert.deepEqual([set.start(i), set.end(i)], [2 * i, 2 * i + 1]);
});

test('remove splits, trims and counts what was there', () => {
  const set = setOf([0, 10], [20, 30], [40, 50]);
  assert.equal(set.remove(4, 6), 2);
  assert.equal(set.remove(8, 25), 7);
  assert.deepEqual(ranges(set), [
    [0, 4],
    [6, 8],
    [25, 30],
    [40, 50],
  ]);
  assert.equal(set.remove(0, 100), 21);
  assert.equal(set.isEmpty(), true);
  assert.equal(set.remove(0, 100), 0);
});

test('covers and indexOf look inside one range only', () => {
  const set = setOf([0, 10], [20, 30]);
  assert.equal(set.covers(0, 10), true);
  assert.equal(set.covers(9, 21), false);
  assert.equal(set.covers(25, 31), false);
  assert.equal(set.indexOf(9), 0);
  assert.equal(set.indexOf(10), -1);
  assert.equal(set.indexOf(20), 1);
  assert.equal(set.indexOf(30), -1);
});

test('dropFirst forgets the lowest range and clear forgets all', () => {
  const set = setOf([0, 1], [5, 6]);
  set.dropFirst();
  assert.deepEqual(ranges(set), [[5, 6]]);
  set.clear();
  assert.equal(set.isEmpty(), true);
});
