import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TransportError, TransportErrorCode } from '../../../src/errors.ts';
import { concat, fromHex, toHex } from '../../../src/util/bytes.ts';
import { RangeSet } from '../../../src/util/range-set.ts';
import { Frame, MAX_ACK_RANGES, readFrame } from '../../../src/wire/frame-reader.ts';
import { FRAME } from '../../../src/wire/frame-table.ts';
import { writeAck } from '../../../src/wire/frame-writer.ts';
import { Reader } from '../../../src/wire/reader.ts';
import { encodeVarint } from '../../../src/wire/varint.ts';
import { Writer } from '../../../src/wire/writer.ts';

const MAX = 'ffffffffffffffff';
const RESET_TOKEN = '000102030405060708090a0b0c0d0e0f';

function read(hex: string): { frame: Frame; data: string; left: number } {
  const bytes = fromHex(hex);
  const reader = new Reader(bytes);
  const frame = new Frame();
  readFrame(reader, frame);
  const data = toHex(bytes.subarray(frame.dataStart, frame.dataStart + frame.length));
  return { frame, data, left: reader.remaining };
}

function refused(
  hex: string,
  frameType: number,
  code: number = TransportErrorCode.FRAME_ENCODING_ERROR,
): void {
  assert.throws(
    () => read(hex),
    (error) => error instanceof TransportError && error.code === code && error.frameType === frameType,
    hex,
  );
}

/** One valid frame of every type, without those that run to the end of the packet. */
const VALID: string[] = [
  '01',
  '02 05 00 00 05',
  '02 0a 4064 01 02 01 00',
  '03 05 00 00 05 01 02 03',
  '04 04 4100 05',
  '05 04 4100',
  '06 00 02 aabb',
  '07 02 aabb',
  '0a 04 02 aabb',
  '0b 04 02 aabb',
  '0e 04 4064 02 aabb',
  '0f 04 4064 02 aabb',
  '10 80100000',
  '11 04 80100000',
  '12 4064',
  '13 4064',
  '14 05',
  '15 04 05',
  '16 05',
  '17 05',
  `18 02 01 04 aabbccdd ${RESET_TOKEN}`,
  '19 02',
  '1a 0102030405060708',
  '1b 0102030405060708',
  '1c 0a 06 02 6f6b',
  '1d 0a 02 6f6b',
  '1e',
  '31 02 aabb',
];

test('every frame is read up to its end and not further', () => {
  for (const hex of VALID) {
    assert.equal(read(hex).left, 0, hex);
    assert.equal(read(`${hex} 01`).left, 1, hex);
    assert.equal(read(hex).frame.type, fromHex(hex)[0]);
  }
});

test('P6 a frame cut off at any byte is a FRAME_ENCODING_ERROR of its type', () => {
  for (const hex of VALID) {
    const bytes = fromHex(hex);
    for (let cut = 1; cut < bytes.length; cut++) refused(toHex(bytes.subarray(0, cut)), bytes[0]);
  }
});

test('P6 a frame type cut off is an error, not padding', () => {
  for (const hex of ['', '40', '80', '800000', 'c0', 'c0000000000000']) refused(hex, 0);
});

test('RFC 9000 §12.4 unknown frame types are a FRAME_ENCODING_ERROR', () => {
  for (const type of [0x20, 0x2f, 0x32, 0x3f]) refused(`${toHex(Uint8Array.of(type))}00000000`, type);
  for (const type of [0x40, 0x4000, 2 ** 30]) refused(`${toHex(encodeVarint(type))}00000000`, type);
  refused(`${MAX}00`, Number.MAX_SAFE_INTEGER);
});

test('T21 RFC 9000 §12.4 a frame type not in its shortest form is a PROTOCOL_VIOLATION', () => {
  for (const hex of ['4001', '80000001', 'c000000000000001', '8000007f', 'c000000000004000']) {
    const type = Number(new Reader(fromHex(hex)).varint());
    refused(hex, type, TransportErrorCode.PROTOCOL_VIOLATION);
  }
});

test('P6 each frame takes at least one byte, so that parsing always ends', () => {
  const bytes = concat([...VALID.map(fromHex), new Uint8Array(100), fromHex('01')]);
  const reader = new Reader(bytes);
  const frame = new Frame();
  let steps = 0;
  while (reader.remaining > 0) {
    const before = reader.offset;
    readFrame(reader, frame);
    assert.ok(reader.offset > before);
    steps++;
  }
  // A run of padding is one step.
  assert.equal(steps, VALID.length + 2);
});

test('RFC 9000 §19.1 a run of PADDING is one frame with its length', () => {
  const { frame, left } = read('000000000001');
  assert.equal(frame.kind, FRAME.PADDING);
  assert.equal(frame.length, 5);
  assert.equal(left, 1);
});

test('RFC 9000 §19.8 STREAM frames with every combination of flags', () => {
  const cases: [string, number, string, boolean][] = [
    ['08 04 aabb', 0, 'aabb', false],
    ['09 04 aabb', 0, 'aabb', true],
    ['0a 04 01 aabb', 0, 'aa', false],
    ['0b 04 01 aabb', 0, 'aa', true],
    ['0c 04 4064 aabb', 100, 'aabb', false],
    ['0d 04 4064 aabb', 100, 'aabb', true],
    ['0e 04 4064 01 aabb', 100, 'aa', false],
    ['0f 04 4064 00 aabb', 100, '', true],
    ['09 04', 0, '', true],
  ];
  for (const [hex, offset, expected, fin] of cases) {
    const { frame, data } = read(hex);
    assert.equal(frame.kind, FRAME.STREAM);
    assert.equal(frame.streamId, 4);
    assert.equal(frame.offset, offset);
    assert.equal(data, expected);
    assert.equal(frame.fin, fin);
  }
});

test('RFC 9000 §19.8 stream data beyond 2^62 - 1 are a FRAME_ENCODING_ERROR', () => {
  refused(`0e 04 ${MAX} 01 aa`, 0x0e);
  refused(`0c 04 ${MAX} aa`, 0x0c);
  refused(`0c 04 fffffffffffffffe aabb`, 0x0c);
  assert.equal(read(`0c 04 fffffffffffffffe aa`).frame.length, 1);
  assert.equal(read(`0e 04 ${MAX} 00`).frame.offset, Number.MAX_SAFE_INTEGER);
  assert.equal(read(`0e 04 c01fffffffffffff 01 aa`).frame.offset, Number.MAX_SAFE_INTEGER);
});

test('RFC 9000 §19.6 CRYPTO data beyond 2^62 - 1 are a FRAME_ENCODING_ERROR', () => {
  refused(`06 ${MAX} 01 aa`, 0x06);
  assert.equal(read(`06 ${MAX} 00`).frame.length, 0);
  assert.equal(read('06 4400 02 aabb').data, 'aabb');
});

test('T22 huge values are clamped or kept, never garbled', () => {
  assert.equal(read(`10 ${MAX}`).frame.limit, Number.MAX_SAFE_INTEGER);
  assert.equal(read('10 c020000000000000').frame.limit, Number.MAX_SAFE_INTEGER);
  assert.equal(read(`11 fffffffffffffffd ${MAX}`).frame.streamId % 4, 1);
  assert.strictEqual(read(`05 04 ${MAX}`).frame.errorCode, 2n ** 62n - 1n);
  assert.strictEqual(read('05 04 c01fffffffffffff').frame.errorCode, Number.MAX_SAFE_INTEGER);
  assert.strictEqual(read(`19 ${MAX}`).frame.sequence, 2n ** 62n - 1n);
  assert.equal(read(`04 00 00 ${MAX}`).frame.finalSize, Number.MAX_SAFE_INTEGER);
  assert.strictEqual(read(`1c ${MAX} ${MAX} 00`).frame.frameType, 2n ** 62n - 1n);
});

test('RFC 9000 §19.3.1 ACK ranges are read from the largest down', () => {
  const { frame } = read('02 13 07 02 09 01 02 03 00');
  assert.equal(frame.kind, FRAME.ACK);
  assert.equal(frame.ackDelay, 7);
  assert.equal(frame.largestAcked, 19);
  assert.deepEqual([...frame.ranges.subarray(0, 2 * frame.rangeCount)], [10, 19, 5, 7, 0, 0]);
  assert.deepEqual([frame.ect0, frame.ect1, frame.ce], [0, 0, 0]);
});

test('RFC 9000 §19.3.2 ACK with ECN has its counts, and they do not stay for the next ACK', () => {
  const reader = new Reader(fromHex('03 05 00 00 05 01 4040 03 02 05 00 00 05'));
  const frame = new Frame();
  readFrame(reader, frame);
  assert.equal(frame.type, FRAME.ACK_ECN);
  assert.equal(frame.kind, FRAME.ACK);
  assert.deepEqual([frame.ect0, frame.ect1, frame.ce], [1, 64, 3]);
  readFrame(reader, frame);
  assert.deepEqual([frame.ect0, frame.ect1, frame.ce], [0, 0, 0]);
});

test('RFC 9000 §19.3.1 ACK of a negative packet number is a FRAME_ENCODING_ERROR', () => {
  refused('02 05 00 00 06', 2);
  refused('02 0a 00 01 00 09 00', 2);
  refused('02 0a 00 01 00 08 01', 2);
  assert.equal(read('02 0a 00 01 00 08 00').frame.ranges[2], 0);
  // A gap and a range that are each too large for a double to count.
  refused(`02 0a 00 01 00 ${MAX} ${MAX}`, 2);
});

test('RFC 9000 §20.1 an ACK with more ranges than the packet can carry is a FRAME_ENCODING_ERROR', () => {
  refused(`02 ${MAX} 00 ${MAX} 00`, 2);
  refused('02 4064 00 bfffffff 00 00 00', 2);
});

test('an ACK keeps the newest 256 ranges and checks all', () => {
  const set = new RangeSet();
  for (let i = 0; i < 400; i++) set.add(2 * i, 2 * i + 1);
  const w = new Writer(new Uint8Array(4000));
  assert.equal(writeAck(w, set, 0, 1000), 400);
  const frame = new Frame();
  readFrame(new Reader(w.bytes, 0, w.offset), frame);
  assert.equal(frame.rangeCount, MAX_ACK_RANGES);
  assert.equal(frame.ranges[0], 798);
  assert.equal(frame.ranges[2 * MAX_ACK_RANGES - 1], 798 - 2 * (MAX_ACK_RANGES - 1));
  // The last range, which is not kept, goes below 0 now.
  w.bytes[w.offset - 1] = 1;
  assert.throws(() => readFrame(new Reader(w.bytes, 0, w.offset), frame), TransportError);
});

test('RFC 9000 §19.7 an empty NEW_TOKEN is a FRAME_ENCODING_ERROR', () => {
  refused('07 00', 7);
  assert.equal(read('07 02 aabb').data, 'aabb');
});

test('RFC 9000 §19.11, §19.14 more than 2^60 streams are a FRAME_ENCODING_ERROR', () => {
  const most = toHex(encodeVarint(2n ** 60n));
  const more = toHex(encodeVarint(2n ** 60n + 1n));
  for (const type of ['12', '13', '16', '17']) {
    assert.equal(read(`${type} ${most}`).frame.limit, Number.MAX_SAFE_INTEGER);
    refused(`${type} ${more}`, Number.parseInt(type, 16));
  }
});

test('RFC 9000 §19.15 NEW_CONNECTION_ID with an id of 0 or over 20 bytes is a FRAME_ENCODING_ERROR', () => {
  refused(`18 02 01 00 ${RESET_TOKEN}`, 0x18);
  refused(`18 02 01 15 ${'aa'.repeat(21)} ${RESET_TOKEN}`, 0x18);
  const { frame } = read(`18 02 01 14 ${'aa'.repeat(20)} ${RESET_TOKEN}`);
  assert.deepEqual([frame.sequence, frame.retirePriorTo, frame.cidStart, frame.cidLength], [2, 1, 4, 20]);
  assert.equal(frame.tokenStart, 24);
});

test('RFC 9000 §19.15 Retire Prior To above the sequence number is a FRAME_ENCODING_ERROR', () => {
  refused(`18 02 03 04 aabbccdd ${RESET_TOKEN}`, 0x18);
  refused(
    `18 ${toHex(encodeVarint(2n ** 60n))} ${toHex(encodeVarint(2n ** 60n + 1n))} 01 aa ${RESET_TOKEN}`,
    0x18,
  );
  assert.equal(read(`18 03 03 04 aabbccdd ${RESET_TOKEN}`).frame.retirePriorTo, 3);
});

test('RFC 9000 §19.19 CONNECTION_CLOSE has code, frame and reason', () => {
  const transport = read('1c 0a 06 02 6f6b');
  assert.deepEqual([transport.frame.errorCode, transport.frame.frameType, transport.data], [10, 6, '6f6b']);
  const application = read('1d 4100 00');
  assert.deepEqual(
    [application.frame.errorCode, application.frame.frameType, application.data],
    [256, 0, ''],
  );
});

test('RFC 9221 §4 DATAGRAM with and without a length', () => {
  assert.deepEqual([read('30 aabb').data, read('30 aabb').frame.kind], ['aabb', FRAME.DATAGRAM]);
  assert.deepEqual([read('31 01 aabb').data, read('31 01 aabb').frame.kind], ['aa', FRAME.DATAGRAM]);
  assert.equal(read('30').data, '');
});

test('a frame is read between the bounds of the reader, not of the bytes', () => {
  const bytes = fromHex('ffff 08 04 aabb ffff');
  const reader = new Reader(bytes, 2, 6);
  const frame = new Frame();
  readFrame(reader, frame);
  assert.deepEqual([frame.dataStart, frame.length, reader.offset], [4, 2, 6]);
});
