import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DerivedKeys, KeyRing, MAX_RING_KEYS, parseKeyRing } from '../../../src/crypto/key-ring.ts';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';

const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);

test('L88 a ring keeps copies, the current key first, and gives another array after every change', () => {
  const mine = key(1);
  const ring = new KeyRing([mine, key(2)]);
  mine.fill(9);
  assert.deepEqual(ring.keys, [key(1), key(2)]);
  const before = ring.keys;
  ring.rotate(key(3));
  assert.deepEqual(ring.keys, [key(3), key(1), key(2)]);
  ring.rotate(key(2));
  assert.deepEqual(ring.keys, [key(2), key(3), key(1)]);
  ring.replace([key(4)]);
  assert.deepEqual(ring.keys, [key(4)]);
  assert.deepEqual(before, [key(1), key(2)]);
});

test('L88 the oldest key falls out of a full ring, and one that is too long is refused', () => {
  const ring = new KeyRing(key(0));
  for (let i = 1; i <= MAX_RING_KEYS; i++) ring.rotate(key(i));
  assert.equal(ring.keys.length, MAX_RING_KEYS);
  assert.deepEqual(ring.keys.at(-1), key(1));
  const many = Array.from({ length: MAX_RING_KEYS + 1 }, (_, i) => key(i));
  assert.throws(() => new KeyRing(many), /"keys: keys".*<= 16/);
});

test('L88 what is no key is refused by name and changes nothing', () => {
  const ring = new KeyRing(key(1));
  for (const wrong of [undefined, null, 'secret', [], [key(1), 'x'], {}]) {
    assert.throws(() => ring.replace(wrong as never), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => parseKeyRing('ticketKeys', wrong as never), /"ticketKeys"/);
  }
  for (const length of [0, 16, 31, 33]) {
    assert.throws(() => ring.rotate(new Uint8Array(length)), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => ring.replace([key(2), new Uint8Array(length)]), /"keys.length".*It must be 32/);
  }
  assert.deepEqual(ring.keys, [key(1)]);
  assert.equal(parseKeyRing('keys', ring), ring);
});

test('L88 derived keys differ by purpose and by key, are the same everywhere, and follow the ring', () => {
  const ring = new KeyRing(key(1));
  const tickets = new DerivedKeys(nodeProvider, ring, 'session tickets');
  const resets = new DerivedKeys(nodeProvider, ring, 'stateless resets');
  const elsewhere = new DerivedKeys(nodeProvider, new KeyRing([key(2), key(1)]), 'session tickets');
  assert.deepEqual(tickets.keys[0], elsewhere.keys[1]);
  assert.notDeepEqual(tickets.keys[0], resets.keys[0]);
  assert.equal(tickets.keys, tickets.keys);
  assert.equal(tickets.keys[0].length, 32);
  ring.rotate(key(2));
  assert.deepEqual(tickets.keys, elsewhere.keys);
});
