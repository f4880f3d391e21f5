import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { connect, listen } from '../../src/index.ts';
import { certificateSha256 } from '../../src/pki.ts';
import { makeTestIdentity } from '../support/certificates.ts';
import { runCli, startCli, startCliServer, temporaryFolder } from '../support/cli.ts';

const noSignals = process.platform === 'win32' ? 'Windows ends a child without asking it' : false;

test('serve prints the command that fetches from it, and the command works', async (t) => {
  const server = await startCliServer(t, ['serve']);
  const [, command] = await server.saw(/npx quayside (get hq:\/\/.*)\n/);
  const fetched = await runCli(command.split(' '), { cwd: server.cwd });
  assert.equal(fetched.code, 0, fetched.stderr);
  assert.equal(fetched.stdout, readFileSync(join('demo', 'index.html'), 'utf8'));
  assert.match(fetched.stderr, /^1 file, 377 B in .* s, .* Mbit\/s\n$/);
  // The key's hash is a pin as well.
  const [, key] = await server.saw(/key SHA-256\s+(\S+)/);
  const again = await runCli(['get', `hq://127.0.0.1:${server.port}/hello.txt`, '--pin', key, '-q']);
  assert.deepEqual([again.code, again.stdout, again.stderr], [0, 'Hello over QUIC.\n', '']);
});

test('serve keeps its development certificate in .quayside, hidden from others and from git', async (t) => {
  const server = await startCliServer(t, ['serve']);
  const folder = join(server.cwd, '.quayside');
  assert.deepEqual(readdirSync(folder).sort(), ['.gitignore', 'dev-cert.pem', 'dev-key.pem']);
  assert.equal(readFileSync(join(folder, '.gitignore'), 'utf8'), '*\n');
  if (process.platform !== 'win32') {
    assert.equal(statSync(join(folder, 'dev-key.pem')).mode & 0o777, 0o600);
    assert.equal(statSync(join(folder, 'dev-cert.pem')).mode & 0o777, 0o600);
  }
  const second = await startCliServer(t, ['serve'], { cwd: server.cwd });
  assert.equal(second.pin, server.pin);
  const trusted = await runCli([
    'get',
    `hq://127.0.0.1:${second.port}/hello.txt`,
    '--ca',
    join(folder, 'dev-cert.pem'),
  ]);
  assert.equal(trusted.code, 0, trusted.stderr);
});

test('get fetches many files over one connection into a folder', async (t) => {
  const folder = temporaryFolder(t);
  const files = Array.from({ length: 40 }, (_, i) => `f${i}.bin`);
  for (const [i, name] of files.entries()) writeFileSync(join(folder, name), randomBytes(i * 3000));
  const server = await startCliServer(t, ['serve', folder]);
  const target = join(temporaryFolder(t), 'new', 'folder');
  const urls = files.map((name) => `hq://127.0.0.1:${server.port}/${name}`);
  const got = await runCli(['get', ...urls, '-o', target, '--pin', server.pin]);
  assert.equal(got.code, 0, got.stderr);
  assert.deepEqual(readdirSync(target).sort(), [...files].sort());
  for (const name of files)
    assert.ok(readFileSync(join(target, name)).equals(readFileSync(join(folder, name))));
  server.child.kill('SIGINT');
  const { stdout } = await server.result;
  const clients = new Set([...stdout.matchAll(/^(\S+) GET /gm)].map(([, client]) => client));
  assert.equal(clients.size, 1, stdout);
  assert.equal(stdout.match(/ GET \/f\d+\.bin [\d.]+ k?B$/gm)?.length, 40, stdout);
});

test('get brings 8 MB to stdout and to a file, byte for byte, also after a Retry', async (t) => {
  const folder = temporaryFolder(t);
  const content = randomBytes(8_000_000);
  writeFileSync(join(folder, 'large file.bin'), content);
  const server = await startCliServer(t, ['serve', folder, '--retry']);
  const url = `hq://127.0.0.1:${server.port}/large%20file.bin`;
  const piped = await runCli(['get', url, '--pin', server.pin]);
  assert.equal(piped.code, 0, piped.stderr);
  assert.equal(sha256(piped.stdoutBytes), sha256(content));
  const target = join(temporaryFolder(t), 'copy.bin');
  writeFileSync(target, 'old');
  const saved = await runCli(['get', url, '--pin', server.pin, '-o', target]);
  assert.equal(saved.code, 0, saved.stderr);
  assert.equal(sha256(readFileSync(target)), sha256(content));
  assert.deepEqual(readdirSync(join(target, '..')), ['copy.bin']);
});

test('RFC 9000 §8.1.2 with --retry the first answer is a Retry, without it is none', async (t) => {
  for (const options of [[], ['--retry']]) {
    const server = await startCliServer(t, ['serve', '--address', '127.0.0.1', ...options]);
    const relay = await relayTo(t, server.port);
    const got = await runCli(['get', `hq://127.0.0.1:${relay.port}/hello.txt`, '--pin', server.pin]);
    assert.equal(got.stdout, 'Hello over QUIC.\n', got.stderr);
    // RFC 9000 §17.2: long header, fixed bit, type 3.
    const isRetry = relay.answers.map((bytes) => (bytes[0] & 0xf0) === 0xf0);
    assert.equal(isRetry[0], options.length > 0);
    assert.ok(!isRetry.slice(1).includes(true));
  }
});

test('get says which file is missing, keeps the others and no part of it', async (t) => {
  const server = await startCliServer(t, ['serve']);
  const at = `hq://127.0.0.1:${server.port}`;
  const target = temporaryFolder(t);
  const some = await runCli([
    'get',
    `${at}/hello.txt`,
    `${at}/nowhere.txt`,
    '-o',
    target,
    '--pin',
    server.pin,
  ]);
  assert.equal(some.code, 1);
  assert.match(some.stderr, new RegExp(`${at}/nowhere.txt: the server has no such file \\(code 404\\)`));
  assert.deepEqual(readdirSync(target), ['hello.txt']);
  const kept = join(target, 'kept.txt');
  writeFileSync(kept, 'before');
  const none = await runCli(['get', `${at}/nowhere.txt`, '-o', kept, '--pin', server.pin]);
  assert.equal(none.code, 1);
  assert.equal(readFileSync(kept, 'utf8'), 'before');
  assert.deepEqual(readdirSync(target).sort(), ['hello.txt', 'kept.txt']);
});

test('Ctrl-C ends serve with 0 and closes its connections with code 0', { skip: noSignals }, async (t) => {
  const server = await startCliServer(t, ['serve']);
  const connection = await connect(
    { host: '127.0.0.1', port: server.port },
    { alpn: 'echo', pins: [server.pin] },
  );
  const stream = await connection.createBidirectionalStream();
  await stream.write(new TextEncoder().encode('ping'));
  assert.equal(new TextDecoder().decode((await stream.read()) ?? undefined), 'ping');
  server.child.kill('SIGINT');
  assert.deepEqual(await connection.closed, { errorCode: 0n, reason: '', remote: true });
  const { code, signal } = await server.result;
  assert.deepEqual([code, signal], [0, null]);
});

test('SIGTERM ends serve with 0', { skip: noSignals }, async (t) => {
  const server = await startCliServer(t, ['serve']);
  server.child.kill('SIGTERM');
  assert.equal((await server.result).code, 0);
});

test('Ctrl-C ends get with 130, and nothing of the file stays', { skip: noSignals }, async (t) => {
  const identity = makeTestIdentity();
  const listener = await listen({
    address: '127.0.0.1',
    alpn: 'hq-interop',
    cert: identity.certPem,
    key: identity.keyPem,
  });
  t.after(() => listener.close());
  const target = temporaryFolder(t);
  const pin = certificateSha256(identity.der).hex;
  const got = startCli([
    'get',
    `hq://127.0.0.1:${listener.port}/endless`,
    '--pin',
    pin,
    '-o',
    join(target, 'x'),
  ]);
  const connection = await listener.accept();
  const stream = await connection.acceptBidirectionalStream();
  await stream.write(new Uint8Array(100_000));
  while (!readdirSync(target).some((name) => name.endsWith('.part'))) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  got.child.kill('SIGINT');
  const { code, stderr } = await got.result;
  assert.equal(code, 130, stderr);
  assert.match(stderr, /interrupted/);
  assert.deepEqual(readdirSync(target), []);
  assert.deepEqual(await connection.closed, { errorCode: 0n, reason: '', remote: true });
});

test('SSLKEYLOGFILE gets the secrets of both sides; one that cannot be written is one warning', async (t) => {
  const folder = temporaryFolder(t);
  const serverLog = join(folder, 'server.keys');
  const clientLog = join(folder, 'client.keys');
  writeFileSync(clientLog, '# kept\n');
  const server = await startCliServer(t, ['serve'], { env: { SSLKEYLOGFILE: serverLog } });
  const args = ['get', `hq://127.0.0.1:${server.port}/hello.txt`, '--pin', server.pin];
  assert.equal((await runCli(args, { env: { SSLKEYLOGFILE: clientLog } })).code, 0);
  const lines = readFileSync(clientLog, 'utf8').split('\n').filter(Boolean);
  assert.equal(lines.shift(), '# kept');
  const labels = lines.map((line) => line.split(' ')[0]);
  for (const label of ['CLIENT_HANDSHAKE_TRAFFIC_SECRET', 'SERVER_TRAFFIC_SECRET_0']) {
    assert.ok(labels.includes(label), labels.join());
  }
  const sort = (file: string) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => /^[A-Z]/.test(line))
      .sort();
  assert.deepEqual(sort(serverLog), sort(clientLog));
  const impossible = join(folder, 'no', 'such', 'folder', 'keys');
  const warned = await runCli(args, { env: { SSLKEYLOGFILE: impossible } });
  assert.equal(warned.code, 0);
  assert.equal(warned.stdout, 'Hello over QUIC.\n');
  assert.equal(
    warned.stderr.match(/warning: SSLKEYLOGFILE: nothing is logged to /g)?.length,
    1,
    warned.stderr,
  );
  assert.ok(!existsSync(impossible));
});

test('serve takes a certificate and key of its user, and a client that trusts the issuer believes it', async (t) => {
  const identity = makeTestIdentity();
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'files'));
  writeFileSync(join(folder, 'files', 'index.html'), 'own');
  for (const [name, text] of Object.entries({
    cert: identity.certPem,
    key: identity.keyPem,
    ca: identity.caPem,
  })) {
    writeFileSync(join(folder, `${name}.pem`), text);
  }
  const args = ['serve', 'files', '--cert', 'cert.pem', '--key', 'key.pem'];
  const server = await startCliServer(t, args, { cwd: folder });
  assert.ok(!existsSync(join(folder, '.quayside')));
  const got = await runCli(['get', `hq://localhost:${server.port}`, '--ca', 'ca.pem'], { cwd: folder });
  assert.deepEqual([got.code, got.stdout], [0, 'own'], got.stderr);
});

/** Carries datagrams of one client to a port of the loopback address, and keeps what came back. */
async function relayTo(t: TestContext, port: number): Promise<{ port: number; answers: Buffer[] }> {
  const front = createSocket('udp4');
  const back = createSocket('udp4');
  const answers: Buffer[] = [];
  let client = 0;
  front.on('message', (bytes, from) => {
    client = from.port;
    back.send(bytes, port, '127.0.0.1');
  });
  back.on('message', (bytes) => {
    answers.push(bytes);
    front.send(bytes, client, '127.0.0.1');
  });
  t.after(() => {
    front.close();
    back.close();
  });
  await new Promise<void>((resolve) => front.bind(0, '127.0.0.1', resolve));
  return { port: front.address().port, answers };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
