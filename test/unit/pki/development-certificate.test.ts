import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Certificate } from '../../../src/pki/certificate.ts';
import { developmentCertificate } from '../../../src/pki/development-certificate.ts';
import { verifyPeerCertificate } from '../../../src/pki/verify-peer.ts';

const DAY = 86_400_000;
const NOW = Date.parse('2030-01-01T12:00:00Z');

describe('developmentCertificate', () => {
  let folder = '';
  let parent = '';
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'quayside-'));
    folder = join(parent, 'deep', 'dev');
  });
  afterEach(() => rmSync(parent, { recursive: true }));

  it('makes what browsers and strict clients take', async () => {
    const made = await developmentCertificate({ folder, now: NOW });
    assert.equal(made.renewed, true);
    const x509 = new X509Certificate(made.cert);
    assert.equal(x509.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
    assert.equal(x509.ca, false);
    const certificate = Certificate.parse(x509.raw);
    assert.deepEqual(certificate.basicConstraints?.ca, false);
    // Both ends belong to the period, so that 14 days less a second are exactly 14 days.
    assert.ok(certificate.notAfter + 1000 - certificate.notBefore <= 14 * DAY);
    assert.ok(certificate.notAfter > NOW + 13 * DAY && certificate.notBefore < NOW);
    for (const pins of [[made.certificateSha256.hex], [made.spkiSha256.base64]]) {
      const certificates = [certificate.der];
      assert.ok(
        verifyPeerCertificate({ certificates, serverName: null, purpose: 'serverAuth', pins, now: NOW })
          .pinned,
      );
    }
    for (const name of ['localhost', '127.0.0.1', '::1']) {
      assert.ok((x509.checkHost(name) ?? x509.checkIP(name)) !== undefined, name);
    }
  });

  it('keeps it in files that only the owner can read', { skip: process.platform === 'win32' }, async () => {
    const { certFile, keyFile, cert, key } = await developmentCertificate({ folder, now: NOW });
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    for (const path of [certFile, keyFile]) assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(readFileSync(certFile, 'utf8'), cert);
    assert.equal(readFileSync(keyFile, 'utf8'), key);
    assert.equal(readdirSync(folder).length, 2);
    chmodSync(keyFile, 0o644);
    await developmentCertificate({ folder, now: NOW });
    assert.equal(statSync(keyFile).mode & 0o777, 0o600);
  });

  it('gives the same one until fewer than three days remain', async () => {
    const made = await developmentCertificate({ folder, now: NOW });
    const hash = made.certificateSha256.hex;
    const end = made.notAfter.getTime();
    const later = await developmentCertificate({ folder, now: end - 3 * DAY });
    assert.deepEqual([later.renewed, later.certificateSha256.hex], [false, hash]);
    const last = await developmentCertificate({ folder, now: end - 3 * DAY + 1 });
    assert.equal(last.renewed, true);
    assert.notEqual(last.certificateSha256.hex, hash);
    assert.equal((await developmentCertificate({ folder, now: NOW - 30 * DAY })).renewed, true);
  });

  it('makes another one when asked to, for other names, or when the files are damaged', async () => {
    const { keyFile, certFile, certificateSha256 } = await developmentCertificate({ folder, now: NOW });
    const renewed = await developmentCertificate({ folder, now: NOW, renew: true });
    assert.notEqual(renewed.certificateSha256.hex, certificateSha256.hex);
    const names = ['localhost', 'dev.test'];
    assert.equal((await developmentCertificate({ folder, now: NOW, names })).renewed, true);
    assert.equal((await developmentCertificate({ folder, now: NOW, names })).renewed, false);
    for (const path of [keyFile, certFile]) {
      writeFileSync(path, 'damaged');
      const repaired = await developmentCertificate({ folder, now: NOW, names });
      assert.equal(repaired.renewed, true);
    }
  });

  it('gives all who ask at once one pair in the end', async () => {
    await Promise.all(Array.from({ length: 4 }, () => developmentCertificate({ folder, now: NOW })));
    const settled = await developmentCertificate({ folder, now: NOW });
    assert.equal(
      new X509Certificate(settled.cert).checkPrivateKey(
        (await import('node:crypto')).createPrivateKey(settled.key),
      ),
      true,
    );
    assert.equal(readdirSync(folder).length, 2);
  });

  it('names a folder that cannot be used', async () => {
    writeFileSync(join(parent, 'file'), '');
    await assert.rejects(developmentCertificate({ folder: join(parent, 'file', 'dev') }), {
      code: 'ERR_QUIC_INVALID_CERTIFICATE',
      message: /file.dev/,
    });
  });
});
