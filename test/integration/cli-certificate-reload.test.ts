import assert from 'node:assert/strict';
import { renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
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

test('serve swaps its certificate under 50 connections a second, and none of them fails', async (t) => {
  const folder = temporaryFolder(t);
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const identities = ['a', 'b'].map((name) => makeTestIdentity({ names: [name] }));
  const put = (file: string, text: string): void => {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  };
  const swap = ({ certPem, keyPem }: TestIdentity): void => {
    put(cert, certPem);
    put(key, keyPem);
  };
  swap(identities[0]);
  const server = await startCliServer(t, ['serve', '--quiet', '--cert', cert, '--key', key]);
  const target = `127.0.0.1:${server.port}`;
  const running: Promise<number>[] = [];
  let swaps = 0;
  for (let n = 0; n < 120; n++) {
    if (n % 40 === 20) swap(identities[++swaps % 2]);
    running.push(
      connect(target, { alpn: 'echo', rejectUnauthorized: false }).then(async (connection) => {
        const stream = await connection.createBidirectionalStream();
        await stream.end(Buffer.from('still here'));
        const answer = await stream.read();
        assert.equal(Buffer.from(answer ?? []).toString(), 'still here');
        const shown = identities.findIndex(
          ({ der }) => Buffer.compare(der, connection.peerCertificate ?? der) === 0,
        );
        await connection.close();
        return shown;
      }),
    );
    await wait(20);
  }
  const shown = await Promise.all(running);
  assert.deepEqual([...new Set(shown)].sort(), [0, 1]);
  const changes = shown.filter((each, i) => i > 0 && each !== shown[i - 1]).length;
  assert.ok(changes >= 2, `both certificates in turns, ${changes} changes`);
});
