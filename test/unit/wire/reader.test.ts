import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex } from '../../../src/util/bytes.ts';
import { Reader, Truncated } from '../../../src/wire/reader.ts';
import { encodeVarint, MAX_VARINT } from '../../../src/wire/varint.ts';

const MAX = Number.MAX_SAFE_INTEGER;

test('fixed integers are big-endian and unsigned', () => {
  const reader = new Reader(fromHex('ff fffe fffffd fffffffc'));
  assert.equal(reader.u8(), 0xff);
  assert.equal(reader.u16(), 0xfffe);
  assert.equal(reader.u24(), 0xfffffd);
  assert.equal(reader.u32(), 0xfffffffc);
  assert.equal(reader.remaining, 0);
});

test('T22 every variable-length reading is right at 2^53 - 1, 2^53 and 2^62 - 1', () => {
  const cases: [bigint, number, number, number | bigint][] = [
    [BigInt(MAX), MAX, MAX, MAX],
    [2n ** 53n, MAX, MAX - 3, 2n ** 53n],
    [2n ** 53n + 2n, MAX, MAX - 1, 2n ** 53n + 2n],
    [BigInt(MAX) - 1n, MAX - 1, MAX - 1, MAX - 1],
    [MAX_VARINT, MAX, MAX, MAX_VARINT],
    [MAX_VARINT - 1n, MAX, MAX - 1, MAX_VARINT - 1n],
  ];
  for (const [value, clamped, streamId, exact] of cases) {
    const bytes = encodeVarint(value);
    assert.equal(new Reader(bytes).varint(), clamped);
    assert.equal(new Reader(bytes).varintStreamId(), streamId);
    assert.equal(BigInt(streamId) & 3n, value & 3n);
    assert.strictEqual(new Reader(bytes).varintExact(), exact);
  }
});

test('T21 long forms of small values are read', () => {
  for (const hex of ['05', '4005', '80000005', 'c000000000000005']) {
    assert.equal(new Reader(fromHex(hex)).varint(), 5);
    assert.strictEqual(new Reader(fromHex(hex)).varintExact(), 5);
  }
});

test('P6 whatever is cut off throws Truncated and leaves the cursor where it was', () => {
  const short: [string, (reader: Reader) => unknown][] = [
    ['', (reader) => reader.u8()],
    ['01', (reader) => reader.u16()],
    ['0102', (reader) => reader.u24()],
    ['010203', (reader) => reader.u32()],
    ['', (reader) => reader.varint()],
    ['40', (reader) => reader.varint()],
    ['800000', (reader) => reader.varint()],
    ['c0000000000000', (reader) => reader.varint()],
    ['c0000000000000', (reader) => reader.varintStreamId()],
    ['c0000000000000', (reader) => reader.varintExact()],
    ['0102', (reader) => reader.take(3)],
    ['0102', (reader) => reader.skip(Number.MAX_SAFE_INTEGER)],
    ['0102', (reader) => reader.skip(-1)],
    ['0102', (reader) => reader.skip(NaN)],
    ['0201', (reader) => reader.vector8()],
    ['000201', (reader) => reader.vector16()],
    ['00000201', (reader) => reader.vector24()],
  ];
  for (const [hex, read] of short) {
    const reader = new Reader(fromHex(hex));
    assert.throws(() => read(reader), Truncated);
    assert.equal(reader.offset, 0, hex);
  }
});

test('the end is a bound even where the bytes go on', () => {
  const reader = new Reader(fromHex('0102c0000000000000000304'), 2, 6);
  assert.throws(() => reader.varint(), Truncated);
  assert.throws(() => reader.take(5), Truncated);
  assert.equal(reader.take(4).length, 4);
  assert.throws(() => reader.u8(), Truncated);
});

test('vectors and take are views of the input', () => {
  const bytes = fromHex('02aabb 0001cc 000001dd');
  const reader = new Reader(bytes);
  const first = reader.vector8();
  assert.deepEqual(first, fromHex('aabb'));
  assert.equal(first.buffer, bytes.buffer);
  assert.deepEqual(reader.vector16(), fromHex('cc'));
  assert.deepEqual(reader.vector24(), fromHex('dd'));
  assert.equal(reader.reset(bytes, 1, 3).u16(), 0xaabb);
});
