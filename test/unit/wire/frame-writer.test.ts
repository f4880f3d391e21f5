import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex, toHex } from '../../../src/util/bytes.ts';
import { RangeSet } from '../../../src/util/range-set.ts';
import { Frame, readFrame } from '../../../src/wire/frame-reader.ts';
import { FRAME } from '../../../src/wire/frame-table.ts';
import * as frames from '../../../src/wire/frame-writer.ts';
import { Reader } from '../../../src/wire/reader.ts';
import { Writer } from '../../../src/wire/writer.ts';

function written(write: (w: Writer) => void, room = 2000): string {
  const w = new Writer(new Uint8Array(room));
  write(w);
  return toHex(w.bytes.subarray(0, w.offset));
}

const T8 = fromHex('0102030405060708');
const T16 = fromHex('000102030405060708090a0b0c0d0e0f');

const LAYOUTS: [string, string, (w: Writer) => void][] = [
  ['RFC 9000 §19.2 PING', '01', (w) => frames.writePing(w)],
  ['RFC 9000 §19.4 RESET_STREAM', '04 04 4100 8000ffff', (w) => frames.writeResetStream(w, 4, 256, 65535)],
  [
    'RFC 9000 §19.5 STOP_SENDING',
    '05 04 ffffffffffffffff',
    (w) => frames.writeStopSending(w, 4, 2n ** 62n - 1n),
  ],
  ['RFC 9000 §19.6 CRYPTO', '06 4400 03 020304', (w) => frames.writeCrypto(w, 1024, T8, 1, 4)],
  ['RFC 9000 §19.7 NEW_TOKEN', '07 08 0102030405060708', (w) => frames.writeNewToken(w, T8)],
  ['RFC 9000 §19.9 MAX_DATA', '10 80100000', (w) => frames.writeMaxData(w, 1 << 20)],
  ['RFC 9000 §19.10 MAX_STREAM_DATA', '11 08 80100000', (w) => frames.writeMaxStreamData(w, 8, 1 << 20)],
  ['RFC 9000 §19.11 MAX_STREAMS, bidirectional', '12 4064', (w) => frames.writeMaxStreams(w, true, 100)],
  ['RFC 9000 §19.11 MAX_STREAMS, unidirectional', '13 03', (w) => frames.writeMaxStreams(w, false, 3)],
  ['RFC 9000 §19.12 DATA_BLOCKED', '14 05', (w) => frames.writeDataBlocked(w, 5)],
  ['RFC 9000 §19.13 STREAM_DATA_BLOCKED', '15 04 05', (w) => frames.writeStreamDataBlocked(w, 4, 5)],
  ['RFC 9000 §19.14 STREAMS_BLOCKED, bidirectional', '16 05', (w) => frames.writeStreamsBlocked(w, true, 5)],
  [
    'RFC 9000 §19.14 STREAMS_BLOCKED, unidirectional',
    '17 05',
    (w) => frames.writeStreamsBlocked(w, false, 5),
  ],
  [
    'RFC 9000 §19.15 NEW_CONNECTION_ID',
    `18 02 01 08 0102030405060708 ${toHex(T16)}`,
    (w) => frames.writeNewConnectionId(w, 2, 1, T8, T16),
  ],
  ['RFC 9000 §19.16 RETIRE_CONNECTION_ID', '19 02', (w) => frames.writeRetireConnectionId(w, 2)],
  ['RFC 9000 §19.17 PATH_CHALLENGE', '1a 0102030405060708', (w) => frames.writePathChallenge(w, T8)],
  ['RFC 9000 §19.18 PATH_RESPONSE', '1b 0102030405060708', (w) => frames.writePathResponse(w, T8)],
  [
    'RFC 9000 §19.19 CONNECTION_CLOSE of the transport',
    '1c 0a 06 02 6f6b',
    (w) =>
      frames.writeConnectionClose(w, { application: false, code: 10, frameType: 6, reason: fromHex('6f6b') }),
  ],
  [
    'RFC 9000 §19.19 CONNECTION_CLOSE of the application names no frame',
    '1d 0a 02 6f6b',
    (w) =>
      frames.writeConnectionClose(w, { application: true, code: 10n, frameType: 6, reason: fromHex('6f6b') }),
  ],
  ['RFC 9000 §19.20 HANDSHAKE_DONE', '1e', (w) => frames.writeHandshakeDone(w)],
  ['RFC 9221 §4 DATAGRAM', '31 02 6f6b', (w) => frames.writeDatagram(w, fromHex('6f6b'))],
  ['RFC 9000 §19.8 STREAM', '0a 04 02', (w) => frames.writeStreamHeader(w, 4, 0, 2, false)],
  [
    'RFC 9000 §19.8 STREAM with offset and end',
    '0f 04 4064 02',
    (w) => frames.writeStreamHeader(w, 4, 100, 2, true),
  ],
  [
    'RFC 9000 §19.8 STREAM to the end of the packet',
    '08 04',
    (w) => frames.writeStreamHeader(w, 4, 0, -1, false),
  ],
  [
    'RFC 9000 §19.8 STREAM with nothing but its end',
    '0f 04 4064 00',
    (w) => frames.writeStreamHeader(w, 4, 100, 0, true),
  ],
];

for (const [title, layout, write] of LAYOUTS) {
  test(`${title} is laid out byte by byte`, () => {
    assert.equal(written(write), layout.replaceAll(' ', ''));
  });
}

test('RFC 9000 §19.8 streamHeaderLength is what writeStreamHeader takes', () => {
  for (const id of [0, 63, 64, 2 ** 30]) {
    for (const offset of [0, 1, 64, 16384, 2 ** 31]) {
      for (const length of [-1, 0, 63, 64, 16384]) {
        const hex = written((w) => frames.writeStreamHeader(w, id, offset, length, false));
        assert.equal(frames.streamHeaderLength(id, offset, length), hex.length / 2);
      }
    }
  }
});

test('RFC 9000 §19.6 cryptoHeaderLength is what comes before the data', () => {
  for (const [offset, length] of [
    [0, 10],
    [63, 64],
    [16384, 1000],
  ]) {
    const hex = written((w) => frames.writeCrypto(w, offset, new Uint8Array(length)));
    assert.equal(frames.cryptoHeaderLength(offset, length) + length, hex.length / 2);
  }
});

function rangesOf(...pairs: [number, number][]): RangeSet {
  const set = new RangeSet();
  for (const [start, end] of pairs) set.add(start, end);
  return set;
}

test('RFC 9000 §19.3.1 ACK counts gaps and ranges less one', () => {
  // 10..19 and 5..7 and 0: the gap 8..9 is written as 1, the gap 1..4 as 3.
  const set = rangesOf([10, 20], [5, 8], [0, 1]);
  assert.equal(
    written((w) => frames.writeAck(w, set, 7, 32)),
    '02' + '13' + '07' + '02' + '09' + '01' + '02' + '03' + '00',
  );
});

test('RFC 9000 §19.3.2 ACK with ECN counts', () => {
  const hex = written((w) => frames.writeAck(w, rangesOf([0, 3]), 0, 32, { ect0: 1, ect1: 2, ce: 64 }));
  assert.equal(hex, '03' + '02' + '00' + '00' + '02' + '01' + '02' + '4040');
});

test('an ACK keeps to the number of ranges and to the room, newest first', () => {
  const set = new RangeSet();
  for (let i = 0; i < 100; i++) set.add(100 * i, 100 * i + 70);
  const frame = new Frame();
  for (const ecn of [null, { ect0: 70, ect1: 0, ce: 20000 }]) {
    for (const maxRanges of [1, 3, 64, 1000]) {
      let before = 0;
      for (let room = 0; room < 520; room++) {
        const w = new Writer(new Uint8Array(room));
        const count = frames.writeAck(w, set, 300, maxRanges, ecn);
        assert.ok(count >= before && count <= maxRanges);
        before = count;
        if (count === 0) {
          assert.equal(w.offset, 0);
          continue;
        }
        const reader = new Reader(w.bytes, 0, w.offset);
        readFrame(reader, frame);
        assert.equal(reader.remaining, 0);
        assert.equal(frame.kind, FRAME.ACK);
        assert.equal(frame.rangeCount, count);
        assert.equal(frame.largestAcked, 9969);
        for (let i = 0; i < count; i++) {
          assert.equal(frame.ranges[2 * i], 100 * (99 - i));
          assert.equal(frame.ranges[2 * i + 1], 100 * (99 - i) + 69);
        }
      }
      assert.equal(before, Math.min(maxRanges, 100));
    }
  }
  assert.equal(frames.writeAck(new Writer(new Uint8Array(100)), new RangeSet(), 0, 32), 0);
});
