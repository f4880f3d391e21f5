import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { Certificate } from '../../../src/pki/certificate.ts';
import { certificateSha256, parsePin, pinMatches, publicKeySha256 } from '../../../src/pki/fingerprint.ts';
import { makeTestIdentity, seededIdentity } from '../../support/certificates.ts';

const { der } = seededIdentity();

describe('fingerprints', () => {
  it('come in the forms of the tools', () => {
    const fingerprint = certificateSha256(der);
    assert.equal(fingerprint.colons, new X509Certificate(der).fingerprint256);
    assert.equal(fingerprint.hex, fingerprint.colons.replaceAll(':', '').toLowerCase());
    assert.equal(fingerprint.base64, Buffer.from(fingerprint.hex, 'hex').toString('base64'));
    assert.equal(fingerprint.bytes.length, 32);
    assert.notEqual(publicKeySha256(der).hex, fingerprint.hex);
  });

  it('of a key stay when the certificate is renewed', () => {
    const renewed = makeTestIdentity({ key: seededIdentity().key }).der;
    assert.equal(publicKeySha256(renewed).hex, publicKeySha256(der).hex);
    assert.notEqual(certificateSha256(renewed).hex, certificateSha256(der).hex);
  });
});

describe('parsePin', () => {
  it('reads every form', () => {
    const { hex, colons, base64, bytes } = certificateSha256(der);
    const url = base64.replaceAll('+', '-').replaceAll('/', '_').replace('=', '');
    const forms = [hex, hex.toUpperCase(), colons, base64, url, ` ${hex}\n`, bytes];
    const prefixed = [
      `sha256:${hex}`,
      `SHA256:${colons}`,
      `sha256/${base64}`,
      `sha256//${base64}`,
      `sha-256:${base64}`,
    ];
    for (const form of [...forms, ...prefixed]) assert.deepEqual(parsePin(form), bytes, String(form));
  });

  it('names the option that is no pin', () => {
    const { hex, base64 } = certificateSha256(der);
    const bad = [
      '',
      'sha256:',
      hex.slice(1),
      `${hex}0`,
      `sha1:${hex}`,
      base64.slice(2),
      `${base64}=`,
      new Uint8Array(31),
    ];
    for (const pin of bad) {
      assert.throws(() => parsePin(pin, '--pin'), {
        code: 'ERR_INVALID_ARG_VALUE',
        message: /--pin.*SHA-256/,
      });
    }
    assert.throws(() => parsePin(7 as unknown as string), {
      name: 'TypeError',
      code: 'ERR_INVALID_ARG_TYPE',
    });
  });
});

describe('pinMatches', () => {
  it('takes the certificate or its key, nothing else', () => {
    const certificate = Certificate.parse(der);
    assert.equal(pinMatches(certificateSha256(der).bytes, certificate), true);
    assert.equal(pinMatches(publicKeySha256(der).bytes, certificate), true);
    assert.equal(pinMatches(certificateSha256(makeTestIdentity().der).bytes, certificate), false);
  });
});
