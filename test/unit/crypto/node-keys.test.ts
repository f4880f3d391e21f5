import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import type { KeyKind } from '../../../src/crypto/provider.ts';
import { QuicError } from '../../../src/errors.ts';
import { minimalCertificate } from './minimal-certificate.ts';

interface Pair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const P256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const P384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
const RSA_1024 = generateKeyPairSync('rsa', { modulusLength: 1024 });
const RSA_PSS = generateKeyPairSync('rsa-pss', { modulusLength: 2048 });
const RSA_PSS_384 = generateKeyPairSync('rsa-pss', {
  modulusLength: 2048,
  hashAlgorithm: 'sha384',
  mgf1HashAlgorithm: 'sha384',
});
const ED25519 = generateKeyPairSync('ed25519');
const P521 = generateKeyPairSync('ec', { namedCurve: 'P-521' });
const ED448 = generateKeyPairSync('ed448');

const KINDS: readonly (readonly [string, Pair, KeyKind, readonly number[]])[] = [
  ['P-256', P256, 'ec-p256', [0x0403]],
  ['P-384', P384, 'ec-p384', [0x0503]],
  ['RSA', RSA, 'rsa', [0x0804, 0x0805, 0x0806]],
  ['RSA with 1024 bits', RSA_1024, 'rsa', [0x0804, 0x0805]],
  ['RSASSA-PSS', RSA_PSS, 'rsa-pss', [0x0809, 0x080a, 0x080b]],
  ['RSASSA-PSS bound to SHA-384', RSA_PSS_384, 'rsa-pss', [0x080a]],
  ['Ed25519', ED25519, 'ed25519', [0x0807]],
];
const ALL_SCHEMES = [
  0x0201, 0x0401, 0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0807, 0x0808, 0x0809, 0x080a, 0x080b,
];

for (const [name, pair, kind, schemes] of KINDS) {
  describe(`${name} keys`, () => {
    const privateKey = nodeProvider.privateKeyFrom(pem(pair));
    const certificate = minimalCertificate(pair.publicKey);
    const publicKey = nodeProvider.publicKeyFromCertificate(certificate);
    const content = new TextEncoder().encode('what is signed');

    test('RFC 8446 §4.2.3 the schemes are those that fit the key', () => {
      assert.equal(privateKey.kind, kind);
      assert.deepEqual(privateKey.schemes, schemes);
      assert.equal(publicKey.kind, kind);
      assert.deepEqual(publicKey.schemes, schemes);
    });

    test('RFC 8446 §4.4.3 a signature verifies under its scheme, content and key alone', () => {
      for (const scheme of schemes) {
        const signature = nodeProvider.sign(privateKey, scheme, content);
        assert.equal(nodeProvider.verify(publicKey, scheme, content, signature), true);
        assert.equal(nodeProvider.verify(publicKey, scheme, content.subarray(1), signature), false);
        assert.equal(nodeProvider.verify(publicKey, scheme, content, signature.subarray(1)), false);
        assert.equal(nodeProvider.verify(publicKey, scheme, content, new Uint8Array(0)), false);
        const changed = Uint8Array.from(signature);
        changed[changed.length - 1] ^= 1;
        assert.equal(nodeProvider.verify(publicKey, scheme, content, changed), false);
        for (const other of ALL_SCHEMES) {
          if (other === scheme) continue;
          assert.equal(nodeProvider.verify(publicKey, other, content, signature), false);
        }
      }
    });

    test('RFC 8446 §4.4.3 a scheme of another kind of key cannot be signed', () => {
      for (const scheme of ALL_SCHEMES) {
        if (schemes.includes(scheme)) continue;
        assert.throws(() => nodeProvider.sign(privateKey, scheme, content), INVALID_KEY);
      }
    });

    test('the certificate matches this key and no other', () => {
      assert.equal(nodeProvider.keyMatches(privateKey, certificate), true);
      for (const [, other] of KINDS) {
        if (other === pair) continue;
        assert.equal(nodeProvider.keyMatches(privateKey, minimalCertificate(other.publicKey)), false);
      }
    });

    test('PEM text, PEM bytes and DER are read', () => {
      const der = pair.privateKey.export({ type: 'pkcs8', format: 'der' });
      for (const input of [
        pem(pair),
        Buffer.from(pem(pair)),
        `leading text\n\n${pem(pair)}`,
        der,
        Uint8Array.from(der),
      ]) {
        assert.equal(nodeProvider.privateKeyFrom(input).kind, kind);
      }
    });
  });
}

describe('reading private keys', () => {
  test('SEC1 and PKCS #1 are read as PEM and as DER', () => {
    for (const [pair, type, kind] of [
      [P256, 'sec1', 'ec-p256'],
      [P384, 'sec1', 'ec-p384'],
      [RSA, 'pkcs1', 'rsa'],
    ] as const) {
      const der = pair.privateKey.export({ type: type as 'sec1', format: 'der' });
      const text = pair.privateKey.export({ type: type as 'sec1', format: 'pem' });
      assert.equal(nodeProvider.privateKeyFrom(der).kind, kind);
      assert.equal(nodeProvider.privateKeyFrom(text).kind, kind);
    }
  });

  test('a key behind its certificate in one PEM file is found', () => {
    const body = Buffer.from(minimalCertificate(P256.publicKey)).toString('base64');
    const file = `-----BEGIN CERTIFICATE-----\n${body.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n${pem(P256)}`;
    assert.equal(nodeProvider.privateKeyFrom(file).kind, 'ec-p256');
  });

  test('what is no private key is refused with one clear error', () => {
    const der = P256.privateKey.export({ type: 'pkcs8', format: 'der' });
    const encrypted = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' } as const;
    const inputs: (string | Uint8Array)[] = [
      '',
      'not a key',
      new Uint8Array(0),
      new Uint8Array(100),
      new Uint8Array(100).fill(0x2d),
      der.subarray(0, der.length - 1),
      minimalCertificate(P256.publicKey),
      P256.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      P256.publicKey.export({ type: 'spki', format: 'der' }),
      pem(P256).slice(0, 100),
      P256.privateKey.export(encrypted).toString(),
      pem(P521),
      pem(ED448),
    ];
    for (const input of inputs) assert.throws(() => nodeProvider.privateKeyFrom(input), INVALID_KEY);
    assert.throws(
      () => nodeProvider.privateKeyFrom(P256.privateKey.export(encrypted).toString()),
      /encrypted/,
    );
    assert.throws(() => nodeProvider.privateKeyFrom(pem(P521)), /secp521r1/);
  });

  test('a logged key shows none of its secret', () => {
    const scalar = Buffer.from(P256.privateKey.export({ format: 'jwk' }).d ?? '', 'base64url');
    const text = inspect(nodeProvider.privateKeyFrom(pem(P256)), { depth: 9, showHidden: true });
    assert.ok(!text.includes(scalar.toString('hex')) && !text.includes(scalar.toString('base64url')));
  });

  test('a key of another provider is not used', () => {
    const foreign = { kind: 'ec-p256', schemes: [0x0403] } as const;
    assert.throws(() => nodeProvider.sign(foreign, 0x0403, new Uint8Array(1)), INVALID_KEY);
    assert.equal(nodeProvider.verify(foreign, 0x0403, new Uint8Array(1), new Uint8Array(64)), false);
    assert.equal(nodeProvider.keyMatches(foreign, minimalCertificate(P256.publicKey)), false);
  });
});

describe('reading certificates', () => {
  test('bytes that are no certificate are refused', () => {
    const der = minimalCertificate(P256.publicKey);
    for (const bytes of [new Uint8Array(0), new Uint8Array(50), der.subarray(0, der.length - 1)]) {
      assert.throws(() => nodeProvider.publicKeyFromCertificate(bytes), INVALID_CERTIFICATE);
      assert.equal(nodeProvider.keyMatches(nodeProvider.privateKeyFrom(pem(P256)), bytes), false);
    }
  });

  test('a certificate for a key that cannot sign TLS 1.3 handshakes here is refused', () => {
    for (const pair of [P521, ED448, generateKeyPairSync('x25519')]) {
      assert.throws(
        () => nodeProvider.publicKeyFromCertificate(minimalCertificate(pair.publicKey)),
        INVALID_CERTIFICATE,
      );
    }
  });

  test('the errors are QuicErrors that carry their cause', () => {
    try {
      nodeProvider.publicKeyFromCertificate(new Uint8Array(9));
      assert.fail('accepted');
    } catch (error) {
      assert.ok(error instanceof QuicError);
      assert.ok(error.cause instanceof Error);
    }
  });
});

const INVALID_KEY = { name: 'QuicError', code: 'ERR_QUIC_INVALID_KEY' };
const INVALID_CERTIFICATE = { name: 'QuicError', code: 'ERR_QUIC_INVALID_CERTIFICATE' };

function pem(pair: Pair): string {
  return pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}
