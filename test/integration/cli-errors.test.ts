import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { makeTestAuthority, makeTestIdentity } from '../support/certificates.ts';
import { type CliOptions, runCli, startCliServer, temporaryFolder } from '../support/cli.ts';

/** One line on stderr that matches, nothing on stdout, and the exit code. */
async function fails(args: string[], code: number, pattern: RegExp, options: CliOptions = {}): Promise<void> {
  const result = await runCli(args, options);
  assert.match(result.stderr, pattern);
  assert.match(result.stderr, /^quayside: [^\n]+\n$/);
  assert.deepEqual([result.stdout, result.code], ['', code]);
}

test('wrong use is refused with what is allowed', async () => {
  await fails(['serve', '--prot', '1'], 2, /unknown option '--prot'.*--port/);
  await fails(['fetch'], 2, /unknown command 'fetch'; allowed are serve, get, perf, dev-cert/);
  await fails(['serve', '--port', '65536'], 2, /--port.*'65536'.*Allowed are 0 to 65535/);
  await fails(['serve', '--address', 'localhost'], 2, /--address.*'localhost'.*IP addresses/);
  await fails(['get', 'hq://localhost/', '--pin', 'abc'], 2, /--pin.*'abc'.*SHA-256/);
  await fails(['get', 'https://localhost/'], 2, /"https:\/\/localhost\/".*allowed is hq:\/\/host:port\/path/);
  await fails(['get', 'hq://localhost:99999/'], 2, /"hq:\/\/localhost:99999\/".*allowed is hq:/);
  await fails(['get', 'hq://h/a', 'hq://h/b'], 2, /2 files need --output <folder>/);
  await fails(['perf', 'client', 'localhost:1', '--requests', '--handshakes'], 2, /exclude each other/);
  await fails(['perf', 'client', 'hq://localhost:1/'], 2, /allowed is host:port/);
  await fails(['dev-cert', 'burn'], 2, /'burn'.*make, renew, show/);
});

test('certificates and keys that cannot be used are refused by option and file', async (t) => {
  const { certPem, keyPem } = makeTestIdentity();
  const other = makeTestIdentity({ kind: 'ec-p384' });
  const cwd = temporaryFolder(t);
  writeFileSync(join(cwd, 'cert.pem'), certPem);
  writeFileSync(join(cwd, 'key.pem'), keyPem);
  writeFileSync(join(cwd, 'other.pem'), other.keyPem);
  writeFileSync(join(cwd, 'rubbish.pem'), 'rubbish');
  const serve = (cert: string, key: string) => ['serve', '--port', '0', '--cert', cert, '--key', key];
  await fails(serve('none.pem', 'key.pem'), 1, /--cert: the file none\.pem cannot be read \(ENOENT/, { cwd });
  await fails(serve('cert.pem', 'none.pem'), 1, /--key: the file none\.pem cannot be read \(ENOENT/, { cwd });
  await fails(serve('rubbish.pem', 'key.pem'), 1, /--cert \(file rubbish\.pem\)/, { cwd });
  await fails(serve('cert.pem', 'rubbish.pem'), 1, /--key \(file rubbish\.pem\).*allowed are/, { cwd });
  await fails(serve('cert.pem', 'other.pem'), 1, /key of --key \(file other\.pem\) does not belong/, { cwd });
  await fails(['serve', '--cert', 'cert.pem'], 2, /--cert cert\.pem needs --key/, { cwd });
  await fails(['serve', '--key', 'key.pem'], 2, /--key key\.pem needs --cert/, { cwd });
  await fails(['serve', 'nowhere'], 2, /folder nowhere cannot be served: ENOENT/, { cwd });
  await fails(['serve', 'key.pem'], 2, /folder key\.pem cannot be served: it is no folder/, { cwd });
});

test('a port in use is said, with how to choose another, and no other address stays bound', async (t) => {
  const cwd = temporaryFolder(t);
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  const args = ['serve', '--port', String(port), '--address', '127.0.0.1'];
  const message = new RegExp(
    `Cannot listen on 127\\.0\\.0\\.1:${port}: the port is in use \\(EADDRINUSE\\);.*--port`,
  );
  await fails(args, 1, message, { cwd });
});

test('a wrong pin, an unknown issuer, another name, another protocol: each is said', async (t) => {
  const cwd = temporaryFolder(t);
  const server = await startCliServer(t, ['serve'], { cwd });
  const url = `hq://127.0.0.1:${server.port}/`;
  writeFileSync(join(cwd, 'ca.pem'), makeTestAuthority().pem);
  await fails(['get', url, '--pin', '00'.repeat(32)], 1, /is none of the 1 pinned/);
  await fails(['get', url], 1, /not trusted; trust its issuer with --ca <file>/);
  await fails(['get', url, '--ca', 'ca.pem'], 1, /trust its issuer with --ca <file>/, { cwd });
  await fails(['get', url, '--ca', 'none.pem'], 1, /--ca: the file none\.pem cannot be read/, { cwd });
  await fails(['get', url, '--pin', server.pin, '--alpn', 'h3'], 1, /no_application_protocol.*\(ALPN\)/);
  await fails(
    ['perf', 'client', `127.0.0.1:${server.port}`, '--pin', server.pin],
    1,
    /no_application_protocol/,
  );
});

test('a certificate for another name is refused', async (t) => {
  const identity = makeTestIdentity({ names: ['example.test'] });
  const cwd = temporaryFolder(t);
  writeFileSync(join(cwd, 'cert.pem'), identity.certPem);
  writeFileSync(join(cwd, 'key.pem'), identity.keyPem);
  writeFileSync(join(cwd, 'ca.pem'), identity.caPem);
  const server = await startCliServer(t, ['serve', '--cert', 'cert.pem', '--key', 'key.pem'], { cwd });
  const url = `hq://127.0.0.1:${server.port}/`;
  await fails(['get', url, '--ca', 'ca.pem'], 1, /not for "127\.0\.0\.1" but for "example\.test"/, { cwd });
});

test('nobody there, and somebody who never answers', { timeout: 30_000 }, async (t) => {
  await fails(['get', `hq://127.0.0.1:${await freePort()}/`], 1, /Nothing listens at 127\.0\.0\.1 port \d+/);
  const silent = createSocket('udp4');
  t.after(() => silent.close());
  await new Promise<void>((resolve) => silent.bind(0, '127.0.0.1', resolve));
  const url = `hq://127.0.0.1:${silent.address().port}/`;
  await fails(['get', url, '--timeout', '0.5'], 1, /handshake took too long; no answer came/);
  await fails(['get', 'hq://name.invalid/'], 1, /name\.invalid cannot be resolved/);
});

test('the stack of an error is printed when asked for', async () => {
  const args = ['get', `hq://127.0.0.1:${await freePort()}/`];
  assert.doesNotMatch((await runCli(args)).stderr, /^ {4}at /m);
  assert.match((await runCli(['--verbose', ...args])).stderr, /^ {4}at /m);
  assert.match((await runCli([...args, '--verbose'])).stderr, /^ {4}at /m);
  assert.match((await runCli(args, { env: { NODE_DEBUG: 'quayside' } })).stderr, /^ {4}at /m);
});

test('version and help go to stdout and end with 0', async () => {
  const version = await runCli(['--version']);
  assert.deepEqual([version.code, version.stderr], [0, '']);
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
  for (const args of [['--help'], ['help'], ['help', 'get'], ['perf', 'client', '--help']]) {
    const help = await runCli(args);
    assert.deepEqual([help.code, help.stderr], [0, ''], args.join(' '));
    assert.match(help.stdout, /^Usage: quayside /);
  }
  const nothing = await runCli([]);
  assert.equal(nothing.code, 2);
  assert.match(nothing.stderr, /^Usage: quayside /);
});

/** A UDP port of the loopback address where nobody listens now. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}
