import assert from 'node:assert/strict';
import { constants, generateKeyPairSync, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import { AsnConvert } from '@peculiar/asn1-schema';
import * as asn1 from '@peculiar/asn1-x509';
import { QuicError } from '../../../src/errors.ts';
import { Certificate } from '../../../src/pki/certificate.ts';
import { certificateAlert } from '../../../src/pki/certificate-alert.ts';
import { makeCertificateSync } from '../../../src/pki/certificate-builder.ts';
import {
  MAX_CHAIN_CERTIFICATES,
  MAX_SIGNATURE_CHECKS,
  validatePath,
} from '../../../src/pki/path-validation.ts';
import { TrustAnchors } from '../../../src/pki/trust-anchors.ts';
import {
  makeChain,
  makeTestAuthority,
  makeTestIdentity,
  type TestIdentity,
  type TestIdentityOptions,
} from '../../support/certificates.ts';

const NOW = Date.parse('2030-06-15T12:00:00Z');
const DAY = 86_400_000;

interface Try {
  readonly anchors?: readonly Uint8Array[];
  readonly purpose?: 'serverAuth' | 'clientAuth';
  readonly now?: number;
}

function walk(chain: readonly Uint8Array[], anchor: Uint8Array, options: Try = {}): readonly Certificate[] {
  return validatePath(
    chain.map((der) => Certificate.parse(der)),
    {
      purpose: options.purpose ?? 'serverAuth',
      now: options.now ?? NOW,
      anchors: new TrustAnchors(() => options.anchors ?? [anchor]),
    },
  );
}

function accepted(identity: TestIdentity, options?: Try): number {
  return walk(identity.certificates, identity.ca, options).length;
}

function refused(
  identity: Pick<TestIdentity, 'certificates' | 'ca'>,
  reason: string,
  alert: number,
  options?: Try,
): void {
  assert.throws(
    () => walk(identity.certificates, identity.ca, options),
    (error) => {
      assert.ok(error instanceof QuicError, String(error));
      assert.equal(error.code, `ERR_QUIC_CERTIFICATE_${reason}`, error.message);
      assert.equal(certificateAlert(error), alert);
      assert.ok(error.message.length > 20);
      return true;
    },
  );
}

/** A leaf below one intermediate with the given peculiarities below the default root. */
function below(
  authority: Parameters<typeof makeTestAuthority>[0],
  leaf: TestIdentityOptions = {},
): TestIdentity {
  return makeTestIdentity({
    authority: makeTestAuthority({ parent: makeTestAuthority(), ...authority }),
    ...leaf,
  });
}

/** The certificate with another signed part, algorithm and signature. */
function resigned(
  der: Uint8Array,
  change: (tbs: asn1.TBSCertificate) => asn1.TBSCertificate,
  algorithm: asn1.AlgorithmIdentifier,
  signer: (bytes: Uint8Array) => Uint8Array,
): Uint8Array {
  const tbs = change(AsnConvert.parse(der, asn1.Certificate).tbsCertificate);
  tbs.signature = algorithm;
  const signature = signer(new Uint8Array(AsnConvert.serialize(tbs)));
  const certificate = new asn1.Certificate({
    tbsCertificate: tbs,
    signatureAlgorithm: algorithm,
    signatureValue: buffer(Buffer.from(signature).toString('hex')),
  });
  return new Uint8Array(AsnConvert.serialize(certificate));
}

function buffer(hex: string): ArrayBuffer {
  return new Uint8Array(Buffer.from(hex, 'hex')).buffer;
}

describe('validatePath accepts', () => {
  for (const kind of ['ec-p256', 'ec-p384', 'ed25519', 'rsa'] as const) {
    it(`a chain of ${kind} keys through an intermediate to the anchor`, () => {
      const identity = makeChain({ intermediates: 1, kind });
      const path = walk(identity.certificates, identity.ca);
      assert.deepEqual(
        path.map((certificate) => certificate.der),
        [...identity.certificates, identity.ca],
      );
    });
  }

  it('a chain of nine certificates', () => {
    assert.equal(accepted(makeChain({ intermediates: 8 })), 10);
  });

  it('intermediates in any order, with strangers and copies among them', () => {
    const identity = makeChain({ intermediates: 3 });
    const [leaf, a, b, c] = identity.certificates;
    const stranger = makeTestAuthority({ subject: 'a stranger' }).der;
    assert.equal(walk([leaf, c, stranger, a, c, b, a], identity.ca).length, 5);
  });

  it('a chain that carries its root too', () => {
    const identity = makeChain({ intermediates: 1 });
    assert.equal(walk([...identity.certificates, identity.ca], identity.ca).length, 3);
  });

  it('a leaf that is an anchor itself, self-signed or not', () => {
    const self = makeTestIdentity({ authority: null });
    assert.equal(accepted(self), 1);
    const issued = makeTestIdentity();
    assert.equal(walk(issued.certificates, issued.der).length, 1);
  });

  it('an intermediate as an anchor', () => {
    const identity = makeChain({ intermediates: 2 });
    const [leaf, lower, upper] = identity.certificates;
    assert.equal(walk([leaf, lower], upper).length, 3);
  });

  it('the good one of two ways, when an expired cross certificate is offered first', () => {
    const root = makeTestAuthority();
    const gone = makeTestAuthority({ subject: 'an old root' });
    const middle = makeTestAuthority({ parent: root, subject: 'cross signed' });
    const cross = makeCertificateSync({
      subject: 'cross signed',
      ca: true,
      key: middle.key,
      issuer: gone,
      notBefore: new Date(0),
      notAfter: new Date(NOW - DAY),
    });
    const leaf = makeTestIdentity({ authority: middle });
    const path = walk([leaf.der, cross.der, middle.der], root.der, { anchors: [root.der, gone.der] });
    assert.deepEqual(path[1].der, middle.der);
  });

  it('the right one of two anchors with one name', () => {
    const old = makeTestAuthority({ subject: 'renewed root', serialNumber: Uint8Array.of(1) });
    const renewed = makeTestAuthority({ subject: 'renewed root', serialNumber: Uint8Array.of(2) });
    const leaf = makeTestIdentity({ authority: renewed });
    assert.equal(walk(leaf.certificates, old.der, { anchors: [old.der, renewed.der] }).length, 2);
  });

  it('RFC 5280 §4.1.2.5 the first and the last second of the period', () => {
    const leaf = makeTestIdentity({ notBefore: new Date(NOW), notAfter: new Date(NOW + DAY) });
    accepted(leaf, { now: NOW });
    accepted(leaf, { now: NOW + DAY + 999 });
    refused(leaf, 'NOT_YET_VALID', 45, { now: NOW - 1 });
    refused(leaf, 'EXPIRED', 45, { now: NOW + DAY + 1000 });
  });

  it('a leaf without key usage and without extended key usage', () => {
    accepted(makeTestIdentity({ keyUsage: null, extendedKeyUsage: null }));
    accepted(makeTestIdentity({ extendedKeyUsage: ['anyExtendedKeyUsage'] }), { purpose: 'clientAuth' });
  });

  it('RFC 5280 §4.2.1.9 exactly as many authorities as the path length allows, self-issued ones not counted', () => {
    const root = makeTestAuthority({ pathLength: 1, subject: 'length one' });
    const middle = makeTestAuthority({ parent: root, subject: 'the one' });
    accepted(makeTestIdentity({ authority: middle }));
    const again = makeTestAuthority({ parent: middle, subject: 'the one' });
    accepted(makeTestIdentity({ authority: again }));
  });

  it('an anchor of version 1, which cannot say that it is an authority', () => {
    const root = makeTestAuthority({ subject: 'version one' });
    const algorithm = new asn1.AlgorithmIdentifier({ algorithm: '1.2.840.10045.4.3.2' });
    const old = resigned(
      root.der,
      (tbs) => {
        tbs.version = asn1.Version.v1;
        delete tbs.extensions;
        return tbs;
      },
      algorithm,
      (bytes) => sign('sha256', bytes, root.key),
    );
    const leaf = makeTestIdentity({ authority: root });
    assert.equal(walk([leaf.der], old).length, 2);
    // Sent by the peer, it is no authority.
    const between = makeTestAuthority({ subject: 'version one', key: root.key, parent: makeTestAuthority() });
    assert.equal(Certificate.parse(old).version, 1);
    refused({ certificates: [leaf.der, old], ca: between.root }, 'NOT_A_CA', 42);
  });

  it('critical certificate policies, which bind nobody here', () => {
    const value = Uint8Array.of(0x30, 0x06, 0x30, 0x04, 0x06, 0x02, 0x2a, 0x03);
    accepted(makeTestIdentity({ extensions: [{ id: '2.5.29.32', critical: true, value }] }));
  });
});

describe('validatePath refuses', () => {
  it('C21 an expired leaf, intermediate or anchor', () => {
    const past = { notBefore: new Date(0), notAfter: new Date(NOW - DAY) };
    refused(makeTestIdentity(past), 'EXPIRED', 45);
    refused(below(past), 'EXPIRED', 45);
    refused(makeTestIdentity({ authority: makeTestAuthority({ ...past, subject: 'old' }) }), 'EXPIRED', 45);
  });

  it('C21 a leaf or intermediate that is not valid yet', () => {
    const future = { notBefore: new Date(NOW + DAY) };
    refused(makeTestIdentity(future), 'NOT_YET_VALID', 45);
    refused(below(future), 'NOT_YET_VALID', 45);
  });

  it('C21 key usage without digitalSignature in the leaf or keyCertSign in an authority', () => {
    refused(makeTestIdentity({ keyUsage: ['keyEncipherment'] }), 'KEY_USAGE', 43);
    refused(below({ keyUsage: ['digitalSignature', 'cRLSign'] }), 'KEY_USAGE', 43);
  });

  it('C21 extended key usage without the purpose, in the leaf or in an authority', () => {
    refused(makeTestIdentity({ extendedKeyUsage: ['clientAuth'] }), 'EXTENDED_KEY_USAGE', 43);
    refused(makeTestIdentity({ extendedKeyUsage: ['serverAuth'] }), 'EXTENDED_KEY_USAGE', 43, {
      purpose: 'clientAuth',
    });
    refused(below({ extendedKeyUsage: ['clientAuth', '1.2.3.4'] }), 'EXTENDED_KEY_USAGE', 43);
  });

  it('C21 an issuer with CA:FALSE or without basicConstraints', () => {
    refused(below({ ca: false, keyUsage: ['keyCertSign'] }), 'NOT_A_CA', 42);
    refused(below({ ca: null, keyUsage: ['keyCertSign'] }), 'NOT_A_CA', 42);
    const root = makeTestAuthority({ ca: null, subject: 'root that says nothing' });
    refused(makeTestIdentity({ authority: root }), 'NOT_A_CA', 42);
  });

  it('C21 a leaf that issues for itself', () => {
    const good = makeTestIdentity();
    const forged = makeTestIdentity({
      issuer: { der: good.der, key: good.key },
      authority: null,
      names: ['bank.test'],
    });
    refused({ certificates: [forged.der, good.der], ca: good.ca }, 'NOT_A_CA', 42);
  });

  it('C21 RFC 5280 §4.2.1.9 more authorities than the path length allows', () => {
    const root = makeTestAuthority({ pathLength: 0, subject: 'length zero' });
    const middle = makeTestAuthority({ parent: root });
    refused(makeTestIdentity({ authority: middle }), 'PATH_LENGTH', 42);
    const deep = makeTestAuthority({
      parent: makeTestAuthority({ parent: makeTestAuthority(), pathLength: 0 }),
    });
    refused(makeTestIdentity({ authority: deep }), 'PATH_LENGTH', 42);
  });

  it('C21 names outside the constraints of an authority, of the root or in between', () => {
    const constrained = below(
      { nameConstraints: { permitted: ['example.com'] } },
      { names: ['example.org'] },
    );
    refused(constrained, 'NAME_CONSTRAINTS', 42);
    const root = makeTestAuthority({ subject: 'narrow', nameConstraints: { excluded: ['example.com'] } });
    const middle = makeTestAuthority({ parent: root });
    refused(makeTestIdentity({ authority: middle, names: ['www.example.com'] }), 'NAME_CONSTRAINTS', 42);
    accepted(makeTestIdentity({ authority: middle, names: ['www.example.org'] }));
  });

  it('C21 a critical extension that is not understood, anywhere in the path', () => {
    const extensions = [{ id: '1.3.6.1.4.1.54392.1.2', critical: true, value: Uint8Array.of(5, 0) }];
    refused(makeTestIdentity({ extensions }), 'UNKNOWN_CRITICAL_EXTENSION', 43);
    refused(below({ extensions }), 'UNKNOWN_CRITICAL_EXTENSION', 43);
    const harmless = extensions.map((extension) => ({ ...extension, critical: false }));
    accepted(makeTestIdentity({ extensions: harmless }));
  });

  it('policies that would have to be processed', () => {
    const value = Uint8Array.of(0x30, 0x03, 0x80, 0x01, 0x00);
    refused(
      below({ extensions: [{ id: '2.5.29.36', critical: true, value }] }),
      'UNKNOWN_CRITICAL_EXTENSION',
      43,
    );
  });

  it('C21 a self-signed leaf that is no anchor', () => {
    const self = makeTestIdentity({ authority: null });
    refused({ certificates: self.certificates, ca: makeTestAuthority().der }, 'SELF_SIGNED', 48);
    refused({ ...self, ca: self.ca }, 'SELF_SIGNED', 48, { anchors: [] });
  });

  it('a self-signed leaf with the name of an anchor', () => {
    const root = makeTestAuthority();
    const self = makeTestIdentity({ authority: null, subject: 'quayside test root' });
    refused({ certificates: self.certificates, ca: root.der }, 'BAD_SIGNATURE', 42);
  });

  it('a self-signed authority as a leaf, sent twice', () => {
    const self = makeTestIdentity({
      authority: null,
      ca: true,
      keyUsage: ['digitalSignature', 'keyCertSign'],
    });
    refused({ certificates: [self.der, self.der], ca: self.ca }, 'SELF_SIGNED', 48, { anchors: [] });
  });

  it('a leaf with the name of its missing issuer, which is not self-signed', () => {
    const root = makeTestAuthority({ subject: 'same name' });
    const leaf = makeTestIdentity({ authority: root, subject: 'same name' });
    refused(leaf, 'UNKNOWN_ISSUER', 48, { anchors: [] });
  });

  it('several ways, with the reason of the first', () => {
    const root = makeTestAuthority();
    const middle = makeTestAuthority({ parent: root, subject: 'two ways', notAfter: new Date(NOW - DAY) });
    const twin = makeTestAuthority({ parent: root, subject: 'two ways', key: middle.key, ca: false });
    const leaf = makeTestIdentity({ authority: middle });
    refused({ certificates: [leaf.der, middle.der, twin.der], ca: root.der }, 'EXPIRED', 45);
    refused({ certificates: [leaf.der, twin.der, middle.der], ca: root.der }, 'NOT_A_CA', 42);
  });

  it('C21 a chain whose root or intermediate is missing', () => {
    const identity = makeChain({ intermediates: 1 });
    refused(identity, 'UNKNOWN_ISSUER', 48, { anchors: [] });
    refused({ certificates: [identity.der], ca: identity.ca }, 'UNKNOWN_ISSUER', 48);
    const other = makeTestAuthority({ subject: 'another root' });
    refused({ certificates: identity.certificates, ca: other.der }, 'UNKNOWN_ISSUER', 48);
  });

  it('C21 signatures with SHA-1', () => {
    refused(makeTestIdentity({ digest: 'sha1' }), 'WEAK_SIGNATURE', 42);
    refused(below({ digest: 'sha1' }), 'WEAK_SIGNATURE', 42);
    const rsa = makeTestAuthority({ kind: 'rsa' });
    refused(makeTestIdentity({ authority: rsa, digest: 'sha1' }), 'WEAK_SIGNATURE', 42);
    // A root's own signature convinces nobody and counts for nothing.
    accepted(
      makeTestIdentity({ authority: makeTestAuthority({ digest: 'sha1', subject: 'old style root' }) }),
    );
  });

  it('C21 RSA keys below 2048 bits', () => {
    const weak = makeTestIdentity({ kind: 'rsa', rsaBits: 1024 });
    refused(weak, 'WEAK_KEY', 42);
    const root = makeTestAuthority({ key: weak.key, subject: 'weak root' });
    refused(makeTestIdentity({ authority: root }), 'WEAK_KEY', 42);
  });

  it('keys on curves that are not accepted', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
    refused(makeTestIdentity({ key: privateKey }), 'WEAK_KEY', 42);
  });

  it('RFC 4055 §3.1 RSASSA-PSS with SHA-1, also where SHA-1 is only the default', () => {
    const root = makeTestAuthority({ kind: 'rsa' });
    const leaf = makeTestIdentity({ authority: root }).der;
    const pss = (hash: 'sha1' | 'sha256', parameters: string): Uint8Array => {
      const algorithm = new asn1.AlgorithmIdentifier({
        algorithm: '1.2.840.113549.1.1.10',
        parameters: buffer(parameters),
      });
      const key = {
        key: root.key,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: hash === 'sha1' ? 20 : 32,
      };
      return resigned(
        leaf,
        (tbs) => tbs,
        algorithm,
        (bytes) => sign(hash, bytes, key),
      );
    };
    const sha256 = '300d06096086480165030402010500';
    const good = `3034a00f${sha256}a11c301a06092a864886f70d010108${sha256}a203020120`;
    accepted({ ...makeTestIdentity(), certificates: [pss('sha256', good)], ca: root.der });
    refused({ certificates: [pss('sha1', '3000')], ca: root.der }, 'WEAK_SIGNATURE', 42);
    const sha1 = '300906052b0e03021a0500';
    refused({ certificates: [pss('sha1', `300da00b${sha1}`)], ca: root.der }, 'WEAK_SIGNATURE', 42);
  });

  it('C21 a signature by another key than the named issuer has', () => {
    const impostor = makeTestAuthority({ subject: 'quayside test root', serialNumber: Uint8Array.of(9) });
    const forged = makeTestIdentity({ authority: impostor });
    refused({ certificates: forged.certificates, ca: makeTestAuthority().der }, 'BAD_SIGNATURE', 42);
  });

  it('C21 a certificate with one bit changed in its signed part or its signature', () => {
    const { certificates, ca } = makeTestIdentity({ names: ['bits.test'] });
    const [leaf] = certificates;
    const inName = Buffer.from(leaf).indexOf('bits.test', Buffer.from(leaf).indexOf('bits.test') + 9);
    for (const at of [inName, leaf.length - 1]) {
      const changed = Uint8Array.from(leaf);
      changed[at] ^= 1;
      refused({ certificates: [changed], ca }, 'BAD_SIGNATURE', 42);
    }
  });

  it('C21 more certificates than are looked at, and paths that are too long', () => {
    const { der, ca } = makeTestIdentity();
    const many = Array.from({ length: MAX_CHAIN_CERTIFICATES + 1 }, () => der);
    refused({ certificates: many, ca }, 'CHAIN_TOO_LONG', 42);
    refused(makeChain({ intermediates: 12 }), 'CHAIN_TOO_LONG', 42);
  });

  it('a knot of authorities that issue for each other, after a bounded number of signatures', (t) => {
    const first = makeTestAuthority({ subject: 'knot' });
    const knot = Array.from({ length: 14 }, () =>
      makeTestAuthority({ subject: 'knot', key: first.key, issuer: first }),
    );
    const leaf = makeTestIdentity({ authority: first });
    const signatures = t.mock.method(Certificate.prototype, 'isSignedBy');
    const certificates = [leaf.der, ...knot.map((made) => made.der)];
    refused({ certificates, ca: leaf.der }, 'CHAIN_TOO_LONG', 42, { anchors: [] });
    assert.ok(
      signatures.mock.callCount() <= MAX_SIGNATURE_CHECKS,
      `${signatures.mock.callCount()} signatures`,
    );
  });

  it('no certificate at all', () => {
    refused({ certificates: [], ca: makeTestAuthority().der }, 'REQUIRED', 116);
  });
});
