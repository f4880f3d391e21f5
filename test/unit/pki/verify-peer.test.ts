import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { QUIC_ERRORS, QuicError, type QuicErrorCode, quicError } from '../../../src/errors.ts';
import { certificateAlert } from '../../../src/pki/certificate-alert.ts';
import { certificateSha256, publicKeySha256 } from '../../../src/pki/fingerprint.ts';
import { trustAnchors } from '../../../src/pki/trust-anchors.ts';
import {
  type VerifiedPeer,
  type VerifyPeerOptions,
  verifyPeerCertificate,
} from '../../../src/pki/verify-peer.ts';
import { makeChain, makeTestIdentity, seededIdentity } from '../../support/certificates.ts';

const NOW = Date.parse('2030-06-15T12:00:00Z');
const chain = makeChain({ intermediates: 1, names: ['*.example.com', '127.0.0.1'] });
const anchors = trustAnchors(chain.ca);

function verify(options: Partial<VerifyPeerOptions> = {}): VerifiedPeer {
  return verifyPeerCertificate({
    certificates: chain.certificates,
    serverName: 'www.example.com',
    purpose: 'serverAuth',
    anchors,
    now: NOW,
    ...options,
  });
}

function refuses(options: Partial<VerifyPeerOptions>, reason: string, message?: RegExp): void {
  assert.throws(
    () => verify(options),
    (error) => {
      assert.ok(error instanceof QuicError, String(error));
      assert.equal(error.code, `ERR_QUIC_CERTIFICATE_${reason}`, error.message);
      if (message !== undefined) assert.match(error.message, message);
      return true;
    },
  );
}

describe('verifyPeerCertificate', () => {
  it('C21 believes a chain to an anchor for the right host, as often as it is asked', () => {
    for (let i = 0; i < 3; i++) {
      const { path, pinned } = verify();
      assert.equal(path.length, 3);
      assert.equal(pinned, false);
    }
    verify({ serverName: '127.0.0.1' });
  });

  it('remembers certificates but not decisions', () => {
    verify();
    refuses({ now: Date.parse('2300-01-01T00:00:00Z') }, 'EXPIRED');
    refuses({ anchors: trustAnchors(seededIdentity().ca) }, 'UNKNOWN_ISSUER');
    refuses({ serverName: 'example.org' }, 'HOST_MISMATCH');
  });

  it('C21 refuses a certificate for another host, and says for which it is', () => {
    refuses(
      { serverName: 'www.example.org' },
      'HOST_MISMATCH',
      /www\.example\.org.*\*\.example\.com.*127\.0\.0\.1/,
    );
    refuses({ serverName: 'a.b.example.com' }, 'HOST_MISMATCH');
    refuses({ serverName: '127.0.0.2' }, 'HOST_MISMATCH');
    refuses({ serverName: null }, 'HOST_MISMATCH');
    refuses({ serverName: '' }, 'HOST_MISMATCH');
  });

  it("does not look at names in a client's certificate", () => {
    assert.equal(verify({ purpose: 'clientAuth', serverName: null }).path.length, 3);
    const server = makeTestIdentity({ extendedKeyUsage: ['serverAuth'] });
    const options = { certificates: server.certificates, anchors: trustAnchors(server.ca) };
    refuses({ ...options, purpose: 'clientAuth', serverName: null }, 'EXTENDED_KEY_USAGE');
  });

  it('C21 trusts the roots of the runtime when no anchors are given', () => {
    const { certificates } = chain;
    assert.throws(
      () => verifyPeerCertificate({ certificates, serverName: 'x', purpose: 'serverAuth', now: NOW }),
      {
        code: 'ERR_QUIC_CERTIFICATE_UNKNOWN_ISSUER',
      },
    );
  });

  it('C21 refuses no certificate, an unreadable one and too many', () => {
    refuses({ certificates: [] }, 'REQUIRED');
    refuses({ certificates: [Uint8Array.of(1)] }, 'MALFORMED');
    refuses({ certificates: [chain.der, Uint8Array.of(1)] }, 'MALFORMED');
    refuses({ certificates: Array.from({ length: 17 }, () => chain.der) }, 'CHAIN_TOO_LONG');
  });

  it('C21 refuses a chain with any byte of any certificate changed, with a QuicError and nothing else', () => {
    const size = chain.certificates.reduce((sum, der) => sum + der.length, 0);
    fc.assert(
      fc.property(fc.nat(size - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const certificates = chain.certificates.map((der) => Uint8Array.from(der));
        const index = at < chain.der.length ? 0 : 1;
        certificates[index][at - index * chain.der.length] ^= flip;
        assert.throws(() => verify({ certificates }), QuicError);
      }),
      { numRuns: 400 },
    );
  });

  it('takes a pinned certificate or key without chain and host name', () => {
    const self = makeTestIdentity({ authority: null });
    for (const pin of [certificateSha256(self.der).hex, publicKeySha256(self.der).base64]) {
      const certificates = [self.der];
      const { path, pinned } = verify({
        certificates,
        serverName: 'elsewhere.test',
        pins: ['00'.repeat(32), pin],
      });
      assert.equal(path.length, 1);
      assert.equal(pinned, true);
    }
  });

  it('C21 refuses what is not pinned, even with a good chain', () => {
    refuses({ pins: ['00'.repeat(32)] }, 'PIN_MISMATCH');
    // A pin is for the leaf: whoever holds the intermediate's certificate has not its key.
    refuses({ pins: [certificateSha256(chain.certificates[1]).hex] }, 'PIN_MISMATCH');
    const mine = makeTestIdentity({ authority: null });
    refuses({ certificates: [chain.der, mine.der], pins: [certificateSha256(mine.der).hex] }, 'PIN_MISMATCH');
  });

  it('C21 refuses a pinned certificate outside its validity', () => {
    const old = makeTestIdentity({ authority: null, notAfter: new Date(NOW - 2000) });
    const pins = [certificateSha256(old.der).bytes];
    refuses({ certificates: [old.der], pins }, 'EXPIRED');
    refuses({ certificates: [old.der], pins, now: -1 }, 'NOT_YET_VALID');
  });

  it('throws for a pin that is none', () => {
    assert.throws(() => verify({ pins: ['abc'] }), { code: 'ERR_INVALID_ARG_VALUE', message: /pins/ });
  });

  it('no pins means no pinning', () => {
    assert.equal(verify({ pins: [] }).pinned, false);
  });

  it('believes the identity of seeded runs at any time', () => {
    const seeded = seededIdentity();
    for (const now of [0, NOW, Date.parse('9999-12-31T00:00:00Z')]) {
      const options = { certificates: seeded.certificates, anchors: trustAnchors(seeded.ca), now };
      assert.equal(verify({ ...options, serverName: 'a.example.com' }).path.length, 2);
    }
  });
});

describe('RFC 8446 §6.2 certificateAlert', () => {
  it('has an alert for every reason', () => {
    for (const code of Object.keys(QUIC_ERRORS) as QuicErrorCode[]) {
      if (!code.startsWith('ERR_QUIC_CERTIFICATE_')) continue;
      const alert = certificateAlert(quicError(code));
      assert.ok([42, 43, 44, 45, 46, 48, 116].includes(alert), code);
    }
  });

  it('says certificate_unknown for anything else', () => {
    assert.equal(certificateAlert(new Error('x')), 46);
    assert.equal(certificateAlert(quicError('ERR_QUIC_IDLE_TIMEOUT')), 46);
    assert.equal(certificateAlert(undefined), 46);
  });
});
