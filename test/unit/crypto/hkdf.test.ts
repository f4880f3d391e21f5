import assert from 'node:assert/strict';
import { hkdfSync } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { hkdfExpand, hkdfExpandLabel, hkdfExtract, hkdfLabel } from '../../../src/crypto/hkdf.ts';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import { EMPTY, fromHex, toHex } from '../../../src/util/bytes.ts';

describe('HKDF', () => {
  test('RFC 5869 §A.1 the basic SHA-256 case', () => {
    const salt = fromHex('000102030405060708090a0b0c');
    const prk = hkdfExtract(nodeProvider, 'sha256', salt, new Uint8Array(22).fill(0x0b));
    assert.equal(toHex(prk), '077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5');
    assert.equal(
      toHex(hkdfExpand(nodeProvider, 'sha256', prk, fromHex('f0f1f2f3f4f5f6f7f8f9'), 42)),
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    );
  });

  test('RFC 5869 §A.3 empty salt and info', () => {
    const prk = hkdfExtract(nodeProvider, 'sha256', EMPTY, new Uint8Array(22).fill(0x0b));
    assert.equal(toHex(prk), '19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04');
    assert.equal(
      toHex(hkdfExpand(nodeProvider, 'sha256', prk, EMPTY, 42)),
      '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
    );
  });

  test('RFC 5869 §2 extract and expand together equal an independent HKDF for any input', () => {
    const bytes = fc.uint8Array({ maxLength: 70 });
    fc.assert(
      fc.property(
        fc.constantFrom('sha256' as const, 'sha384' as const),
        bytes,
        bytes,
        bytes,
        fc.integer({ min: 1, max: 300 }),
        (hash, salt, ikm, info, length) => {
          const prk = hkdfExtract(nodeProvider, hash, salt, ikm);
          const expected = Buffer.from(hkdfSync(hash, ikm, salt, info, length)).toString('hex');
          assert.equal(toHex(hkdfExpand(nodeProvider, hash, prk, info, length)), expected);
        },
      ),
      { numRuns: 100 },
    );
  });

  test('RFC 5869 §2.3 more than 255 blocks are refused', () => {
    const prk = new Uint8Array(32);
    assert.equal(hkdfExpand(nodeProvider, 'sha256', prk, EMPTY, 255 * 32).length, 255 * 32);
    assert.throws(() => hkdfExpand(nodeProvider, 'sha256', prk, EMPTY, 255 * 32 + 1), RangeError);
    assert.throws(() => hkdfExpand(nodeProvider, 'sha384', prk, EMPTY, 255 * 48 + 1), RangeError);
  });

  test('RFC 8446 §7.1 a label carries length, prefix and context, and is the info of the expansion', () => {
    const context = fromHex('a1b2c3');
    const info = `0130${'0b'}${toHex(new TextEncoder().encode('tls13 hello'))}03a1b2c3`;
    assert.equal(toHex(hkdfLabel('hello', context, 0x130)), info);
    const secret = new Uint8Array(48).fill(3);
    assert.equal(
      toHex(hkdfExpandLabel(nodeProvider, 'sha384', secret, 'hello', context, 0x130)),
      toHex(hkdfExpand(nodeProvider, 'sha384', secret, fromHex(info), 0x130)),
    );
  });
});
