/**
 * Makes `test/fixtures/seeded-*.pem`: the Ed25519 root and leaf of seeded runs. Keys come from fixed seeds and everything
 * else is constant, so that running it again changes nothing. Run from the root: `node scripts/make-test-fixtures.ts`
 * (Node 24).
 */
import { createHash, createPrivateKey, type KeyObject } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCertificateSync } from '../src/pki/certificate-builder.ts';

const folder = join(process.cwd(), 'test', 'fixtures');
const validity = { notBefore: new Date(0), notAfter: new Date('9999-12-31T23:59:59Z') };

const root = makeCertificateSync({
  ...validity,
  subject: 'quayside seeded root',
  ca: true,
  key: keyFromSeed('root'),
  serialNumber: Uint8Array.of(1),
});
const leaf = makeCertificateSync({
  ...validity,
  subject: 'localhost',
  names: ['localhost', '127.0.0.1', '::1', 'example.com', '*.example.com'],
  key: keyFromSeed('leaf'),
  issuer: root,
  serialNumber: Uint8Array.of(2),
});
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'seeded-root.pem'), root.pem);
writeFileSync(join(folder, 'seeded-leaf.pem'), leaf.pem);
writeFileSync(join(folder, 'seeded-leaf.key.pem'), leaf.keyPem);

/** RFC 8410 §7: a PKCS #8 wrapping of the 32-byte seed. */
function keyFromSeed(name: string): KeyObject {
  const seed = createHash('sha256').update(`quayside test fixture ${name}`).digest();
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}
