/** X25519MLKEM768 against ML-KEM-768 and X25519 used apart. */
import assert from 'node:assert/strict';
import { createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import type { KeyAnswer } from '../../../src/crypto/provider.ts';
import { seededRandom } from '../../../src/crypto/random.ts';
import { toHex } from '../../../src/util/bytes.ts';

const HYBRID = 0x11ec;
const skip = nodeProvider.groups?.includes(HYBRID) === true ? false : 'this runtime has no ML-KEM';
const CRYPTO_FAIL = { code: 'ERR_QUIC_CRYPTO_FAIL' };

test('both sides have the secret of ML-KEM and then that of X25519, 64 bytes', { skip }, () => {
  const share = nodeProvider.keyShare(HYBRID, seededRandom('client'));
  const reply = answer(share.publicKey);
  assert.equal(share.publicKey.length, 1184 + 32);
  assert.equal(reply.publicKey.length, 1088 + 32);
  assert.equal(reply.secret.length, 64);
  assert.equal(toHex(share.agree(reply.publicKey)), toHex(reply.secret));
});

test('the X25519 half is the last 32 bytes of share, answer and secret', { skip }, () => {
  const share = nodeProvider.keyShare(HYBRID, seededRandom('client')).publicKey;
  const mine = generateKeyPairSync('x25519');
  const x = mine.publicKey.export({ format: 'jwk' }).x ?? '';
  const mixed = share.slice();
  mixed.set(Buffer.from(x, 'base64url'), 1184);
  const reply = answer(mixed);
  const theirs = createPublicKey({
    key: { kty: 'OKP', crv: 'X25519', x: Buffer.from(reply.publicKey.subarray(1088)).toString('base64url') },
    format: 'jwk',
  });
  const secret = diffieHellman({ privateKey: mine.privateKey, publicKey: theirs });
  assert.equal(toHex(reply.secret.subarray(32)), secret.toString('hex'));
});

test('a seeded run makes the same client share again', { skip }, () => {
  const one = nodeProvider.keyShare(HYBRID, seededRandom('replay')).publicKey;
  assert.equal(toHex(nodeProvider.keyShare(HYBRID, seededRandom('replay')).publicKey), toHex(one));
  assert.notEqual(toHex(nodeProvider.keyShare(HYBRID, seededRandom('other')).publicKey), toHex(one));
});

test('FIPS 203 §7.2 shares of a wrong length or with numbers above the modulus are refused', { skip }, () => {
  const share = nodeProvider.keyShare(HYBRID, seededRandom('client'));
  for (const length of [0, 32, 1184, 1215, 1217]) {
    assert.throws(() => answer(new Uint8Array(length)), CRYPTO_FAIL);
    assert.throws(() => share.agree(new Uint8Array(length)), CRYPTO_FAIL);
  }
  const impossible = share.publicKey.slice().fill(0xff, 0, 3);
  assert.throws(() => answer(impossible), CRYPTO_FAIL);
  const smallOrder = share.publicKey.slice().fill(0, 1184);
  assert.throws(() => answer(smallOrder), CRYPTO_FAIL);
});

test("the other groups are answered as by a share of one's own", () => {
  for (const group of [0x1d, 0x17, 0x18] as const) {
    const share = nodeProvider.keyShare(group, seededRandom('client'));
    const reply = nodeProvider.answerShare?.(group, share.publicKey, seededRandom('server'));
    assert.ok(reply);
    assert.equal(toHex(share.agree(reply.publicKey)), toHex(reply.secret));
    assert.equal(
      toHex(reply.publicKey),
      toHex(nodeProvider.keyShare(group, seededRandom('server')).publicKey),
    );
  }
});

function answer(share: Uint8Array): KeyAnswer {
  const made = nodeProvider.answerShare?.(HYBRID, share, seededRandom('server'));
  assert.ok(made);
  return made;
}
