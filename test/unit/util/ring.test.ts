import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ring } from '../../../src/util/ring.ts';

test('items leave in the order they came, across growth and wrap-around', () => {
  const ring = new Ring<number>();
  let next = 0;
  let expected = 0;
  // Growth must also meet a head in the middle of the array.
  for (; next < 3; next++) ring.push(next);
  for (; expected < 3; expected++) assert.equal(ring.shift(), expected);
  for (let round = 0; round < 50; round++) {
    for (let i = 0; i < 5; i++) ring.push(next++);
    for (let i = 0; i < 4; i++) assert.equal(ring.shift(), expected++);
  }
  assert.equal(ring.length, 50);
  assert.deepEqual(
    [...ring],
    Array.from({ length: 50 }, (_, i) => expected + i),
  );
});

test('an empty ring gives undefined', () => {
  const ring = new Ring<string>();
  assert.equal(ring.shift(), undefined);
  assert.equal(ring.peek(), undefined);
  assert.equal(ring.at(0), undefined);
});

test('peek and at look without taking', () => {
  const ring = new Ring<string>();
  for (const item of ['a', 'b', 'c']) ring.push(item);
  ring.shift();
  assert.equal(ring.peek(), 'b');
  assert.equal(ring.at(1), 'c');
  assert.equal(ring.at(2), undefined);
  assert.equal(ring.at(-1), undefined);
  assert.equal(ring.length, 2);
  ring.clear();
  assert.equal(ring.length, 0);
  ring.push('d');
  assert.equal(ring.shift(), 'd');
});
