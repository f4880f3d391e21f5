import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { chacha20Key, chacha20Mask } from '../../../src/crypto/chacha20-block.ts';
import { fromHex, toHex } from '../../../src/util/bytes.ts';

describe('ChaCha20 header masks', () => {
  test('RFC 9001 §A.5 the mask of the sample', () => {
    const key = fromHex('25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4');
    const out = new Uint8Array(8);
    chacha20Mask(chacha20Key(key), fromHex('5e5cd55c41f69080575d7999c25a5bfb'), 0, out);
    assert.equal(toHex(out.subarray(0, 5)), 'aefefe7d03');
  });

  test('RFC 8439 §2.3.2 the block of the specification begins as published', () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => i);
    const out = new Uint8Array(8);
    chacha20Mask(chacha20Key(key), fromHex('01000000000000090000004a00000000'), 0, out);
    assert.equal(toHex(out), '10f1e7e4d13b5915');
  });

  test('RFC 9001 §5.4.4 any key and sample give what an independent ChaCha20 gives', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.uint8Array({ minLength: 24, maxLength: 24 }),
        fc.nat(8),
        (key, bytes, at) => {
          const out = new Uint8Array(8);
          chacha20Mask(chacha20Key(key), bytes, at, out);
          const cipher = createCipheriv('chacha20', key, bytes.subarray(at, at + 16));
          assert.equal(toHex(out), cipher.update(new Uint8Array(8)).toString('hex'));
        },
      ),
      { numRuns: 300 },
    );
  });
});
