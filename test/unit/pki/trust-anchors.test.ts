import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as tls from 'node:tls';
import { pathToFileURL } from 'node:url';
import { Certificate } from '../../../src/pki/certificate.ts';
import { readPem } from '../../../src/pki/pem.ts';
import { TrustAnchors, type TrustSource, trustAnchors } from '../../../src/pki/trust-anchors.ts';
import { certificatesToPem, makeTestAuthority } from '../../support/certificates.ts';

const first = makeTestAuthority({ subject: 'anchor one' });
const second = makeTestAuthority({ subject: 'anchor two' });
const parse = (der: Uint8Array): Certificate => Certificate.parse(der);
const code = (expected: string, message?: RegExp) => (error: unknown) => {
  assert.equal((error as { code?: string }).code, expected, String(error));
  if (message !== undefined) assert.match((error as Error).message, message);
  return true;
};

describe('TrustAnchors', () => {
  it('reads its source once, at the first question', () => {
    let reads = 0;
    const anchors = new TrustAnchors(() => {
      reads++;
      return [first.der];
    });
    assert.equal(reads, 0);
    assert.equal(anchors.has(parse(first.der)), true);
    assert.equal(anchors.size, 1);
    assert.equal(reads, 1);
  });

  it('finds by subject and parses only what was found', (t) => {
    const parses = t.mock.method(Certificate, 'parse');
    const anchors = new TrustAnchors(() => [first.der, second.der]);
    const { subject } = new TrustAnchors(() => [first.der]).bySubject(parse(first.der).subject)[0];
    const before = parses.mock.callCount();
    const found = anchors.bySubject(subject);
    assert.equal(parses.mock.callCount(), before + 1);
    assert.equal(anchors.bySubject(subject)[0], found[0]);
    assert.equal(parses.mock.callCount(), before + 1);
    assert.deepEqual(
      found.map((anchor) => anchor.der),
      [first.der],
    );
    assert.deepEqual(anchors.bySubject(Uint8Array.of(0x30, 0)), []);
  });

  it('is exact: the same name and key in another certificate is no anchor', () => {
    const twin = makeTestAuthority({ subject: 'anchor one', key: first.key });
    assert.equal(new TrustAnchors(() => [first.der]).has(parse(twin.der)), false);
  });

  it('leaves out what it cannot read, and copies', () => {
    const broken = first.der.subarray(0, 300);
    assert.equal(new TrustAnchors(() => [broken, Uint8Array.of(1), first.der, first.der]).size, 1);
  });
});

describe('trustAnchors', () => {
  it('has the roots of the runtime by default, shared and lazy', () => {
    const anchors = trustAnchors();
    assert.equal(trustAnchors('default'), anchors);
    assert.ok(anchors.size > 100);
    const [root] = tls.rootCertificates.flatMap((pem) => readPem(pem).map((block) => block.der));
    assert.equal(trustAnchors('bundled').has(parse(root)), true);
    assert.equal(anchors.has(parse(first.der)), false);
  });

  it("has the system's where the runtime knows them", () => {
    if ('getCACertificates' in tls) assert.ok(trustAnchors('system').size >= 0);
    else assert.throws(() => trustAnchors('system'), code('ERR_QUIC_UNSUPPORTED', /22\.15/));
  });

  it('L22 takes PEM and DER, text, bytes, files and lists', () => {
    const folder = mkdtempSync(join(tmpdir(), 'quayside-'));
    try {
      const file = join(folder, 'ca.pem');
      writeFileSync(file, `a comment\n${certificatesToPem([first.der, second.der])}`);
      const derFile = join(folder, 'ca.der');
      writeFileSync(derFile, second.der);
      const sources: readonly (readonly [TrustSource | TrustSource[], number])[] = [
        [first.pem, 1],
        [first.pem + second.pem, 2],
        [Buffer.from(first.pem), 1],
        [first.der, 1],
        [file, 2],
        [derFile, 1],
        [pathToFileURL(file), 2],
        [[first.pem, derFile], 2],
      ];
      for (const [source, size] of sources) assert.equal(trustAnchors(source).size, size);
      const together = trustAnchors(['bundled', first.pem]);
      assert.equal(together.size, trustAnchors('bundled').size + 1);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('names the option and the value that it cannot read', () => {
    assert.throws(
      () => trustAnchors('/no/such/file'),
      code('ERR_QUIC_INVALID_CERTIFICATE', /"ca".*\/no\/such\/file/),
    );
    assert.throws(() => trustAnchors(first.keyPem), code('ERR_QUIC_INVALID_CERTIFICATE', /PRIVATE KEY/));
    assert.throws(() => trustAnchors(Uint8Array.of(1, 2)), code('ERR_QUIC_INVALID_CERTIFICATE', /2 bytes/));
    assert.throws(
      () => trustAnchors(7 as unknown as string, 'verify.ca'),
      code('ERR_INVALID_ARG_TYPE', /verify\.ca/),
    );
    assert.throws(() => trustAnchors([]), code('ERR_INVALID_ARG_TYPE'));
    assert.throws(() => trustAnchors(''), code('ERR_INVALID_ARG_TYPE'));
  });

  it('counts NODE_EXTRA_CA_CERTS among the defaults', () => {
    const folder = mkdtempSync(join(tmpdir(), 'quayside-'));
    try {
      const file = join(folder, 'extra.pem');
      writeFileSync(file, first.pem);
      const here = new URL(import.meta.url);
      const module = new URL(
        `../../../src/pki/trust-anchors${here.pathname.endsWith('.ts') ? '.ts' : '.js'}`,
        here,
      );
      const script = `import { trustAnchors } from ${JSON.stringify(module.href)}; console.log(trustAnchors('default').size)`;
      const size = (env: Record<string, string>): number =>
        Number(
          execFileSync(process.execPath, ['--input-type=module', '-e', script], {
            env,
            encoding: 'utf8',
            stdio: 'pipe',
          }),
        );
      assert.equal(size({ NODE_EXTRA_CA_CERTS: file }), size({}) + 1);
      assert.equal(size({ NODE_EXTRA_CA_CERTS: join(folder, 'none.pem') }), size({}));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
