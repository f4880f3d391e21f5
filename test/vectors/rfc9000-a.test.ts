import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex, toHex } from '../../src/util/bytes.ts';
import { decodePacketNumber, encodePacketNumber, packetNumberLength } from '../../src/wire/packet-number.ts';
import { Reader } from '../../src/wire/reader.ts';
import { decodeVarint, encodeVarint } from '../../src/wire/varint.ts';
import { Writer } from '../../src/wire/writer.ts';

const VARINTS: [string, bigint][] = [
  ['c2197c5eff14e88c', 151288809941952652n],
  ['9d7f3e7d', 494878333n],
  ['7bbd', 15293n],
  ['25', 37n],
];

test('RFC 9000 §A.1 the sample integers decode to their values and back', () => {
  for (const [hex, value] of VARINTS) {
    assert.equal(decodeVarint(fromHex(hex))?.value, value);
    assert.equal(BigInt(new Reader(fromHex(hex)).varintExact()), value);
    assert.equal(toHex(encodeVarint(value)), hex);
    const w = new Writer(new Uint8Array(8));
    w.varint(value);
    assert.equal(toHex(w.bytes.subarray(0, w.offset)), hex);
  }
});

test('RFC 9000 §A.1 the two-byte form of 37 decodes to 37', () => {
  assert.deepEqual(decodeVarint(fromHex('4025')), { value: 37n, length: 2 });
  assert.equal(new Reader(fromHex('4025')).varint(), 37);
});

test('RFC 9000 §A.2 the sample packet numbers are sent in 2 and 3 bytes', () => {
  assert.equal(packetNumberLength(0xac5c02, 0xabe8b3), 2);
  assert.equal(encodePacketNumber(0xac5c02, 2), 0x5c02);
  assert.equal(packetNumberLength(0xace8fe, 0xabe8b3), 3);
  assert.equal(encodePacketNumber(0xace8fe, 3), 0xace8fe);
});

test('RFC 9000 §A.3 the sample packet number is made whole', () => {
  assert.equal(decodePacketNumber(0x9b32, 2, 0xa82f30ea + 1), 0xa82f9b32);
});
