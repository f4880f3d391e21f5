import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodePacketNumber,
  encodePacketNumber,
  packetNumberLength,
} from '../../../src/wire/packet-number.ts';

test('RFC 9000 §17.1 the length covers more than twice what is unacknowledged', () => {
  assert.equal(packetNumberLength(0, -1), 1);
  assert.equal(packetNumberLength(127, -1), 1);
  assert.equal(packetNumberLength(128, -1), 2);
  assert.equal(packetNumberLength(1000 + 0x80, 1000), 1);
  assert.equal(packetNumberLength(1000 + 0x81, 1000), 2);
  assert.equal(packetNumberLength(1000 + 0x8000, 1000), 2);
  assert.equal(packetNumberLength(1000 + 0x8001, 1000), 3);
  assert.equal(packetNumberLength(1000 + 0x80_0000, 1000), 3);
  assert.equal(packetNumberLength(1000 + 0x80_0001, 1000), 4);
});

test('RFC 9000 §17.1 a number sent in the fewest bytes is read back whatever was received between', () => {
  for (const largestAcked of [-1, 0, 100, 255, 65535, 2 ** 24 - 3, 2 ** 32 - 1, 2 ** 40 + 7]) {
    for (const ahead of [1, 2, 64, 127, 128, 129, 1000, 32767, 32768, 32769, 100_000, 2 ** 23, 2 ** 23 + 1]) {
      const packetNumber = largestAcked + ahead;
      const length = packetNumberLength(packetNumber, largestAcked);
      const truncated = encodePacketNumber(packetNumber, length);
      // The receiver's largest lies anywhere from the acknowledged one to just below this packet.
      for (const largest of [largestAcked, largestAcked + Math.floor(ahead / 2), packetNumber - 1]) {
        assert.equal(decodePacketNumber(truncated, length, largest + 1), packetNumber);
      }
    }
  }
});

test('RFC 9000 §17.1 late packets are read back as well', () => {
  assert.equal(decodePacketNumber(encodePacketNumber(250, 1), 1, 300), 250);
  assert.equal(decodePacketNumber(0xff, 1, 0), 0xff);
  assert.equal(decodePacketNumber(encodePacketNumber(65530, 2), 2, 65600), 65530);
});

test('RFC 9000 §A.3 at exactly half a window the choice is that of the sample algorithm', () => {
  assert.equal(decodePacketNumber(0x00, 1, 0x180), 0x200);
  assert.equal(decodePacketNumber(0x01, 1, 0x180), 0x101);
  assert.equal(decodePacketNumber(0x80, 1, 0x100), 0x180);
  assert.equal(decodePacketNumber(0x81, 1, 0x100), 0x81);
});
