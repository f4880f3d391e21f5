import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { Certificate } from '../../../src/pki/certificate.ts';
import { type MakeCertificateOptions, makeCertificate } from '../../../src/pki/make-certificate.ts';

describe('makeCertificate', () => {
  for (const kind of ['ec-p256', 'ec-p384', 'ed25519', 'rsa'] as const) {
    it(`makes a self-signed certificate with a key of ${kind} that OpenSSL believes`, async () => {
      const made = await makeCertificate({ kind, names: ['a.test', '::1'] });
      const x509 = new X509Certificate(made.pem);
      assert.equal(x509.verify(x509.publicKey), true);
      assert.equal(x509.checkPrivateKey(createPrivateKey(made.keyPem)), true);
      assert.equal(x509.checkHost('a.test'), 'a.test');
      assert.equal(x509.checkIP('::1'), '::1');
      assert.equal(x509.ca, false);
      assert.deepEqual(new Uint8Array(x509.raw), made.der);
    });
  }

  it('issues for another key, as OpenSSL sees it', async () => {
    const root = await makeCertificate({ ca: true, subject: 'root', kind: 'ed25519' });
    const leaf = await makeCertificate({ issuer: root, subject: 'leaf' });
    const x509 = new X509Certificate(leaf.der);
    assert.equal(x509.checkIssued(new X509Certificate(root.der)), true);
    assert.equal(x509.verify(new X509Certificate(root.der).publicKey), true);
    assert.equal(x509.issuer, 'CN=root');
    assert.equal(new X509Certificate(root.der).ca, true);
  });

  it('has defaults for everything', async () => {
    const made = await makeCertificate();
    const certificate = Certificate.parse(made.der);
    assert.equal(certificate.subjectText, 'CN=localhost');
    assert.deepEqual(certificate.alternativeNames, [{ kind: 'dns', value: 'localhost' }]);
    assert.deepEqual(certificate.basicConstraints, { ca: false, pathLength: Number.POSITIVE_INFINITY });
    assert.equal(certificate.keyUsage, 1);
    assert.equal(certificate.extendedKeyUsage?.length, 2);
    assert.equal(made.notAfter.getTime() - made.notBefore.getTime(), 90 * 86_400_000);
    assert.ok(Math.abs(Date.now() - made.notBefore.getTime()) < 60_000);
    assert.equal(certificate.notAfter, made.notAfter.getTime());
  });

  it('RFC 5280 §4.1.2.5 writes times before and after 2050', async () => {
    for (const year of ['1970', '2049', '2050', '9999']) {
      const notBefore = new Date(`${year}-01-01T00:00:00.900Z`);
      const made = await makeCertificate({ notBefore, notAfter: new Date(`${year}-12-31T23:59:59Z`) });
      const certificate = Certificate.parse(made.der);
      assert.equal(certificate.notBefore, Date.parse(`${year}-01-01T00:00:00Z`));
      assert.equal(certificate.notAfter, Date.parse(`${year}-12-31T23:59:59Z`));
      assert.ok(new X509Certificate(made.der).validTo.includes(year));
    }
  });

  it('RFC 5280 §4.1.2.2 makes positive serial numbers that differ', async () => {
    const serials = await Promise.all(
      Array.from({ length: 8 }, async () => new X509Certificate((await makeCertificate()).der).serialNumber),
    );
    assert.equal(new Set(serials).size, 8);
    for (const serial of serials) assert.match(serial, /^[4-7][0-9A-F]{31}$/);
  });

  it('names the option that is wrong', async () => {
    const bad: readonly (readonly [object, string, RegExp])[] = [
      [{ kind: 'dsa' }, 'ERR_INVALID_ARG_VALUE', /kind.*ec-p256/],
      [{ kind: 'rsa', rsaBits: 512 }, 'ERR_OUT_OF_RANGE', /rsaBits/],
      [{ names: ['bücher.test'] }, 'ERR_INVALID_ARG_VALUE', /names.*A-labels/],
      [{ keyUsage: ['everything'] }, 'ERR_INVALID_ARG_VALUE', /keyUsage.*digitalSignature/],
      [{ extendedKeyUsage: ['everything'] }, 'ERR_INVALID_ARG_VALUE', /extendedKeyUsage.*serverAuth/],
      [{ ca: true, pathLength: -1 }, 'ERR_OUT_OF_RANGE', /pathLength/],
      [{ serialNumber: Uint8Array.of(0x80) }, 'ERR_OUT_OF_RANGE', /serialNumber/],
      [{ serialNumber: new Uint8Array(21) }, 'ERR_OUT_OF_RANGE', /serialNumber/],
      [{ notBefore: new Date(Number.NaN) }, 'ERR_INVALID_ARG_TYPE', /Date/],
    ];
    for (const [options, code, message] of bad) {
      await assert.rejects(makeCertificate(options as MakeCertificateOptions), { code, message });
    }
  });
});
