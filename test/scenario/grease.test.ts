import assert from 'node:assert/strict';
import test from 'node:test';
import { encodeVersionNegotiation, parseHeader } from '../../src/core.ts';
import { Reader } from '../../src/wire/reader.ts';
import { isReservedVersion } from '../../src/wire/versions.ts';
import { ApiLink, insideOf } from '../support/api-link.ts';

/** Ids of the transport parameters that a server sent, as its client's TLS gives them out. */
function sentIds(seed: number, grease?: boolean): number[] {
  const link = new ApiLink({ seed, server: grease === undefined ? {} : { grease } });
  const { engine } = insideOf(link.client).handshake;
  const next = engine.nextEvent.bind(engine);
  const ids: number[] = [];
  engine.nextEvent = () => {
    const event = next();
    if (event?.type === 'peer-transport-parameters') {
      const reader = new Reader(event.bytes);
      while (reader.remaining > 0) {
        ids.push(reader.varint());
        reader.skip(reader.varint());
      }
    }
    return event;
  };
  link.flush();
  assert.ok(link.client.isEstablished && ids.length > 8);
  return ids;
}

/** RFC 9000 §18.1. */
const isReserved = (id: number): boolean => id >= 27 && (id - 27) % 31 === 0;

for (const seed of [1, 2, 3]) {
  test(`C29 one reserved transport parameter is sent by default, none with grease: false (seed ${seed})`, () => {
    assert.equal(sentIds(seed).filter(isReserved).length, 1);
    assert.equal(sentIds(seed, true).filter(isReserved).length, 1);
    assert.equal(sentIds(seed, false).filter(isReserved).length, 0);
  });
}

test('C29 the reserved transport parameter is not always the same', () => {
  assert.notEqual(sentIds(1).find(isReserved), sentIds(2).find(isReserved));
});

test('C29 a Version Negotiation packet lists a reserved version', () => {
  const out = new Uint8Array(100);
  const length = encodeVersionNegotiation(new Uint8Array(8), new Uint8Array(8), out);
  const { versions = [] } = parseHeader(out.subarray(0, length), 8);
  assert.equal(versions.filter(isReservedVersion).length, 1);
  assert.ok(versions.includes(1));
});
