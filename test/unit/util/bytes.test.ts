import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bytesKey,
  concat,
  EMPTY,
  equal,
  equalConstantTime,
  fromHex,
  toHex,
} from '../../../src/util/bytes.ts';

test('concat joins in order and accepts empty parts', () => {
  assert.deepEqual(concat([Uint8Array.of(1), EMPTY, Uint8Array.of(2, 3)]), Uint8Array.of(1, 2, 3));
  assert.equal(concat([]).length, 0);
});

for (const [name, same] of [
  ['equal', equal],
  ['equalConstantTime', equalConstantTime],
] as const) {
  test(`${name} compares content and length`, () => {
    assert.equal(same(Uint8Array.of(1, 2), Uint8Array.of(1, 2)), true);
    assert.equal(same(Uint8Array.of(1, 2), Uint8Array.of(1, 3)), false);
    assert.equal(same(Uint8Array.of(0, 2), Uint8Array.of(1, 2)), false);
    assert.equal(same(Uint8Array.of(1, 2), Uint8Array.of(1, 2, 0)), false);
    assert.equal(same(EMPTY, new Uint8Array(0)), true);
  });
}

test('hex goes both ways and refuses what is no hex', () => {
  assert.equal(toHex(Uint8Array.of(0, 0x0f, 0xff)), '000fff');
  assert.deepEqual(fromHex('00 0F\nff'), Uint8Array.of(0, 0x0f, 0xff));
  assert.throws(() => fromHex('abc'), RangeError);
  assert.throws(() => fromHex('zz'), RangeError);
});

test('bytesKey tells different content apart and takes a part of the bytes', () => {
  assert.equal(bytesKey(Uint8Array.of(0x41, 0xff)), 'A\u00ff');
  assert.equal(bytesKey(Uint8Array.of(1, 2, 3, 4), 1, 3), bytesKey(Uint8Array.of(2, 3)));
  assert.notEqual(bytesKey(Uint8Array.of(0)), bytesKey(EMPTY));
});
