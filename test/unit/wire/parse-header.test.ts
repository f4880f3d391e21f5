import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concat, fromHex } from '../../../src/util/bytes.ts';
import { encodeVersionNegotiation, parseHeader } from '../../../src/wire/header.ts';

const DCID = fromHex('0102030405060708');
const SCID = fromHex('a1a2a3a4');
const IDS = '08010203040506070804a1a2a3a4';

test('C2 parseHeader tells the long header types of version 1, with the token of an Initial', () => {
  const rest = '4001ff';
  for (const [first, type] of [
    ['d0', 'zero-rtt'],
    ['e0', 'handshake'],
  ] as const) {
    assert.deepEqual(parseHeader(fromHex(`${first}00000001${IDS}${rest}`), 4), {
      type,
      version: 1,
      dcid: DCID,
      scid: SCID,
    });
  }
  const initial = parseHeader(fromHex(`c000000001${IDS}02dddd${rest}`), 4);
  assert.deepEqual(initial, { type: 'initial', version: 1, dcid: DCID, scid: SCID, token: fromHex('dddd') });
  const withoutToken = parseHeader(fromHex(`c000000001${IDS}00${rest}`), 4);
  assert.equal(withoutToken.token?.length, 0);
});

test('C2 parseHeader reads the type bits of version 2', () => {
  assert.equal(parseHeader(fromHex(`d06b3343cf${IDS}004001ff`), 4).type, 'initial');
});

test('C2 parseHeader gives the token of a Retry without its tag', () => {
  const retry = parseHeader(concat([fromHex(`f000000001${IDS}aabbcc`), new Uint8Array(16)]), 4);
  assert.deepEqual(retry, { type: 'retry', version: 1, dcid: DCID, scid: SCID, token: fromHex('aabbcc') });
  assert.throws(() => parseHeader(fromHex(`f000000001${IDS}aabbcc`), 4), {
    code: 'ERR_QUIC_BUFFER_TOO_SHORT',
  });
});

test('C2 parseHeader lists the versions of a Version Negotiation', () => {
  const out = new Uint8Array(64);
  const size = encodeVersionNegotiation(out, 0, DCID, SCID, [1, 0x6b3343cf]);
  assert.deepEqual(parseHeader(out.subarray(0, size), 4), {
    type: 'version-negotiation',
    version: 0,
    dcid: DCID,
    scid: SCID,
    versions: [1, 0x6b3343cf],
  });
});

test('C2 parseHeader takes as many bytes of a short header as it is told', () => {
  const packet = fromHex('40 0102030405060708 ffff');
  assert.deepEqual(parseHeader(packet, 8), {
    type: 'short',
    version: 0,
    dcid: DCID,
    scid: new Uint8Array(0),
  });
  assert.equal(parseHeader(packet, 0).dcid.length, 0);
  assert.throws(() => parseHeader(packet, 20), { code: 'ERR_QUIC_BUFFER_TOO_SHORT', number: -2 });
});

test('C2 parseHeader does not look at the fixed bit', () => {
  assert.equal(parseHeader(fromHex('00 01 02'), 2).type, 'short');
  assert.equal(parseHeader(fromHex(`8000000001${IDS}004001ff`), 4).type, 'initial');
});

test('C2 parseHeader refuses ids over 20 bytes in known versions only', () => {
  const longId = `15${'07'.repeat(21)}`;
  for (const ids of [`${longId}00`, `00${longId}`]) {
    assert.throws(() => parseHeader(fromHex(`c000000001${ids}00`), 4), {
      code: 'ERR_QUIC_INVALID_PACKET',
      number: -5,
    });
  }
  const unknown = parseHeader(fromHex(`c0babababa${longId}${longId}`), 4);
  assert.equal(unknown.type, 'initial');
  assert.equal(unknown.version, 0xbabababa);
  assert.equal(unknown.dcid.length, 21);
  assert.equal(unknown.token, undefined);
});

test('C2 parseHeader says so when the packet is cut off at any byte', () => {
  const packet = fromHex(`c000000001${IDS}02dddd`);
  for (let cut = 0; cut < packet.length; cut++) {
    assert.throws(() => parseHeader(packet.subarray(0, cut), 4), { code: 'ERR_QUIC_BUFFER_TOO_SHORT' });
  }
});

test('C2 what parseHeader returns stays when the datagram is overwritten', () => {
  const packet = fromHex(`c000000001${IDS}02dddd`);
  const header = parseHeader(packet, 4);
  packet.fill(0);
  assert.deepEqual([header.dcid, header.scid, header.token], [DCID, SCID, fromHex('dddd')]);
});

test('C2 wrong arguments of parseHeader are told at once', () => {
  // @ts-expect-error not bytes
  assert.throws(() => parseHeader('c0', 4), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
  // @ts-expect-error not a number
  assert.throws(() => parseHeader(DCID, '4'), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
  for (const length of [-1, 21, 1.5, NaN]) {
    assert.throws(() => parseHeader(DCID, length), { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' });
  }
});
