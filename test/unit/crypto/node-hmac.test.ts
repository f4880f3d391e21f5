import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { nodeHmac } from '../../../src/crypto/node-hmac.ts';
import { toHex } from '../../../src/util/bytes.ts';

test('RFC 2104 §2 HMAC of any key and data is that of createHmac', () => {
  const name = fc.constantFrom('sha256' as const, 'sha384' as const);
  const bytes = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(name, bytes, bytes, (hash, key, data) => {
      assert.equal(toHex(nodeHmac(hash, key, data)), createHmac(hash, key).update(data).digest('hex'));
    }),
    { numRuns: 500 },
  );
});

test('RFC 2104 §2 long data, and data that is itself the result of one before', () => {
  for (const size of [511, 512, 513, 100_000]) {
    const data = new Uint8Array(size).map((_, i) => i);
    const key = nodeHmac('sha384', Uint8Array.of(1), data);
    assert.equal(toHex(nodeHmac('sha256', key, data)), createHmac('sha256', key).update(data).digest('hex'));
    assert.equal(toHex(nodeHmac('sha256', key, key)), createHmac('sha256', key).update(key).digest('hex'));
  }
});
