import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Certificate, certificateSha256, developmentCertificate, loadIdentity } from '../../src/pki.ts';
import { runCli, temporaryFolder } from '../support/cli.ts';

interface Shown {
  certFile: string;
  keyFile: string;
  notAfter: string;
  certificateSha256: string;
  keySha256: string;
  renewed: boolean;
  chrome: string[];
}

const DAY = 86_400_000;

async function devCert(cwd: string, ...args: string[]): Promise<Shown> {
  const result = await runCli(['dev-cert', ...args, '--json'], { cwd });
  assert.equal(result.code, 0, result.stderr);
  return JSON.parse(result.stdout) as Shown;
}

test('dev-cert makes a certificate once, renews it when asked and shows it', async (t) => {
  const cwd = temporaryFolder(t);
  const nothing = await runCli(['dev-cert', 'show'], { cwd });
  assert.equal(nothing.code, 1);
  assert.match(nothing.stderr, /^quayside: There is no development certificate in --folder \.quayside.*\n$/);
  const made = await devCert(cwd);
  assert.equal(made.renewed, true);
  const kept = await devCert(cwd, 'make');
  assert.deepEqual(kept, { ...made, renewed: false });
  assert.deepEqual(await devCert(cwd, 'show'), kept);
  const renewed = await devCert(cwd, 'renew');
  assert.equal(renewed.renewed, true);
  assert.notEqual(renewed.certificateSha256, made.certificateSha256);
  assert.notEqual(renewed.keySha256, made.keySha256);
  const { certificates } = loadIdentity({ cert: renewed.certFile, key: renewed.keyFile });
  assert.equal(certificateSha256(certificates[0]).hex, renewed.certificateSha256);
  const { notBefore, notAfter } = Certificate.parse(certificates[0]);
  assert.ok(notAfter - notBefore <= 14 * DAY);
  assert.ok(renewed.chrome.some((option) => option.endsWith(renewed.keySha256)));
  if (process.platform === 'win32') return;
  for (const file of [renewed.certFile, renewed.keyFile]) assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(statSync(join(cwd, '.quayside')).mode & 0o777, 0o700);
});

test('dev-cert renews a certificate that nears its end, and shows it as it is', async (t) => {
  const cwd = temporaryFolder(t);
  const folder = join(cwd, 'kept');
  const old = await developmentCertificate({ folder, now: Date.now() - 12 * DAY });
  assert.equal((await devCert(cwd, 'show', '--folder', 'kept')).certificateSha256, old.certificateSha256.hex);
  const renewed = await devCert(cwd, '--folder', 'kept');
  assert.equal(renewed.renewed, true);
  assert.notEqual(renewed.certificateSha256, old.certificateSha256.hex);
  assert.ok(Date.parse(renewed.notAfter) > Date.now() + 12 * DAY);
  const text = await runCli(['dev-cert', 'show', '--folder', 'kept'], { cwd });
  assert.ok(text.stdout.includes(renewed.certificateSha256));
  assert.ok(text.stdout.includes(renewed.keySha256));
  assert.ok(text.stdout.includes(renewed.notAfter));
  assert.match(readFileSync(renewed.keyFile, 'utf8'), /^-----BEGIN PRIVATE KEY-----/);
});
