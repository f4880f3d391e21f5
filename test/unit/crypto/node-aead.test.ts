import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import { EMPTY, fromHex, toHex } from '../../../src/util/bytes.ts';
import { packetProtectionCases } from '../../support/packet-protection-cases.ts';

packetProtectionCases(nodeProvider);

describe('AES-GCM over whole buffers', () => {
  test('the vectors of the GCM specification come out, with both key lengths', () => {
    const nonce = new Uint8Array(12);
    const block = new Uint8Array(16);
    const seal = (key: number, plaintext: Uint8Array): string =>
      toHex(nodeProvider.aesGcmSeal(new Uint8Array(key), nonce, EMPTY, plaintext));
    assert.equal(seal(16, EMPTY), '58e2fccefa7e3061367f1d57a4e7455a');
    assert.equal(seal(16, block), '0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf');
    assert.equal(seal(32, EMPTY), '530f8afbc74536b9a963b4f1c4cb738b');
    assert.equal(seal(32, block), 'cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919');
  });

  test('what is sealed opens with the same associated data only', () => {
    const key = new Uint8Array(32).fill(7);
    const nonce = new Uint8Array(12).fill(9);
    const plaintext = fromHex('0102030405');
    const box = nodeProvider.aesGcmSeal(key, nonce, fromHex('aa'), plaintext);
    assert.equal(box.length, 21);
    assert.deepEqual(
      Uint8Array.from(nodeProvider.aesGcmOpen(key, nonce, fromHex('aa'), box) ?? []),
      plaintext,
    );
    assert.equal(nodeProvider.aesGcmOpen(key, nonce, fromHex('ab'), box), null);
    assert.equal(nodeProvider.aesGcmOpen(key, new Uint8Array(12), fromHex('aa'), box), null);
    for (let i = 0; i < box.length; i++) {
      const changed = Uint8Array.from(box);
      changed[i] ^= 1;
      assert.equal(nodeProvider.aesGcmOpen(key, nonce, fromHex('aa'), changed), null, `byte ${i}`);
    }
    for (let length = 0; length < box.length; length++) {
      assert.equal(nodeProvider.aesGcmOpen(key, nonce, fromHex('aa'), box.subarray(0, length)), null);
    }
  });
});
