import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import test, { type TestContext } from 'node:test';
import { fetchHq } from '../../src/cli/hq/client.ts';
import { MAX_REQUEST_LINE, MAX_REQUEST_REST } from '../../src/cli/hq/request.ts';
import { type HqRequest, serveHq } from '../../src/cli/hq/server.ts';
import { StaticFolder } from '../../src/cli/hq/static-folder.ts';
import { ListenGroup } from '../../src/group.ts';
import { connect, type QuicConnection, type QuicError } from '../../src/index.ts';
import { makeTestIdentity } from '../support/certificates.ts';
import { temporaryFolder } from '../support/cli.ts';

const isWindows = process.platform === 'win32';

/** A folder `served` with things beside it that are nobody's business, and a connection to its server. */
async function setUp(
  t: TestContext,
): Promise<{ folder: string; connection: QuicConnection; log: HqRequest[] }> {
  const outside = temporaryFolder(t);
  const folder = join(outside, 'served');
  mkdirSync(join(folder, 'sub', '.git'), { recursive: true });
  writeFileSync(join(outside, 'secret.txt'), 'secret');
  mkdirSync(join(outside, 'served-too'));
  writeFileSync(join(outside, 'served-too', 'secret.txt'), 'secret');
  writeFileSync(join(folder, 'index.html'), 'index');
  writeFileSync(join(folder, 'a b%2e.txt'), 'odd name');
  writeFileSync(join(folder, 'empty'), '');
  writeFileSync(join(folder, 'sub', 'index.html'), 'sub index');
  writeFileSync(join(folder, 'sub', '.hidden'), 'hidden');
  writeFileSync(join(folder, 'sub', '.git', 'config'), 'hidden');
  const { certPem: cert, keyPem: key, caPem: ca } = makeTestIdentity();
  const served = await StaticFolder.at(folder);
  const log: HqRequest[] = [];
  const run = (stream: Duplex) => serveHq(stream, served, (request) => log.push(request));
  const group = new ListenGroup({ connected: () => ({ handler: { run } }) });
  const listener = { kind: 'quic', address: '127.0.0.1', alpn: 'hq-interop', cert, key } as const;
  const { port } = (await group.addListener({ id: 'hq', listener })) as { port: number };
  const connection = await connect({ host: '127.0.0.1', port }, { alpn: 'hq-interop', ca });
  t.after(async () => {
    await connection.close();
    await group.shutdown();
  });
  return { folder, connection, log };
}

/** What came for a path. */
async function text(connection: QuicConnection, path: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  await fetchHq(connection, path, (chunk) => void chunks.push(chunk));
  return Buffer.concat(chunks).toString();
}

/** The code that a path is refused with. */
function refused(connection: QuicConnection, path: string, code: number): Promise<void> {
  return assert.rejects(text(connection, path), (error: QuicError) => {
    assert.equal(`${path} ${error.code}`, `${path} ERR_QUIC_STREAM_RESET`);
    assert.equal(`${path} ${error.errorCode}`, `${path} ${code}`);
    return true;
  });
}

test('files, the index of a folder, encoded names, empty files and queries', async (t) => {
  const { connection } = await setUp(t);
  assert.equal(await text(connection, '/'), 'index');
  assert.equal(await text(connection, '/index.html?x=..%2f'), 'index');
  assert.equal(await text(connection, '/sub'), 'sub index');
  assert.equal(await text(connection, '/sub/'), 'sub index');
  assert.equal(await text(connection, '//sub/./index.html'), 'sub index');
  assert.equal(await text(connection, '/a%20b%252e.txt'), 'odd name');
  assert.equal(await text(connection, '/empty'), '');
  await refused(connection, '/nowhere', 404);
  await refused(connection, '/index.html/', 404);
  await refused(connection, '/index.html/x', 404);
  await refused(connection, `/${'x'.repeat(300)}`, 404);
});

test('no path leads out of the folder or to hidden files', async (t) => {
  const { connection } = await setUp(t);
  const attempts = [
    '/../secret.txt',
    '/sub/../../secret.txt',
    '/sub/../index.html',
    '/%2e%2e/secret.txt',
    '/%2E%2e%2fsecret.txt',
    '/..%2fsecret.txt',
    '/.%2e/secret.txt',
    '/sub/..%2f..%2fsecret.txt',
    '/..%5csecret.txt',
    '/sub%5c..%5c..%5csecret.txt',
    '/index.html%00',
    '/%00',
    '/index.html%0a',
    '/...',
    '/sub/.hidden',
    '/sub/%2ehidden',
    '/sub/.git/config',
    '/../served-too/secret.txt',
  ];
  for (const path of attempts) await refused(connection, path, 403);
  // Decoded once only: these are names of files that are not there.
  for (const path of ['/%252e%252e/secret.txt', '/%252e%252e%252fsecret.txt'])
    await refused(connection, path, 404);
  for (const path of ['/%', '/%zz', '/%c0%ae%c0%ae/secret.txt', '/%ff']) await refused(connection, path, 400);
  assert.equal(await text(connection, '/'), 'index');
});

test('links are followed inside of the folder and refused outside of it', {
  skip: isWindows && 'links need rights there',
}, async (t) => {
  const { connection, folder } = await setUp(t);
  symlinkSync(join('sub', 'index.html'), join(folder, 'inside'));
  symlinkSync(join('..', 'secret.txt'), join(folder, 'out'));
  symlinkSync('..', join(folder, 'up'));
  symlinkSync(join('..', 'served-too'), join(folder, 'neighbour'));
  symlinkSync(join('sub', '.hidden'), join(folder, 'shown'));
  symlinkSync('circle', join(folder, 'circle'));
  symlinkSync('/etc', join(folder, 'etc'));
  assert.equal(await text(connection, '/inside'), 'sub index');
  for (const path of [
    '/out',
    '/up/secret.txt',
    '/neighbour/secret.txt',
    '/shown',
    '/circle',
    '/etc/passwd',
    '/etc',
  ]) {
    await refused(connection, path, 403);
  }
  // Root may read everything.
  if (process.getuid?.() !== 0) {
    writeFileSync(join(folder, 'private'), 'x', { mode: 0 });
    await refused(connection, '/private', 403);
  }
  mkdirSync(join(folder, 'trap'));
  symlinkSync(join('..', '..', 'secret.txt'), join(folder, 'trap', 'index.html'));
  await refused(connection, '/trap/', 403);
});

test('pipes and devices are not opened', {
  skip: isWindows && 'no pipes in folders there',
  timeout: 20_000,
}, async (t) => {
  const { connection, folder } = await setUp(t);
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  await refused(connection, '/pipe', 403);
  symlinkSync('/dev/zero', join(folder, 'zero'));
  await refused(connection, '/zero', 403);
});

test('malformed and endless requests end their stream with a code and nothing else', async (t) => {
  const { connection, log } = await setUp(t);
  const send = async (request: string | Uint8Array, fin = true): Promise<bigint> => {
    const stream = await connection.createBidirectionalStream();
    const bytes = typeof request === 'string' ? Buffer.from(request, 'latin1') : request;
    (fin ? stream.end(bytes) : stream.write(bytes)).catch(() => {});
    try {
      for await (const _chunk of stream);
      return 0n;
    } catch (error) {
      return (error as QuicError).errorCode;
    }
  };
  const malformed = [
    '',
    '\r\n',
    'GET\r\n',
    'GET index.html\r\n',
    'POST /\r\n',
    'get /\r\n',
    'GET  /\r\n',
    'GET / HTTP/1.1\r\n',
  ];
  for (const request of [
    ...malformed,
    'GET /\x00\r\n',
    'GET /\xe4\r\n',
    'HEAD / HTTP/1.1\r\nHost: x\r\n\r\n',
  ]) {
    assert.equal(await send(request), 400n, JSON.stringify(request));
  }
  for (const request of ['GET /', 'GET /\n', 'GET /\r\n', 'GET /\r\nHost: x\r\n\r\n']) {
    assert.equal(await send(request), 0n, JSON.stringify(request));
  }
  assert.equal(await send(`GET /${'a'.repeat(MAX_REQUEST_LINE)}\r\n`), 414n);
  assert.equal(await send('x'.repeat(MAX_REQUEST_LINE + 1), false), 414n);
  assert.equal(await send(new Uint8Array(200_000), false), 414n);
  assert.equal(log.filter(({ code }) => code === 414).length, 3);
  // What follows a request is ignored, up to a limit.
  const endless = await connection.createBidirectionalStream();
  const sending = (async () => {
    await endless.write(Buffer.from('GET /\r\n'));
    for (let sent = 0; sent < 4 * MAX_REQUEST_REST + 4_000_000; sent += 1000)
      await endless.write(new Uint8Array(1000));
  })();
  await assert.rejects(sending, { code: 'ERR_QUIC_STREAM_STOPPED', errorCode: 414n });
  // A unidirectional stream can get no answer.
  const oneWay = await connection.createUnidirectionalStream();
  await assert.rejects(
    (async () => {
      for (;;) await oneWay.write(new Uint8Array(10_000));
    })(),
    { code: 'ERR_QUIC_STREAM_STOPPED', errorCode: 0n },
  );
  assert.equal(await text(connection, '/'), 'index');
});

test('a client that gives a file up does not disturb the next one', async (t) => {
  const { connection, folder, log } = await setUp(t);
  writeFileSync(join(folder, 'large'), new Uint8Array(20_000_000));
  for (let i = 0; i < 10; i++) {
    const stream = await connection.createBidirectionalStream();
    void stream.end(Buffer.from('GET /large\r\n')).catch(() => {});
    assert.ok(((await stream.read())?.length ?? 0) > 0);
    stream.stopSending(0);
  }
  assert.equal(await text(connection, '/'), 'index');
  const left = log.filter(
    ({ path, code, bytes }) => path === '/large' && code === null && bytes < 20_000_000,
  );
  assert.equal(left.length, 10);
  assert.deepEqual(log.at(-1), { path: '/', code: 0, bytes: 5 });
});
