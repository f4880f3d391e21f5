import assert from 'node:assert/strict';
import { createECDH } from 'node:crypto';
import { describe, test } from 'node:test';
import { nodeProvider, nodeRandom } from '../../../src/crypto/node-provider.ts';
import type { NamedGroup, RandomSource } from '../../../src/crypto/provider.ts';
import { seededRandom } from '../../../src/crypto/random.ts';
import { fromHex, toHex } from '../../../src/util/bytes.ts';

const X25519: NamedGroup = 0x001d;
const P256: NamedGroup = 0x0017;
const P384: NamedGroup = 0x0018;

describe('key shares', () => {
  test('RFC 7748 §6.1 X25519 gives the published public key and secret', () => {
    const bob = '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb';
    const share = nodeProvider.keyShare(X25519, fixed(bob));
    assert.equal(toHex(share.publicKey), 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f');
    const secret = share.agree(fromHex('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a'));
    assert.equal(toHex(secret), '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742');
  });

  test('RFC 5903 §8.1 P-256 gives the published public key and secret', () => {
    const share = nodeProvider.keyShare(
      P256,
      fixed('c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433'),
    );
    assert.equal(
      toHex(share.publicKey),
      `04dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c37725811805271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3`,
    );
    const secret = share.agree(
      fromHex(
        '04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf6356fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab',
      ),
    );
    assert.equal(toHex(secret), 'd6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de');
  });

  for (const [name, group, length] of [
    ['X25519', X25519, 32],
    ['P-256', P256, 65],
    ['P-384', P384, 97],
  ] as const) {
    test(`RFC 8446 §7.4 two ${name} sides agree on one secret`, () => {
      const a = nodeProvider.keyShare(group, nodeRandom());
      const b = nodeProvider.keyShare(group, nodeRandom());
      assert.equal(a.group, group);
      assert.equal(a.publicKey.length, length);
      assert.notEqual(toHex(a.publicKey), toHex(b.publicKey));
      const secret = a.agree(b.publicKey);
      assert.equal(toHex(secret), toHex(b.agree(a.publicKey)));
      assert.equal(secret.length, group === P384 ? 48 : 32);
    });

    test(`a seeded run makes the same ${name} share again`, () => {
      const first = nodeProvider.keyShare(group, seededRandom('replay'));
      const second = nodeProvider.keyShare(group, seededRandom('replay'));
      assert.equal(toHex(first.publicKey), toHex(second.publicKey));
      const other = nodeProvider.keyShare(group, seededRandom('another'));
      assert.notEqual(toHex(first.publicKey), toHex(other.publicKey));
    });

    test(`RFC 8446 §4.2.8.2 a ${name} share of another length is refused`, () => {
      const share = nodeProvider.keyShare(group, nodeRandom());
      for (const bad of [0, 1, 31, 33, 64, 66, 96, 98]) {
        if (bad !== length) assert.throws(() => share.agree(new Uint8Array(bad).fill(4)), CRYPTO_FAIL);
      }
    });
  }

  test('P-384 agrees with an independent ECDH', () => {
    const share = nodeProvider.keyShare(P384, nodeRandom());
    const peer = createECDH('secp384r1');
    const peerKey = peer.generateKeys();
    assert.equal(toHex(share.agree(peerKey)), toHex(peer.computeSecret(share.publicKey)));
  });

  test('RFC 8446 §7.4.2 an X25519 share of small order, which leads to the all-zero secret, is refused', () => {
    const share = nodeProvider.keyShare(X25519, nodeRandom());
    const smallOrder = [
      '0000000000000000000000000000000000000000000000000000000000000000',
      '0100000000000000000000000000000000000000000000000000000000000000',
      'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
      '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
      'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    ];
    for (const point of smallOrder) assert.throws(() => share.agree(fromHex(point)), CRYPTO_FAIL);
  });

  test('RFC 8446 §4.2.8.2 a NIST share that is no point, or not uncompressed, is refused', () => {
    for (const group of [P256, P384] as const) {
      const share = nodeProvider.keyShare(group, nodeRandom());
      const good = nodeProvider.keyShare(group, nodeRandom()).publicKey;
      const offCurve = Uint8Array.from(good);
      offCurve[offCurve.length - 1] ^= 1;
      assert.throws(() => share.agree(offCurve), CRYPTO_FAIL);
      const tooLarge = new Uint8Array(good.length).fill(0xff);
      tooLarge[0] = 4;
      assert.throws(() => share.agree(tooLarge), CRYPTO_FAIL);
      const origin = new Uint8Array(good.length);
      origin[0] = 4;
      assert.throws(() => share.agree(origin), CRYPTO_FAIL);
      const hybrid = Uint8Array.from(good);
      hybrid[0] = 6 | (good[good.length - 1] & 1);
      assert.throws(() => share.agree(hybrid), CRYPTO_FAIL);
      const half = (good.length - 1) / 2;
      const compressed = good.slice(0, 1 + half);
      compressed[0] = 2 | (good[good.length - 1] & 1);
      assert.throws(() => share.agree(compressed), CRYPTO_FAIL);
      share.agree(good);
    }
  });

  test('private bytes outside the group are drawn again', () => {
    const draws = ['00'.repeat(32), 'ff'.repeat(32), '11'.repeat(32)];
    const source: RandomSource = {
      ...seededRandom(1),
      fill: (into) => into.set(fromHex(draws.shift() ?? '')),
    };
    const share = nodeProvider.keyShare(P256, source);
    assert.equal(
      toHex(share.publicKey),
      toHex(nodeProvider.keyShare(P256, fixed('11'.repeat(32))).publicKey),
    );
  });

  test('a source that never yields a private key fails instead of turning for ever', () => {
    assert.throws(() => nodeProvider.keyShare(P384, fixed('00'.repeat(48))), CRYPTO_FAIL);
  });
});

const CRYPTO_FAIL = { name: 'QuicError', code: 'ERR_QUIC_CRYPTO_FAIL' };

function fixed(hex: string): RandomSource {
  const bytes = fromHex(hex);
  return { fill: (into) => into.set(bytes), float: () => 0, integer: () => 0 };
}
