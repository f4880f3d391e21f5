/** Compression with a bound on what comes out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NODE_COMPRESSIONS, nodeCompress, nodeDecompress } from '../../../src/crypto/node-compression.ts';

test('what was compressed comes back, if the limit allows all of it', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 2000 }),
      fc.constantFrom(...NODE_COMPRESSIONS),
      (bytes, algorithm) => {
        const compressed = nodeCompress(algorithm, bytes);
        assert.deepEqual(nodeDecompress(algorithm, compressed, bytes.length), bytes);
        if (bytes.length > 1) assert.equal(nodeDecompress(algorithm, compressed, bytes.length - 1), null);
      },
    ),
    { numRuns: 60 },
  );
});

test('damaged input gives null and never throws', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom(...NODE_COMPRESSIONS),
      (bytes, algorithm) => {
        const plain = nodeDecompress(algorithm, bytes, 1000);
        assert.ok(plain === null || plain.length <= 1000);
      },
    ),
    { numRuns: 200 },
  );
});

test("an unknown algorithm is the caller's mistake", () => {
  assert.throws(() => nodeCompress(3, new Uint8Array(1)), RangeError);
  assert.throws(() => nodeDecompress(3, new Uint8Array(1), 10), RangeError);
});
