// What every provider's packet protection has to do, whichever implements it; held against node:crypto by other means.

import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { AeadName, CryptoProvider } from '../../src/crypto/provider.ts';
import { fromHex, toHex } from '../../src/util/bytes.ts';

export const AEADS: readonly AeadName[] = ['aes-128-gcm', 'aes-256-gcm', 'chacha20-poly1305'];

/** Declares the tests of one provider. */
export function packetProtectionCases(provider: CryptoProvider): void {
  for (const aead of AEADS) {
    describe(`packet protection by ${provider.name} with ${aead}`, () => {
      test('RFC 9001 §5.3 the nonce is the iv XOR the packet number, up to the largest one', () => {
        fc.assert(
          fc.property(packets, fc.maxSafeNat(), (shape, packetNumber) => {
            const keys = keysFor(aead, shape.seed);
            const { buf, end } = sealed(provider, aead, shape, packetNumber);
            // An independent way: whole 64-bit arithmetic, and the header mask removed by hand.
            const nonce = nonceByBigInt(keys.iv, packetNumber);
            unmaskByHand(aead, keys.hp, buf, shape.start, shape.pnOffset);
            const decipher = createDecipheriv(aead as 'aes-128-gcm', keys.key, nonce, { authTagLength: 16 });
            decipher.setAAD(buf.subarray(shape.start, shape.payloadStart));
            decipher.setAuthTag(buf.subarray(end - 16, end));
            const plaintext = decipher.update(buf.subarray(shape.payloadStart, end - 16));
            decipher.final();
            assert.equal(toHex(plaintext), toHex(shape.payload));
            assert.equal(toHex(buf.subarray(shape.start, shape.payloadStart)), toHex(shape.header));
          }),
          { numRuns: 60 },
        );
      });

      test('RFC 9001 §5.4 what is sealed opens again and nothing around the packet is touched', () => {
        fc.assert(
          fc.property(packets, fc.maxSafeNat(), (shape, packetNumber) => {
            const { key, iv, hp } = keysFor(aead, shape.seed);
            const { buf, end } = sealed(provider, aead, shape, packetNumber);
            const opener = provider.opener(aead, key, iv, hp);
            opener.unmask(buf, shape.start, shape.pnOffset);
            assert.ok(opener.open(buf, shape.start, shape.payloadStart, end, packetNumber));
            assert.equal(toHex(buf.subarray(shape.payloadStart, end - 16)), toHex(shape.payload));
            assert.equal(toHex(buf.subarray(shape.start, shape.payloadStart)), toHex(shape.header));
            assert.ok(buf.subarray(0, shape.start).every((byte) => byte === 0xee));
            assert.ok(buf.subarray(end).every((byte) => byte === 0xee));
          }),
          { numRuns: 60 },
        );
      });

      test('RFC 9001 §5.5 a changed bit, packet number or key makes open answer false and leave the bytes', () => {
        fc.assert(
          fc.property(packets, fc.nat(), fc.nat(7), (shape, position, bit) => {
            const { key, iv, hp } = keysFor(aead, shape.seed);
            const { buf, end } = sealed(provider, aead, shape, 77);
            const opener = provider.opener(aead, key, iv, hp);
            opener.unmask(buf, shape.start, shape.pnOffset);
            assert.equal(opener.open(buf, shape.start, shape.payloadStart, end, 78), false);
            const other = provider.opener(aead, keysFor(aead, shape.seed + 1).key, iv, hp);
            assert.equal(other.open(buf, shape.start, shape.payloadStart, end, 77), false);
            const at = shape.start + (position % (end - shape.start));
            buf[at] ^= 1 << bit;
            const before = toHex(buf);
            assert.equal(opener.open(buf, shape.start, shape.payloadStart, end, 77), false);
            assert.equal(toHex(buf), before);
            buf[at] ^= 1 << bit;
            assert.equal(opener.open(buf, shape.start, shape.payloadStart, end, 77), true);
          }),
          { numRuns: 40 },
        );
      });

      test('RFC 9001 §5.5 no bytes and no offsets make unmask or open throw', () => {
        const { key, iv, hp } = keysFor(aead, 1);
        const opener = provider.opener(aead, key, iv, hp);
        const offset = fc.integer({ min: -3, max: 80 });
        fc.assert(
          fc.property(
            fc.uint8Array({ maxLength: 70 }),
            offset,
            offset,
            offset,
            (bytes, start, middle, end) => {
              opener.unmask(bytes, Math.max(0, start), Math.max(0, middle));
              assert.equal(opener.open(bytes, start, middle, end, 5), false);
            },
          ),
          { numRuns: 200 },
        );
      });

      test('RFC 9001 §5.4.2 without a whole sample unmask leaves the packet alone', () => {
        const { key, iv, hp } = keysFor(aead, 2);
        const opener = provider.opener(aead, key, iv, hp);
        const short = new Uint8Array(20).fill(0x42);
        opener.unmask(short, 0, 1);
        assert.ok(short.every((byte) => byte === 0x42));
        const enough = new Uint8Array(21).fill(0x42);
        opener.unmask(enough, 0, 1);
        assert.ok(enough.subarray(1, 5).some((byte) => byte !== 0x42));
      });

      test('a sealer and an opener serve many packets in any order', () => {
        const { key, iv, hp } = keysFor(aead, 3);
        const sealer = provider.sealer(aead, key, iv, hp);
        const opener = provider.opener(aead, key, iv, hp);
        const datagrams = Array.from({ length: 20 }, (_, packetNumber) => {
          const buf = new Uint8Array(64).fill(packetNumber);
          buf[0] = 0x41;
          assert.equal(sealer.seal(buf, 0, 1, 3, 40, packetNumber), 56);
          return buf;
        });
        for (const packetNumber of [19, 3, 4, 0, 18, 1]) {
          const buf = datagrams[packetNumber];
          opener.unmask(buf, 0, 1);
          assert.ok(opener.open(buf, 0, 3, 56, packetNumber));
          assert.ok(buf.subarray(1, 40).every((byte) => byte === packetNumber));
        }
      });
    });
  }
}

interface Shape {
  seed: number;
  start: number;
  pnOffset: number;
  payloadStart: number;
  header: Uint8Array;
  payload: Uint8Array;
}

const packets: fc.Arbitrary<Shape> = fc
  .record({
    seed: fc.nat(200),
    start: fc.nat(40),
    long: fc.boolean(),
    rest: fc.uint8Array({ minLength: 0, maxLength: 45 }),
    pnLength: fc.integer({ min: 1, max: 4 }),
    lowBits: fc.nat(15),
    payload: fc.uint8Array({ minLength: 3, maxLength: 1452 }),
  })
  .map(({ seed, start, long, rest, pnLength, lowBits, payload }) => {
    const header = new Uint8Array(1 + rest.length + pnLength).fill(0x77);
    header[0] = (long ? 0xc0 : 0x40) | ((lowBits << 2) & (long ? 0x0c : 0x3c)) | (pnLength - 1);
    header.set(rest, 1);
    const payloadStart = start + header.length;
    return { seed, start, pnOffset: payloadStart - pnLength, payloadStart, header, payload };
  });

function sealed(
  provider: CryptoProvider,
  aead: AeadName,
  shape: Shape,
  packetNumber: number,
): { buf: Uint8Array; end: number } {
  const { key, iv, hp } = keysFor(aead, shape.seed);
  const payloadEnd = shape.payloadStart + shape.payload.length;
  const buf = new Uint8Array(payloadEnd + 16 + 11).fill(0xee);
  buf.set(shape.header, shape.start);
  buf.set(shape.payload, shape.payloadStart);
  const end = provider
    .sealer(aead, key, iv, hp)
    .seal(buf, shape.start, shape.pnOffset, shape.payloadStart, payloadEnd, packetNumber);
  assert.equal(end, payloadEnd + 16);
  return { buf, end };
}

function keysFor(aead: AeadName, seed: number): { key: Uint8Array; iv: Uint8Array; hp: Uint8Array } {
  const length = aead === 'aes-128-gcm' ? 16 : 32;
  const bytes = (count: number, salt: number): Uint8Array =>
    Uint8Array.from({ length: count }, (_, i) => (seed * 31 + salt * 17 + i * 7) & 0xff);
  return { key: bytes(length, 1), iv: bytes(12, 2), hp: bytes(length, 3) };
}

function nonceByBigInt(iv: Uint8Array, packetNumber: number): Uint8Array {
  const value = BigInt(`0x${toHex(iv)}`) ^ BigInt(packetNumber);
  return fromHex(value.toString(16).padStart(24, '0'));
}

/** The pseudocode of RFC 9001 §5.4.1 with a mask made by other means than the code under test. */
function unmaskByHand(
  aead: AeadName,
  hp: Uint8Array,
  buf: Uint8Array,
  start: number,
  pnOffset: number,
): void {
  const sample = buf.slice(pnOffset + 4, pnOffset + 20);
  const mask =
    aead === 'chacha20-poly1305'
      ? createCipheriv('chacha20', hp, sample).update(new Uint8Array(5))
      : createCipheriv(aead === 'aes-128-gcm' ? 'aes-128-ecb' : 'aes-256-ecb', hp, null).update(sample);
  buf[start] ^= mask[0] & ((buf[start] & 0x80) === 0x80 ? 0x0f : 0x1f);
  const length = (buf[start] & 0x03) + 1;
  for (let i = 0; i < length; i++) buf[pnOffset + i] ^= mask[1 + i];
}
