import assert from 'node:assert/strict';
import test from 'node:test';
import { IdPool } from '../../../src/group.ts';

test('G25 ids are unique while they are in use', () => {
  const pool = new IdPool();
  const ids = Array.from({ length: 1000 }, () => pool.acquire());
  assert.equal(new Set(ids).size, 1000);
  assert.equal(pool.size, 1000);
});

test('G25 an id can come again only after it was released, also past the last number', () => {
  const pool = new IdPool(2 ** 31 - 3);
  const [last, before] = [pool.acquire(), pool.acquire()];
  assert.deepEqual([last, before], [2 ** 31 - 2, 2 ** 31 - 1]);
  assert.equal(pool.acquire(), 1);
  assert.equal(pool.release(1), true);
  assert.equal(pool.release(1), false);
  assert.equal(pool.acquire(), 2);
  const round = new IdPool(2 ** 31 - 2);
  assert.deepEqual([round.acquire(), round.acquire()], [2 ** 31 - 1, 1]);
});
