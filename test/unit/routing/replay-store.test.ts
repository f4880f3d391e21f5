import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryReplayStore } from '../../../src/routing/replay-store.ts';

const id = (value: number): Uint8Array => Uint8Array.of(value, 0, 255);

test('C26 T18 an id is let in once for as long as it is kept', () => {
  let now = 0;
  const store = new MemoryReplayStore({ now: () => now });
  assert.ok(store.add(id(1), 1000));
  assert.ok(!store.add(id(1), 1000));
  assert.ok(store.add(id(2), 1000));
  now = 999;
  assert.ok(!store.add(id(1), 1000));
  now = 1000;
  assert.ok(store.add(id(1), 1000));
  assert.equal(store.size, 1);
});

test('a full store lets nothing in and forgets nothing', () => {
  let now = 0;
  const store = new MemoryReplayStore({ now: () => now, maxIds: 3 });
  for (let i = 0; i < 3; i++) assert.ok(store.add(id(i), 1000));
  assert.ok(!store.add(id(3), 1000));
  assert.ok(!store.add(id(0), 1000));
  assert.equal(store.size, 3);
  now = 1000;
  assert.ok(store.add(id(3), 1000));
});

test('RFC 8446 §8.2 a store that warms up lets nothing in that may be a copy from before its time', () => {
  let now = 500;
  const store = new MemoryReplayStore({ now: () => now, warmsUp: true });
  assert.ok(!store.add(id(1), 1000));
  now = 1499;
  assert.ok(!store.add(id(2), 1000));
  now = 1500;
  assert.ok(!store.add(id(2), 1000), 'it was seen while the store was warming up');
  assert.ok(store.add(id(3), 1000));
});
