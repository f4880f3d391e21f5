import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, linkSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { clientOf, socketPath } from '../support/group-kinds.ts';
import { makeGroup, talk, until } from '../support/group-stage.ts';

const noUnix = process.platform === 'win32' ? 'Windows has no Unix socket listeners' : false;

test('G24 the file is there with its rights while the listener is, and gone afterwards', {
  skip: noUnix,
}, async (t) => {
  const path = freePath(t);
  const group = makeGroup(t);
  await group.addListener({ id: 1, listener: { kind: 'unix', path, mode: 0o600 } });
  assert.equal(statSync(path).isSocket(), true);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const client = await clientOf('unix', { path });
  assert.equal(await talk(client.stream, 'hello'), 'hello');
  await group.killListener(1);
  assert.equal(existsSync(path), false);
  assert.equal(await talk(client.stream, 'still here'), 'still here');
  await client.close();
  await group.addListener({ id: 1, listener: `unix:${path}` });
  await group.shutdown();
  assert.deepEqual(leftovers(path), []);
});

test('G24 a live socket is not stolen, with force neither', { skip: noUnix }, async (t) => {
  const path = freePath(t);
  const [first, second] = [makeGroup(t), makeGroup(t)];
  await first.addListener({ id: 1, listener: `unix:${path}` });
  for (const listener of [`unix:${path}`, `unix:${path}?force`]) {
    const stolen = second.addListener({ id: 2, listener });
    await assert.rejects(stolen, { code: 'ERR_QUIC_BIND', message: /somebody listens there \(EADDRINUSE\)/ });
  }
  const client = await clientOf('unix', { path });
  assert.equal(await talk(client.stream, 'mine'), 'mine');
  await client.close();
  assert.deepEqual(leftovers(path), [basename(path)]);
});

test('G24 a stale socket is removed with force only', { skip: noUnix }, async (t) => {
  const path = freePath(t);
  await staleSocket(path);
  const group = makeGroup(t);
  const refused = group.addListener({ id: 1, listener: `unix:${path}` });
  await assert.rejects(refused, { code: 'ERR_QUIC_BIND', message: /stale socket .*force removes it/ });
  await group.addListener({ id: 1, listener: `unix:${path}?force` });
  const client = await clientOf('unix', { path });
  assert.equal(await talk(client.stream, 'new'), 'new');
  await client.close();
  await group.shutdown();
  assert.deepEqual(leftovers(path), []);
});

test('G24 of several that replace one stale socket at once, one wins and stays', {
  skip: noUnix,
}, async (t) => {
  const path = freePath(t);
  for (let round = 0; round < 20; round++) {
    await staleSocket(path);
    const groups = Array.from({ length: 4 }, () => makeGroup(t));
    const results = await Promise.allSettled(
      groups.map((group) => group.addListener({ id: 1, listener: `unix:${path}?force` })),
    );
    assert.deepEqual(results.map(({ status }) => status).sort(), [
      'fulfilled',
      'rejected',
      'rejected',
      'rejected',
    ]);
    const client = await clientOf('unix', { path });
    assert.equal(await talk(client.stream, 'won'), 'won');
    await client.close();
    await Promise.all(groups.map((group) => group.shutdown()));
    assert.deepEqual(leftovers(path), []);
  }
});

test('G24 what is no socket is never removed', { skip: noUnix }, async (t) => {
  const path = freePath(t);
  const target = freePath(t);
  const group = makeGroup(t);
  writeFileSync(target, 'precious');
  for (const make of [() => writeFileSync(path, 'precious'), () => symlinkSync(target, path)]) {
    make();
    const refused = group.addListener({ id: 1, listener: `unix:${path}?force` });
    await assert.rejects(refused, {
      code: 'ERR_QUIC_BIND',
      message: /a file of this name that is no socket/,
    });
    assert.equal(existsSync(target) && existsSync(path), true);
    rmSync(path);
  }
});

test('G24 a file that somebody else put in its place is theirs', { skip: noUnix }, async (t) => {
  const path = freePath(t);
  const group = makeGroup(t);
  await group.addListener({ id: 1, listener: `unix:${path}` });
  rmSync(path);
  writeFileSync(path, 'not ours');
  await group.killListener(1);
  assert.equal(existsSync(path), true);
});

test('G12 a path in no folder, or too long, is a bind that fails', { skip: noUnix }, async (t) => {
  const group = makeGroup(t);
  for (const path of ['/nowhere/at/all.sock', `/tmp/${'x'.repeat(200)}`]) {
    await assert.rejects(group.addListener({ id: 1, listener: { kind: 'unix', path } }), {
      code: 'ERR_QUIC_BIND',
      message: new RegExp(`^Cannot bind ${path}: `),
    });
  }
});

/** A path for a test; whatever is there is removed after it. */
function freePath(t: TestContext): string {
  const path = socketPath();
  t.after(() => rmSync(path, { force: true }));
  return path;
}

/** Files that begin like a path. */
function leftovers(path: string): string[] {
  return readdirSync(dirname(path)).filter((name) => name.startsWith(basename(path)));
}

/** What a process leaves that is killed: a server unlinks the name that it bound, not another one of the same file. */
async function staleSocket(path: string): Promise<void> {
  const server = createServer().listen(`${path}~`);
  await once(server, 'listening');
  linkSync(`${path}~`, path);
  server.close();
  await once(server, 'close');
}

test('G10 bound is told before the first connection, however early that comes', {
  skip: noUnix,
}, async (t) => {
  const told: string[] = [];
  const group = makeGroup(t, {
    bound: () => void told.push('bound'),
    connected: () => {
      told.push('connected');
      return null;
    },
  });
  for (let i = 0; i < 20; i++) {
    const path = socketPath();
    let isOver = false;
    const knock = (): void => {
      const socket = connect(path);
      socket.on('error', () => isOver || setImmediate(knock));
      socket.on('connect', () => socket.resume());
    };
    knock();
    await group.addListener({ id: i, listener: { kind: 'unix', path } });
    await until(() => told.length >= 2);
    isOver = true;
    await group.killListener(i, { killConnections: true });
    assert.deepEqual(told.splice(0), ['bound', 'connected']);
  }
});

test('G24 a path may be as long as the system allows', { skip: noUnix }, async (t) => {
  const group = makeGroup(t);
  const folder = tmpdir();
  const path = join(folder, `${'u'.repeat(103 - folder.length - 1 - 10)}${randomBytes(5).toString('hex')}`);
  assert.deepEqual(await group.addListener({ id: 'long', listener: { kind: 'unix', path } }), { path });
});
