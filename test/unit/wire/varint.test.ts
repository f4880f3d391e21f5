import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeVarint, encodeVarint, MAX_VARINT, varintLength } from '../../../src/wire/varint.ts';

const BOUNDARIES: [number | bigint, number][] = [
  [0, 1],
  [63, 1],
  [64, 2],
  [16383, 2],
  [16384, 4],
  [2 ** 30 - 1, 4],
  [2 ** 30, 8],
  [Number.MAX_SAFE_INTEGER, 8],
  [2n ** 53n, 8],
  [MAX_VARINT, 8],
  [63n, 1],
];

test('RFC 9000 §16 a value takes the bytes that its size needs, and comes back', () => {
  for (const [value, length] of BOUNDARIES) {
    assert.equal(varintLength(value), length, String(value));
    const bytes = encodeVarint(value);
    assert.equal(bytes.length, length);
    assert.deepEqual(decodeVarint(bytes), { value: BigInt(value), length });
  }
});

test('RFC 9000 §16 what does not fit is refused, not cut', () => {
  for (const value of [-1, -1n, MAX_VARINT + 1n, 2 ** 53, 2 ** 62, NaN, Infinity]) {
    assert.throws(() => varintLength(value), RangeError, String(value));
    assert.throws(() => encodeVarint(value), RangeError, String(value));
  }
});

test('RFC 9000 §16 a value cut off is null at every length', () => {
  for (const [value, length] of BOUNDARIES) {
    for (let cut = 0; cut < length; cut++)
      assert.equal(decodeVarint(encodeVarint(value).subarray(0, cut)), null);
  }
});
