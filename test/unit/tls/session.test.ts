/** Sessions as bytes: what goes in comes out, and nothing else is taken for one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeSession, encodeSession, type TlsSession } from '../../../src/tls/session.ts';

const INVALID = { code: 'ERR_QUIC_INVALID_SESSION' };

const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });
const text = (maxLength: number) =>
  fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength });
const sessions: fc.Arbitrary<TlsSession> = fc.record({
  ticket: bytes(1, 600),
  secret: bytes(32, 32),
  cipherSuite: fc.constantFrom(0x1301, 0x1303),
  alpn: fc.option(text(255)),
  serverName: fc.option(text(255)),
  lifetime: fc.integer({ min: 0, max: 604_800 }),
  ageAdd: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  earlyData: fc.boolean(),
  receivedAt: fc.integer({ min: 0, max: 2 ** 50 }),
  transportParameters: bytes(0, 100),
  certificates: fc.array(bytes(1, 50), { maxLength: 4 }),
});

test('C25 every session comes back from its bytes as it was', () => {
  fc.assert(
    fc.property(sessions, (session) => {
      const encoded = encodeSession(session);
      const decoded = decodeSession(encoded);
      assert.deepEqual({ ...decoded }, { ...session });
      // What was read does not hang on the memory it was read from.
      encoded.fill(0);
      assert.deepEqual({ ...decoded }, { ...session });
    }),
    { numRuns: 200 },
  );
});

test('C25 a session whose bytes were changed, cut or prolonged anywhere is refused with its own error', () => {
  const encoded = encodeSession(sample());
  for (let at = 0; at < encoded.length; at++) {
    for (const change of [0x01, 0x80, 0xff]) {
      const damaged = encoded.slice();
      damaged[at] ^= change;
      assert.throws(() => decodeSession(damaged), INVALID, `byte ${at}`);
    }
    assert.throws(() => decodeSession(encoded.subarray(0, at)), INVALID, `cut at ${at}`);
  }
  assert.throws(() => decodeSession(Uint8Array.of(...encoded, 0)), INVALID);
});

test('C25 bytes that are no session are refused with its own error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (random) => {
      assert.throws(() => decodeSession(random), INVALID);
    }),
    { numRuns: 500 },
  );
});

test('C25 a session with a right checksum and wrong contents is refused all the same', () => {
  for (const wrong of [
    { cipherSuite: 0x1305 },
    { cipherSuite: 0x1302 },
    { secret: new Uint8Array(31) },
    { ticket: new Uint8Array(0) },
    { lifetime: 604_801 },
  ]) {
    const encoded = encodeSession({ ...sample(), ...wrong });
    assert.throws(() => decodeSession(encoded), INVALID, JSON.stringify(wrong));
  }
});

function sample(): TlsSession {
  return {
    ticket: Uint8Array.from({ length: 40 }, (_, i) => i),
    secret: new Uint8Array(32).fill(3),
    cipherSuite: 0x1301,
    alpn: 'echo',
    serverName: 'localhost',
    lifetime: 7200,
    ageAdd: 0xfedcba98,
    earlyData: true,
    receivedAt: 1_700_000_000_000,
    transportParameters: Uint8Array.of(1, 2, 3),
    certificates: [new Uint8Array(20).fill(4)],
  };
}
