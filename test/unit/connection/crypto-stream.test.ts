import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { CryptoStream, MAX_CRYPTO_BUFFER } from '../../../src/connection/crypto-stream.ts';
import { TransportError, TransportErrorCode } from '../../../src/errors.ts';

function receiver(): { stream: CryptoStream; got: number[]; take: (bytes: Uint8Array) => void } {
  const got: number[] = [];
  const take = (bytes: Uint8Array): void => {
    for (const byte of bytes) got.push(byte);
  };
  return { stream: new CryptoStream(0, () => {}), got, take };
}

test('RFC 9000 §19.6 pieces in any order, with overlaps and repetitions, come out as they were', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20_000 }),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 3000 })), { maxLength: 40 }),
      fc.integer({ min: 1, max: 3000 }),
      (length, pieces, step) => {
        const data = new Uint8Array(length).map((_, i) => i * 7 + (i >> 8));
        const { stream, got, take } = receiver();
        for (const [at, size] of pieces) {
          const start = at % length;
          stream.receive(start, data, start, Math.min(size, length - start), take);
        }
        for (let start = 0; start < length; start += step) {
          stream.receive(start, data, start, Math.min(step, length - start), take);
        }
        assert.deepEqual(got, [...data]);
        assert.equal(stream.hasGap, false);
      },
    ),
    { numRuns: 100 },
  );
});

test('RFC 9000 §7.5 the ring is used again and again, over more than it can hold', () => {
  const { stream, got, take } = receiver();
  const total = 5 * MAX_CRYPTO_BUFFER;
  const data = new Uint8Array(total).map((_, i) => i * 13 + (i >> 8));
  // Every second piece of 1000 comes first.
  for (let start = 0; start < total; start += 2000) {
    const second = Math.min(start + 1000, total);
    stream.receive(second, data, second, Math.min(1000, total - second), take);
    stream.receive(start, data, start, second - start, take);
  }
  assert.equal(got.length, total);
  assert.ok(got.every((byte, i) => byte === data[i]));
});

test('RFC 9000 §7.5 exactly the limit may wait, and not one byte more', () => {
  const { stream, got, take } = receiver();
  const data = new Uint8Array(MAX_CRYPTO_BUFFER + 1).map((_, i) => i);
  assert.equal(stream.receive(1, data, 1, MAX_CRYPTO_BUFFER - 1, take), true);
  assert.equal(stream.receive(1, data, 1, 10, take), false, 'nothing new');
  assert.throws(
    () => stream.receive(MAX_CRYPTO_BUFFER, data, MAX_CRYPTO_BUFFER, 1, take),
    (error) => error instanceof TransportError && error.code === TransportErrorCode.CRYPTO_BUFFER_EXCEEDED,
  );
  stream.receive(0, data, 0, 1, take);
  assert.deepEqual(got, [...data.subarray(0, MAX_CRYPTO_BUFFER)]);
});
