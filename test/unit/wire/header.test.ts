import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concat, EMPTY, fromHex, toHex } from '../../../src/util/bytes.ts';
import {
  encodeVersionNegotiation,
  PacketHeader,
  PacketType,
  readHeader,
  writeLongHeader,
  writeRetryWithoutTag,
  writeShortHeader,
} from '../../../src/wire/header.ts';
import { VERSION_1, VERSION_2, type VersionInfo } from '../../../src/wire/versions.ts';
import { Writer } from '../../../src/wire/writer.ts';

const DCID = fromHex('0102030405060708');
const SCID = fromHex('a1a2a3a4');
const TOKEN = fromHex('dddddd');

/** A long header packet with a payload of `payload` bytes after a packet number of 2. */
function longPacket(
  version: VersionInfo,
  type: PacketType,
  payload: number,
  token: Uint8Array | null = null,
): Uint8Array {
  const w = new Writer(new Uint8Array(200));
  const lengthOffset = writeLongHeader(w, version, type, DCID, SCID, token, 0x1234, 2);
  w.fill(0x55, payload);
  w.patchVarint2(lengthOffset, w.offset - lengthOffset - 2);
  return w.bytes.slice(0, w.offset);
}

for (const version of [VERSION_1, VERSION_2]) {
  for (const [name, type] of [
    ['Initial', PacketType.INITIAL],
    ['0-RTT', PacketType.ZERO_RTT],
    ['Handshake', PacketType.HANDSHAKE],
  ] as const) {
    test(`RFC 9000 §17.2 a ${name} header of ${version.name} is read as it was written`, () => {
      const token = type === PacketType.INITIAL ? TOKEN : null;
      const packet = longPacket(version, type, 30, token);
      // Something in front and a second packet behind: offsets are those of the datagram.
      const datagram = concat([fromHex('ffff'), packet, packet]);
      const header = new PacketHeader();
      assert.equal(readHeader(datagram, 2, datagram.length, 20, header), true);
      assert.equal(header.type, type);
      assert.equal(header.version, version.version);
      assert.equal(header.firstByte, packet[0]);
      const part = (start: number, length: number) => toHex(datagram.subarray(start, start + length));
      assert.equal(part(header.dcidStart, header.dcidLength), toHex(DCID));
      assert.equal(part(header.scidStart, header.scidLength), toHex(SCID));
      assert.equal(part(header.tokenStart, header.tokenLength), token === null ? '' : toHex(TOKEN));
      assert.equal(part(header.packetNumberOffset, 2), '1234');
      assert.equal(header.end, 2 + packet.length);
      assert.equal(readHeader(datagram, header.end, datagram.length, 20, header), true);
      assert.equal(header.end, datagram.length);
    });
  }
}

test('RFC 9000 §17.2.2 an Initial is laid out byte by byte', () => {
  const packet = longPacket(VERSION_1, PacketType.INITIAL, 4, TOKEN);
  assert.equal(
    toHex(packet),
    'c1' + '00000001' + '080102030405060708' + '04a1a2a3a4' + '03dddddd' + '4006' + '1234' + '55555555',
  );
  assert.equal(toHex(longPacket(VERSION_2, PacketType.HANDSHAKE, 4)).slice(0, 10), 'f16b3343cf');
});

test('RFC 9000 §17.3.1 a short header has spin bit, key phase and packet number length', () => {
  const w = new Writer(new Uint8Array(32));
  writeShortHeader(w, DCID, 1, 1, 0xabcdef, 3);
  assert.equal(toHex(w.bytes.subarray(0, w.offset)), '66' + '0102030405060708' + 'abcdef');
  w.reset(w.bytes, 0, 32);
  writeShortHeader(w, EMPTY, 0, 0, 2 ** 40 + 5, 4);
  assert.equal(toHex(w.bytes.subarray(0, w.offset)), '43' + '00000005');
  const header = new PacketHeader();
  assert.equal(readHeader(fromHex('40 0102030405060708 99'), 0, 10, 8, header), true);
  assert.equal(header.type, PacketType.ONE_RTT);
  assert.equal(header.dcidStart, 1);
  assert.equal(header.dcidLength, 8);
  assert.equal(header.packetNumberOffset, 9);
  assert.equal(header.end, 10);
  assert.equal(header.version, 0);
  assert.equal(readHeader(fromHex('40 0102030405060708 99'), 0, 8, 8, header), false);
});

test('RFC 9000 §17.2 a version 1 header with an id over 20 bytes is dropped', () => {
  const header = new PacketHeader();
  for (const ids of [`15${'00'.repeat(21)}00`, `0015${'00'.repeat(21)}`]) {
    const packet = fromHex(`c000000001${ids}00${'4010'}${'00'.repeat(16)}`);
    assert.equal(readHeader(packet, 0, packet.length, 8, header), false);
  }
});

test('RFC 8999 §5.1 of an unknown version the ids are read, up to 255 bytes', () => {
  const packet = concat([
    fromHex('ff babababa'),
    fromHex('ff'),
    new Uint8Array(255).fill(1),
    fromHex('ff'),
    new Uint8Array(255).fill(2),
  ]);
  const header = new PacketHeader();
  assert.equal(readHeader(packet, 0, packet.length, 8, header), true);
  assert.equal(header.type, -1);
  assert.equal(header.version, 0xbabababa);
  assert.deepEqual([header.dcidStart, header.dcidLength], [6, 255]);
  assert.deepEqual([header.scidStart, header.scidLength], [262, 255]);
  assert.equal(header.end, packet.length);
});

test('P6 a header cut off at any byte is refused, and never read past its end', () => {
  const header = new PacketHeader();
  for (const type of [PacketType.INITIAL, PacketType.ZERO_RTT, PacketType.HANDSHAKE]) {
    const packet = longPacket(VERSION_1, type, 20, TOKEN);
    for (let cut = 0; cut < packet.length; cut++) {
      assert.equal(readHeader(packet, 0, cut, 8, header), false, `${type} cut at ${cut}`);
      assert.equal(readHeader(packet.slice(0, cut), 0, cut, 8, header), false);
    }
  }
});

test('RFC 9000 §17.2 a Length or Token Length past the datagram is refused', () => {
  const header = new PacketHeader();
  const initial = (rest: string) => fromHex(`c0000000010000${rest}`);
  for (const rest of ['004001', '00ffffffffffffffff', '01', 'ffffffffffffffff00', '0003aabb']) {
    const packet = initial(rest);
    assert.equal(readHeader(packet, 0, packet.length, 0, header), false, rest);
  }
  const whole = initial('0002aabb');
  assert.equal(readHeader(whole, 0, whole.length, 0, header), true);
});

test('C3 RFC 9000 §17.2.1 Version Negotiation is encoded byte by byte and read back', () => {
  const out = new Uint8Array(64);
  const size = encodeVersionNegotiation(out, 0xff, SCID, DCID, [1, 0x6b3343cf, 0x1a2a3a4a]);
  const expected =
    'ff' + '00000000' + '04a1a2a3a4' + '080102030405060708' + '00000001' + '6b3343cf' + '1a2a3a4a';
  assert.equal(toHex(out.subarray(0, size)), expected);
  // The fixed bit is set whatever the random bits are.
  assert.equal(encodeVersionNegotiation(out, 0, SCID, DCID, [1, 0x6b3343cf, 0x1a2a3a4a]), size);
  assert.equal(out[0], 0xc0);
  const header = new PacketHeader();
  assert.equal(readHeader(out, 0, size, 8, header), true);
  assert.equal(header.type, PacketType.VERSION_NEGOTIATION);
  assert.equal(header.version, 0);
  assert.deepEqual([header.dcidLength, header.scidLength, header.tokenLength], [4, 8, 12]);
  assert.throws(() => encodeVersionNegotiation(new Uint8Array(10), 0, SCID, DCID, [1]), RangeError);
});

test('RFC 8999 §6 Version Negotiation without a whole list of versions is refused', () => {
  const out = new Uint8Array(64);
  const size = encodeVersionNegotiation(out, 0, SCID, DCID, [1]);
  const header = new PacketHeader();
  for (let cut = 0; cut < size; cut++) assert.equal(readHeader(out, 0, cut, 8, header), false);
  assert.equal(readHeader(out, 0, size + 1, 8, header), false);
});

test('C3 RFC 9000 §17.2.5 Retry is encoded up to its tag and read back', () => {
  for (const [version, first] of [
    [VERSION_1, 'f5'],
    [VERSION_2, 'c5'],
  ] as const) {
    const w = new Writer(new Uint8Array(64));
    writeRetryWithoutTag(w, version, DCID, SCID, TOKEN, 0xf5);
    const hex = toHex(w.bytes.subarray(0, w.offset));
    const number = version.version.toString(16).padStart(8, '0');
    assert.equal(hex, `${first}${number}0801020304050607${'08'}04a1a2a3a4dddddd`);
    const header = new PacketHeader();
    assert.equal(readHeader(w.bytes, 0, w.offset, 8, header), false, 'no room for a tag');
    w.fill(0, 16);
    assert.equal(readHeader(w.bytes, 0, w.offset, 8, header), true);
    assert.equal(header.type, PacketType.RETRY);
    assert.deepEqual([header.tokenLength, header.end], [3, w.offset]);
  }
});
