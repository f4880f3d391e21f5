import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex, toHex } from '../../../src/util/bytes.ts';
import { encodeVarint, MAX_VARINT } from '../../../src/wire/varint.ts';
import { Writer } from '../../../src/wire/writer.ts';

function written(write: (w: Writer) => void): string {
  const w = new Writer(new Uint8Array(64));
  write(w);
  return toHex(w.bytes.subarray(0, w.offset));
}

test('fixed integers are big-endian', () => {
  const hex = written((w) => {
    w.u8(0xff);
    w.u16(0xfffe);
    w.u24(0xfffffd);
    w.u32(0xfffffffc);
  });
  assert.equal(hex, 'fffffefffffdfffffffc');
});

test('RFC 9000 §16 varints take their shortest form, as numbers and as bigints', () => {
  const values = [
    0,
    63,
    64,
    16383,
    16384,
    2 ** 30 - 1,
    2 ** 30,
    2 ** 32,
    2 ** 40 + 5,
    Number.MAX_SAFE_INTEGER,
  ];
  for (const value of values) {
    const expected = toHex(encodeVarint(value));
    assert.equal(
      written((w) => w.varint(value)),
      expected,
    );
    assert.equal(
      written((w) => w.varint(BigInt(value))),
      expected,
    );
  }
  assert.equal(
    written((w) => w.varint(MAX_VARINT)),
    'ffffffffffffffff',
  );
  for (const value of [-1, -1n, MAX_VARINT + 1n, NaN, 2 ** 53]) {
    assert.throws(() => written((w) => w.varint(value)), RangeError);
  }
});

test('fixed-size varints can be patched', () => {
  const hex = written((w) => {
    const at = w.offset;
    w.varint2(0);
    w.varint4(5);
    w.patchVarint2(at, 16383);
  });
  assert.equal(hex, '7fff80000005');
  assert.throws(() => written((w) => w.varint2(16384)), RangeError);
  assert.throws(() => written((w) => w.varint4(2 ** 30)), RangeError);
  assert.throws(() => written((w) => w.patchVarint2(0, -1)), RangeError);
});

test('copy takes whole sources and parts, short and long', () => {
  const source = Uint8Array.from({ length: 40 }, (_, i) => i);
  assert.equal(
    written((w) => w.copy(source)),
    toHex(source),
  );
  assert.equal(
    written((w) => w.copy(source, 3, 7)),
    '03040506',
  );
  assert.equal(
    written((w) => w.copy(source, 1, 33)),
    toHex(source.subarray(1, 33)),
  );
  assert.equal(
    written((w) => w.copy(source, 5, 5)),
    '',
  );
  assert.equal(
    written((w) => w.fill(7, 3)),
    '070707',
  );
});

test('vectors get their length when they are closed', () => {
  const hex = written((w) => {
    const outer = w.openVector(3);
    const inner = w.openVector(2);
    w.u8(1);
    w.closeVector(inner, 2);
    w.closeVector(w.openVector(1), 1);
    w.closeVector(outer, 3);
  });
  assert.equal(hex, '000004' + '000101' + '00');
  const w = new Writer(new Uint8Array(300));
  const mark = w.openVector(1);
  w.fill(0, 256);
  assert.throws(() => w.closeVector(mark, 1), RangeError);
});

test('nothing is written past the end', () => {
  const bytes = new Uint8Array(16);
  const w = new Writer(bytes, 4, 6);
  assert.throws(() => w.u24(0xffffff), RangeError);
  assert.throws(() => w.u32(0xffffffff), RangeError);
  assert.throws(() => w.varint(2 ** 40), RangeError);
  assert.throws(() => w.copy(fromHex('010203')), RangeError);
  assert.throws(() => w.fill(1, 3), RangeError);
  w.u16(0x0102);
  assert.throws(() => w.u8(1), RangeError);
  assert.equal(w.remaining, 0);
  assert.equal(toHex(bytes), `000000000102${'00'.repeat(10)}`);
});
