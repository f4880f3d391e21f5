/** `serve` over four kinds of listeners at once, and `top` beside it. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { AdminSnapshot } from '../../src/cli/serve/admin.ts';
import type { GroupAddress, ListenerKind } from '../../src/group.ts';
import { parseAddress } from '../../src/util/address.ts';
import { type RunningCli, runCli, startCli, startCliServer, temporaryFolder } from '../support/cli.ts';
import { clientOf, KINDS, readAll } from '../support/group-kinds.ts';
import { talk, until } from '../support/group-stage.ts';

const noUnix = process.platform === 'win32' ? 'Windows has no Unix socket listeners' : false;
const EVERYWHERE = ['tcp://127.0.0.1:0', 'tls://127.0.0.1:0', 'unix:s.sock', 'quic://127.0.0.1:0'];

test('serve gives the same files over TCP, TLS, a Unix socket and QUIC at once', {
  skip: noUnix,
}, async (t) => {
  const server = await startServe(t, EVERYWHERE);
  const { addresses, ca } = server;
  writeFileSync(join(server.cwd, 'files', 'index.html'), 'the same for all');
  for (const kind of KINDS) {
    for (const request of ['GET /', 'GET /index.html\r\n']) {
      const client = await clientOf(kind, addressOf(addresses, kind), { ca, alpn: 'hq-interop' });
      client.stream.end(request);
      assert.equal(await readAll(client.stream), 'the same for all', kind);
      await client.close();
    }
    // Whoever does not end its side gets the answer too; what is not there is an end without one.
    const client = await clientOf(kind, addressOf(addresses, kind), { ca, alpn: 'hq-interop' });
    client.stream.write('GET /nowhere\r\n');
    assert.equal(await readAll(client.stream).catch(() => ''), '');
    await client.close();
    if (kind === 'tcp' || kind === 'unix') continue;
    const echo = await clientOf(kind, addressOf(addresses, kind), { ca, alpn: 'echo' });
    assert.equal(await talk(echo.stream, 'around'), 'around');
    await echo.close();
  }
  server.running.child.kill('SIGINT');
  const { code, stdout } = await server.running.result;
  assert.equal(code, 0);
  assert.match(stdout, /^127\.0\.0\.1:\d+ GET \/index\.html 16 B$/m);
  assert.match(stdout, /^unix GET \/nowhere 404$/m);
  assert.equal(existsSync(join(server.cwd, 's.sock')), false);
});

test('serve says how to fetch from each kind', { skip: noUnix }, async (t) => {
  const { running } = await startServe(t, EVERYWHERE);
  await running.saw(/npx quayside get hq:\/\/127\.0\.0\.1:\d+\/ --pin [0-9a-f]{64}\n/);
  await running.saw(/\| nc 127\.0\.0\.1 \d+\n/);
  await running.saw(/\| openssl s_client -quiet -connect 127\.0\.0\.1:\d+\n/);
  await running.saw(/\| nc -U s\.sock\n/);
});

test('serve refuses listeners that are wrong, taken, or beside --port', { skip: noUnix }, async (t) => {
  const cwd = temporaryFolder(t);
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  t.after(() => taken.close());
  const { port } = taken.address() as { port: number };
  const wrong: [string[], number, RegExp][] = [
    [['--listen', 'tcp://localhost:80'], 2, /"localhost:80" is no IP address with a port; allowed are/],
    [['--listen', 'http://127.0.0.1:80'], 2, /begins with no kind of listener; allowed are tcp:/],
    [['--listen', 'tcp://127.0.0.1:0', '--port', '0'], 2, /--listen stands instead of --address and --port/],
    [
      ['--listen', 'unix:a.sock', '--listen', `tcp://127.0.0.1:${port}`],
      1,
      /--listen tcp:\/\/127\.0\.0\.1:\d+: Cannot bind TCP 127\.0\.0\.1:\d+: .* in use \(EADDRINUSE\)/,
    ],
    [['--port', '0', '--admin', '/nowhere/at/all.sock'], 1, /no admin socket for "quayside top"/],
  ];
  for (const [args, code, message] of wrong) {
    const result = await runCli(['serve', ...args], { cwd });
    assert.equal(result.code, code, result.stderr);
    assert.match(result.stderr, message);
  }
  assert.equal(existsSync(join(cwd, 'a.sock')), false);
});

test('top shows listeners and connections of a server of this user, as a table and in JSON', {
  skip: noUnix,
}, async (t) => {
  const { addresses, ca, env, running } = await startServe(t, EVERYWHERE);
  const client = await clientOf('quic', addressOf(addresses, 'quic'), { ca, alpn: 'echo' });
  await talk(client.stream, 'hello');
  const other = await clientOf('unix', addressOf(addresses, 'unix'));
  await until(() => true);
  const snapshot = await topJson(env);
  assert.equal(snapshot.pid, running.child.pid);
  assert.deepEqual(
    snapshot.listeners.map(({ kind, state, connections }) => [kind, state, connections]),
    [
      ['tcp', 'bound', 0],
      ['tls', 'bound', 0],
      ['unix', 'bound', 1],
      ['quic', 'bound', 1],
    ],
  );
  const [quic] = snapshot.connections;
  assert.deepEqual([quic?.kind, quic?.alpn, quic?.streams, quic?.state], ['quic', 'echo', 1, 'running']);
  assert.ok((quic?.bytesReceived ?? 0) > 0 && (quic?.bytesSent ?? 0) > 0);
  const table = await runCli(['top'], { env });
  assert.equal(table.code, 0, table.stderr);
  assert.match(
    table.stdout,
    new RegExp(`pid ${running.child.pid} · up \\d+ s · 4 listeners · 2 connections\n`),
  );
  assert.match(table.stdout, /│ quic +│ 127\.0\.0\.1:\d+ +│ bound +│ +1 │ +\d+ s │/);
  assert.match(table.stdout, /│ +\d+ │ quic +│ 127\.0\.0\.1:\d+ +│ echo +│ running │ +1 │/);
  assert.ok(!table.stdout.includes('\x1b'));
  await client.close();
  await other.close();
});

test('top finds the one that is meant, and says what is wrong', { skip: noUnix }, async (t) => {
  const env = { XDG_RUNTIME_DIR: temporaryFolder(t) };
  const folder = join(env.XDG_RUNTIME_DIR, 'quayside');
  const none = await runCli(['top'], { env });
  assert.deepEqual([none.code, none.stdout], [1, '']);
  assert.match(none.stderr, /No server of this user is running; start one with "quayside serve"/);
  const [one, two] = [
    await startCliServer(t, ['serve'], { env }),
    await startCliServer(t, ['serve'], { env }),
  ];
  const several = await runCli(['top'], { env });
  assert.equal(several.code, 2);
  assert.match(several.stderr, new RegExp(`choose one with --pid <number>; there are .*${one.child.pid}`));
  const chosen = await runCli(['top', '--json', '--pid', String(two.child.pid)], { env });
  assert.equal((JSON.parse(chosen.stdout) as AdminSnapshot).pid, two.child.pid);
  const given = await runCli(['top', '--json', '--socket', join(folder, `${one.child.pid}.sock`)], { env });
  assert.equal((JSON.parse(given.stdout) as AdminSnapshot).pid, one.child.pid);
  // One that was killed leaves its socket, which is no server any more.
  one.child.kill('SIGKILL');
  await one.result;
  assert.equal((await topJson(env)).pid, two.child.pid);
  two.child.kill('SIGTERM');
  await two.result;
  assert.deepEqual(readdirSync(folder), [`${one.child.pid}.sock`]);
  const gone = await runCli(['top', '--pid', String(two.child.pid)], { env });
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /No server answers at .*ENOENT/);
  const without = await startCliServer(t, ['serve', '--no-admin'], { env });
  assert.ok(!existsSync(join(folder, `${without.child.pid}.sock`)));
});

interface Serving {
  readonly running: RunningCli;
  readonly cwd: string;
  readonly env: Record<string, string>;
  readonly ca: string;
  readonly addresses: ReadonlyMap<ListenerKind, GroupAddress>;
}

async function startServe(t: TestContext, listeners: readonly string[]): Promise<Serving> {
  const cwd = temporaryFolder(t);
  const env = { XDG_RUNTIME_DIR: cwd };
  mkdirSync(join(cwd, 'files'));
  const args = ['serve', 'files', ...listeners.flatMap((listener) => ['--listen', listener])];
  const running = startCli(args, { cwd, env });
  t.after(async () => {
    running.child.kill('SIGKILL');
    await running.result;
  });
  const said = (await running.saw(/[\s\S]*Ctrl-C ends it\./))[0];
  const addresses = new Map<ListenerKind, GroupAddress>();
  for (const [, place, transport] of said.matchAll(/listening on\s+(\S+) \((.+)\)/g)) {
    const kind = ({ TCP: 'tcp', TLS: 'tls', UDP: 'quic' } as const)[String(transport)] ?? 'unix';
    const address = kind === 'unix' ? { path: join(cwd, String(place)) } : parseAddress(String(place));
    if (address !== null) addresses.set(kind, address);
  }
  return { running, cwd, env, addresses, ca: readFileSync(join(cwd, '.quayside', 'dev-cert.pem'), 'utf8') };
}

function addressOf(addresses: Serving['addresses'], kind: ListenerKind): GroupAddress {
  const address = addresses.get(kind);
  assert.ok(address !== undefined, kind);
  return address;
}

async function topJson(env: Record<string, string>): Promise<AdminSnapshot> {
  const { code, stdout, stderr } = await runCli(['top', '--json'], { env });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as AdminSnapshot;
}
