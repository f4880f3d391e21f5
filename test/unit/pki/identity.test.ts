import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { QuicError } from '../../../src/errors.ts';
import { type IdentityOptions, loadIdentity } from '../../../src/pki/identity.ts';
import type { PkiInput } from '../../../src/pki/input.ts';
import { makeChain, makeTestIdentity } from '../../support/certificates.ts';

const chain = makeChain({ intermediates: 1 });
const other = makeTestIdentity({ names: ['other.test'] });
const folder = mkdtempSync(join(tmpdir(), 'quayside-'));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function refuses(
  options: Partial<IdentityOptions>,
  code: string,
  ...words: readonly (string | RegExp)[]
): void {
  assert.throws(
    () => loadIdentity({ cert: chain.certPem, key: chain.keyPem, ...options }),
    (error) => {
      assert.equal((error as QuicError).code, code, String(error));
      if (code.startsWith('ERR_QUIC')) assert.ok(error instanceof QuicError);
      for (const word of words) assert.match((error as Error).message, new RegExp(word));
      return true;
    },
  );
}

describe('loadIdentity', () => {
  const ecSec1 = chain.key.export({ type: 'sec1', format: 'pem' }) as string;
  const certs: Readonly<Record<string, PkiInput | PkiInput[]>> = {
    'PEM text with the chain': chain.certPem,
    'PEM bytes': Buffer.from(chain.certPem),
    'a PEM file': file('chain.pem', chain.certPem),
    'a file URL': pathToFileURL(file('chain2.pem', chain.certPem)),
    'a list of DER': chain.certificates,
    'a list of a DER file and PEM text': [
      file('leaf.der', chain.der),
      makeChain({ intermediates: 1 }).certPem.split(/(?<=END CERTIFICATE-----\n)/)[1],
    ],
    'PEM with the key in it': ecSec1 + chain.certPem,
  };
  for (const [form, cert] of Object.entries(certs)) {
    it(`L22 takes certificates as ${form}`, () => {
      assert.deepEqual(loadIdentity({ cert, key: chain.keyPem }).certificates, chain.certificates);
    });
  }

  const keys: Readonly<Record<string, PkiInput>> = {
    'PKCS #8 PEM text': chain.keyPem,
    'PKCS #8 PEM bytes': Buffer.from(chain.keyPem),
    'PKCS #8 DER': chain.keyDer,
    'SEC1 PEM': ecSec1,
    'SEC1 DER': chain.key.export({ type: 'sec1', format: 'der' }),
    'a PEM file': file('key.pem', chain.keyPem),
    'a DER file': file('key.der', chain.keyDer),
    'PEM with certificates before it': chain.certPem + chain.keyPem,
    'PEM with parameters before it': `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${ecSec1}`,
  };
  for (const [form, key] of Object.entries(keys)) {
    it(`L22 takes a key as ${form}`, () => {
      assert.equal(loadIdentity({ cert: chain.certPem, key }).key.kind, 'ec-p256');
    });
  }

  for (const kind of ['ec-p384', 'ed25519', 'rsa'] as const) {
    it(`takes keys of ${kind}`, () => {
      const identity = makeTestIdentity({ kind });
      const loaded = loadIdentity({ cert: identity.der, key: identity.keyPem });
      assert.equal(loaded.key.kind, kind);
      assert.equal(loaded.notAfter.toISOString(), '2199-12-31T23:59:59.000Z');
    });
  }

  it('L21 refuses a key that belongs to another certificate, and says to which', () => {
    refuses({ key: other.keyPem }, 'ERR_QUIC_KEY_MISMATCH', '"key"', '"cert"', 'CN=localhost');
    const [leaf, intermediate] = chain.certificates;
    refuses({ cert: [intermediate, leaf] }, 'ERR_QUIC_KEY_MISMATCH', 'key of certificate 2');
  });

  it('L21 refuses a key that cannot be read', () => {
    refuses(
      { key: file('bad.pem', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----') },
      'ERR_QUIC_INVALID_KEY',
      '"key"',
      'bad.pem',
      'allowed',
    );
    refuses({ key: Uint8Array.of(1, 2, 3) }, 'ERR_QUIC_INVALID_KEY', '"key"', '3 bytes');
    refuses({ key: new Uint8Array(0) }, 'ERR_QUIC_INVALID_KEY', '"key"', '0 bytes');
    refuses({ key: '/no/such/key' }, 'ERR_QUIC_INVALID_KEY', '"key"', '/no/such/key', 'ENOENT');
    refuses({ key: chain.certPem }, 'ERR_QUIC_INVALID_KEY', 'no private key', 'CERTIFICATE');
  });

  it('L21 refuses a key that is protected by a passphrase', () => {
    const protect = { cipher: 'aes-128-cbc', passphrase: 'x' };
    const pem = chain.key.export({ type: 'pkcs8', format: 'pem', ...protect }) as string;
    const der = chain.key.export({ type: 'pkcs8', format: 'der', ...protect });
    const old = chain.key.export({ type: 'sec1', format: 'pem', ...protect }) as string;
    for (const key of [pem, der, old]) refuses({ key }, 'ERR_QUIC_INVALID_KEY', 'passphrase', '"key"');
  });

  it('L21 refuses certificates that cannot be read', () => {
    refuses({ cert: '/no/such/cert' }, 'ERR_QUIC_INVALID_CERTIFICATE', '"cert"', '/no/such/cert');
    refuses({ cert: chain.keyPem }, 'ERR_QUIC_INVALID_CERTIFICATE', '"cert"', 'PRIVATE KEY');
    refuses({ cert: Uint8Array.of(0x30, 0) }, 'ERR_QUIC_INVALID_CERTIFICATE', '"cert"', '2 bytes');
    refuses({ cert: [chain.der, Uint8Array.of(0x30, 0)] }, 'ERR_QUIC_INVALID_CERTIFICATE', '2 bytes');
    refuses({ cert: [] }, 'ERR_QUIC_INVALID_CERTIFICATE', 'empty list');
    refuses({ cert: folder }, 'ERR_QUIC_INVALID_CERTIFICATE', 'EISDIR');
  });

  it('throws a TypeError for values of another type', () => {
    refuses({ cert: 7 as unknown as string }, 'ERR_INVALID_ARG_TYPE', '"cert"');
    refuses({ key: undefined as unknown as string }, 'ERR_INVALID_ARG_TYPE', '"key"');
  });
});
