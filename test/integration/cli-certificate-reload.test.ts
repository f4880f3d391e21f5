import assert from 'node:assert/strict';
import { renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from '../../src/index.ts';
import { makeTestIdentity, type TestIdentity } from '../support/certificates.ts';
import { startCliServer, temporaryFolder } from '../support/cli.ts';

test('serve reads its certificate files again when they change, and keeps the last good ones on error', async (t) => {
  const folder = temporaryFolder(t);
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const write = ({ certPem, keyPem }: Pick<TestIdentity, 'certPem' | 'keyPem'>): void => {
    writeFileSync(cert, certPem);
    writeFileSync(key, keyPem);
  };
  const [first, second, third] = ['a', 'b', 'c'].map((name) => makeTestIdentity({ names: [name] }));
  write(first);
  const server = await startCliServer(t, ['serve', '--cert', cert, '--key', key]);
  const shown = async (): Promise<Uint8Array | null> => {
    const connection = await connect(`127.0.0.1:${server.port}`, {
      alpn: 'echo',
      rejectUnauthorized: false,
    });
    const { peerCertificate } = connection;
    await connection.close();
    return peerCertificate;
  };
  const old = await connect(`127.0.0.1:${server.port}`, { alpn: 'echo', rejectUnauthorized: false });
  assert.deepEqual(await shown(), first.der);

  write(second);
  await server.said(/certificate read again, valid until .* SHA-256 [0-9a-f]{64}/);
  assert.deepEqual(await shown(), second.der);
  assert.ok(old.isOpen);

  write({ certPem: third.certPem, keyPem: first.keyPem });
  await server.said(/warning: the certificate files changed and cannot be used.*does not belong/);
  assert.deepEqual(await shown(), second.der);

  // As renewals put files into place: the new one beside the old one, then over it in one step.
  writeFileSync(`${key}.new`, third.keyPem);
  renameSync(`${key}.new`, key);
  await server.said(/again[\s\S]*again/);
  assert.deepEqual(await shown(), third.der);

  unlinkSync(cert);
  await server.said(/cannot be used[\s\S]*cannot be used/);
  assert.deepEqual(await shown(), third.der);
  writeFileSync(join(folder, 'renewed.pem'), first.certPem);
  writeFileSync(key, first.keyPem);
  symlinkSync(join(folder, 'renewed.pem'), cert);
  await server.said(/again[\s\S]*again[\s\S]*again/);
  assert.deepEqual(await shown(), first.der);
  await old.close();
});
