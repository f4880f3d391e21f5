import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { rootCertificates } from 'node:tls';
import { AsnConvert } from '@peculiar/asn1-schema';
import * as asn1 from '@peculiar/asn1-x509';
import fc from 'fast-check';
import { QuicError } from '../../../src/errors.ts';
import { Certificate, MAX_CERTIFICATE_SIZE } from '../../../src/pki/certificate.ts';
import { ExtensionId, KeyUsageBit } from '../../../src/pki/object-identifiers.ts';
import { readPem } from '../../../src/pki/pem.ts';
import { makeTestAuthority, makeTestIdentity, seededIdentity } from '../../support/certificates.ts';

const ROOTS = rootCertificates.flatMap((pem) => readPem(pem).map((block) => block.der));

function malformed(der: Uint8Array, message?: RegExp): void {
  assert.throws(
    () => touchAll(Certificate.parse(der)),
    (error) => {
      assert.ok(error instanceof QuicError);
      assert.equal(error.code, 'ERR_QUIC_CERTIFICATE_MALFORMED');
      if (message !== undefined) assert.match(error.message, message);
      return true;
    },
  );
}

function touchAll(certificate: Certificate): unknown[] {
  const { basicConstraints, keyUsage, extendedKeyUsage, alternativeNames, nameConstraints } = certificate;
  return [
    basicConstraints,
    keyUsage,
    extendedKeyUsage,
    alternativeNames,
    nameConstraints,
    certificate.publicKey,
  ];
}

/** What the ASN.1 library reads, in our form. */
function oracle(der: Uint8Array): object {
  const { tbsCertificate: tbs, signatureAlgorithm } = AsnConvert.parse(der, asn1.Certificate);
  const extensions = [...(tbs.extensions ?? [])];
  const find = <T>(id: string, type: new () => T): T | null => {
    const found = extensions.find((extension) => extension.extnID === id);
    return found === undefined ? null : AsnConvert.parse(found.extnValue, type);
  };
  const constraints = find(ExtensionId.BASIC_CONSTRAINTS, asn1.BasicConstraints);
  const usage = find(ExtensionId.KEY_USAGE, asn1.KeyUsage);
  const purposes = find(ExtensionId.EXTENDED_KEY_USAGE, asn1.ExtendedKeyUsage);
  const names = find(ExtensionId.SUBJECT_ALTERNATIVE_NAME, asn1.SubjectAlternativeName);
  return {
    version: tbs.version + 1,
    subject: hex(AsnConvert.serialize(tbs.subject)),
    issuer: hex(AsnConvert.serialize(tbs.issuer)),
    notBefore: tbs.validity.notBefore.getTime().getTime(),
    notAfter: tbs.validity.notAfter.getTime().getTime(),
    spki: hex(AsnConvert.serialize(tbs.subjectPublicKeyInfo)),
    signatureAlgorithm: signatureAlgorithm.algorithm,
    critical: extensions.filter((extension) => extension.critical).map((extension) => extension.extnID),
    basicConstraints:
      constraints === null
        ? null
        : { ca: constraints.cA, pathLength: constraints.pathLenConstraint ?? Number.POSITIVE_INFINITY },
    keyUsage: usage === null ? null : usage.toNumber(),
    extendedKeyUsage: purposes === null ? null : [...purposes],
    dns: [...(names ?? [])].flatMap((name) => name.dNSName ?? []),
  };
}

function ours(der: Uint8Array): object {
  const certificate = Certificate.parse(der);
  return {
    version: certificate.version,
    subject: hex(certificate.subject),
    issuer: hex(certificate.issuer),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    spki: hex(certificate.spki),
    signatureAlgorithm: certificate.signatureAlgorithm,
    critical: certificate.extensions
      .filter((extension) => extension.critical)
      .map((extension) => extension.id),
    basicConstraints: certificate.basicConstraints,
    keyUsage: certificate.keyUsage,
    extendedKeyUsage: certificate.extendedKeyUsage,
    dns: certificate.alternativeNames.flatMap((name) => (name.kind === 'dns' ? [name.value] : [])),
  };
}

function hex(bytes: Uint8Array | ArrayBuffer): string {
  return Buffer.from(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes)).toString('hex');
}

describe('Certificate', () => {
  it('reads every root of the runtime as the ASN.1 library does', () => {
    assert.ok(ROOTS.length > 100);
    for (const der of ROOTS) assert.deepEqual(ours(der), oracle(der));
  });

  it('reads made certificates as the ASN.1 library does', () => {
    const made = [
      makeTestIdentity({ names: ['a.test', '*.b.test', '10.0.0.1', '::1', 'x@y.test', 'https://z.test/'] })
        .der,
      makeTestIdentity({
        kind: 'rsa',
        keyUsage: ['digitalSignature', 'decipherOnly'],
        extendedKeyUsage: ['1.2.3'],
      }).der,
      makeTestIdentity({ ca: null, keyUsage: null, extendedKeyUsage: null, names: [], subject: '' }).der,
      makeTestAuthority({ pathLength: 3, kind: 'ec-p384' }).der,
      seededIdentity().der,
    ];
    for (const der of made) assert.deepEqual(ours(der), oracle(der));
  });

  it('keeps alternative names with their kinds', () => {
    const names = ['a.test', '10.0.0.1', '::1', 'x@y.test', 'https://z.test/'];
    const certificate = Certificate.parse(makeTestIdentity({ names }).der);
    assert.deepEqual(
      certificate.alternativeNames.map((name) => [
        name.kind,
        typeof name.value === 'string' ? name.value : hex(name.value),
      ]),
      [
        ['dns', 'a.test'],
        ['ip', '0a000001'],
        ['ip', `${'00'.repeat(15)}01`],
        ['email', 'x@y.test'],
        ['uri', 'https://z.test/'],
      ],
    );
  });

  it('reads name constraints', () => {
    const rules = { permitted: ['example.com', '10.0.0.0/8'], excluded: ['email:a.test'] };
    const certificate = Certificate.parse(makeTestAuthority({ nameConstraints: rules }).der);
    assert.deepEqual(certificate.nameConstraints, {
      permitted: [
        { kind: 'dns', value: 'example.com' },
        { kind: 'ip', value: Uint8Array.of(10, 0, 0, 0, 255, 0, 0, 0) },
      ],
      excluded: [{ kind: 'email', value: 'a.test' }],
    });
    assert.equal(Certificate.parse(makeTestAuthority().der).nameConstraints, null);
  });

  it('copies what it is given', () => {
    const { der } = makeTestIdentity();
    const given = Uint8Array.from(der);
    const certificate = Certificate.parse(given);
    given.fill(0);
    assert.deepEqual(certificate.der, der);
  });

  it('knows who signed it, and who did not', () => {
    const root = Certificate.parse(makeTestAuthority().der);
    const leaf = Certificate.parse(makeTestIdentity().der);
    const other = Certificate.parse(makeTestAuthority({ kind: 'rsa' }).der);
    assert.equal(leaf.isSignedBy(root), true);
    assert.equal(leaf.isSignedBy(root), true);
    assert.equal(root.isSignedBy(root), true);
    assert.equal(leaf.isSignedBy(leaf), false);
    assert.equal(leaf.isSignedBy(other), false);
    assert.equal(root.selfIssued, true);
    assert.equal(leaf.selfIssued, false);
  });

  it('gives the hashes that openssl gives', () => {
    const { der } = makeTestIdentity();
    const certificate = Certificate.parse(der);
    const x509 = new X509Certificate(der);
    assert.equal(hex(certificate.sha256()), x509.fingerprint256.replaceAll(':', '').toLowerCase());
    const spki = x509.publicKey.export({ type: 'spki', format: 'der' });
    assert.equal(hex(certificate.spkiSha256()), createHash('sha256').update(spki).digest('hex'));
  });

  it('names its subject without control characters', () => {
    assert.equal(Certificate.parse(makeTestIdentity().der).subjectText, 'CN=localhost');
    assert.equal(Certificate.parse(makeTestIdentity({ subject: '' }).der).subjectText, 'no subject');
    const nasty = Certificate.parse(makeTestIdentity({ subject: 'a\u001b[31m\nb\u009b' }).der).subjectText;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    assert.doesNotMatch(nasty, /[\x00-\x1f\x7f-\x9f]/);
  });

  it('C21 refuses what is no certificate', () => {
    const { der } = makeTestIdentity();
    malformed(new Uint8Array(0));
    malformed(Uint8Array.of(0x30, 0x00));
    malformed(der.subarray(0, der.length - 1));
    malformed(Uint8Array.from([...der, 0]), /unexpected bytes/);
    malformed(new Uint8Array(Buffer.from(makeTestIdentity().certPem)));
  });

  it('refuses more bytes than the limit without looking at them', () => {
    malformed(new Uint8Array(MAX_CERTIFICATE_SIZE + 1), /65537 bytes/);
  });

  it('RFC 5280 §4.2 refuses an extension that is there twice', () => {
    const value = Uint8Array.of(0x30, 0x00);
    malformed(
      makeTestIdentity({ extensions: [{ id: ExtensionId.BASIC_CONSTRAINTS, value }] }).der,
      /2\.5\.29\.19 twice/,
    );
  });

  it('refuses more extensions than the limit', () => {
    const extensions = Array.from({ length: 65 }, (_, i) => ({
      id: `1.2.3.${i}`,
      value: Uint8Array.of(5, 0),
    }));
    malformed(makeTestIdentity({ extensions }).der, /more than 64 extensions/);
  });

  it('RFC 5280 §4.1.1.2 refuses two different signature algorithms', () => {
    const changed = Uint8Array.from(makeTestIdentity().der);
    const ecdsaWithSha256 = Buffer.from('06082a8648ce3d040302', 'hex');
    const at = Buffer.from(changed).lastIndexOf(ecdsaWithSha256);
    changed[at + ecdsaWithSha256.length - 1] = 3;
    malformed(changed, /two different signature algorithms/);
  });

  it('refuses an extension whose value cannot be read when it is asked for', () => {
    const ids = Object.entries({
      [ExtensionId.BASIC_CONSTRAINTS]: { ca: null },
      [ExtensionId.KEY_USAGE]: { keyUsage: null },
      [ExtensionId.EXTENDED_KEY_USAGE]: { extendedKeyUsage: null },
      [ExtensionId.SUBJECT_ALTERNATIVE_NAME]: { names: [] },
      [ExtensionId.NAME_CONSTRAINTS]: {},
    });
    for (const [id, without] of ids) {
      for (const value of ['', '02', '30020500', '300005', '04020500']) {
        const extensions = [{ id, value: new Uint8Array(Buffer.from(value, 'hex')) }];
        malformed(makeTestIdentity({ ...without, extensions }).der);
      }
    }
  });

  it('throws nothing but ERR_QUIC_CERTIFICATE_MALFORMED for changed bytes', () => {
    const seeds = [
      seededIdentity().der,
      makeTestAuthority({ nameConstraints: { permitted: ['a.test'] } }).der,
    ];
    const change = fc.record({ at: fc.nat(600), value: fc.nat(255) });
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(change, { minLength: 1, maxLength: 4 }),
        (seed, changes) => {
          const der = Uint8Array.from(seed);
          for (const { at, value } of changes) der[at % der.length] = value;
          try {
            touchAll(Certificate.parse(der));
          } catch (error) {
            assert.ok(error instanceof QuicError, String(error));
            assert.equal(error.code, 'ERR_QUIC_CERTIFICATE_MALFORMED');
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('knows the bits of key usage', () => {
    const certificate = Certificate.parse(
      makeTestIdentity({ keyUsage: ['keyAgreement', 'decipherOnly'] }).der,
    );
    assert.equal(certificate.keyUsage, KeyUsageBit.keyAgreement | KeyUsageBit.decipherOnly);
  });
});
