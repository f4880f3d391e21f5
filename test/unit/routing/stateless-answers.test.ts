import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeVersionNegotiation } from '../../../src/routing/stateless-answers.ts';
import { parseHeader } from '../../../src/wire/header.ts';
import { isReservedVersion } from '../../../src/wire/versions.ts';
import { CLIENT, DCID, makeRouter, route, SCID, shortPacket } from './support.ts';

test('L75 RFC 9000 §6.2 the reserved version is never the one that the client tried', () => {
  const random = { fill: () => {}, float: () => 0, integer: () => 0x1020_3040 };
  const out = new Uint8Array(100);
  for (const tried of [0x1a2a_3a4a, 0x2a2a_3a4a]) {
    const size = writeVersionNegotiation(
      out,
      { version: tried, destinationId: DCID, sourceId: SCID },
      [1],
      random,
    );
    const { versions } = parseHeader(out.slice(0, size), 8);
    assert.equal(versions?.length, 2);
    assert.ok(!versions?.includes(tried));
    assert.equal(versions?.filter(isReservedVersion).length, 1);
  }
});

test('L76 a packet too small for a reset costs none of the limit', () => {
  const router = makeRouter({ answerLimits: { 'stateless-reset': { perSecond: 0, burst: 1 } } });
  assert.equal(route(router, shortPacket(DCID, 21), CLIENT).reason, 'too-small');
  assert.equal(route(router, shortPacket(DCID, 22), CLIENT).kind, 'reply');
});
