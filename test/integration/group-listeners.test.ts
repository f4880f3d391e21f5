import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectSocket, createServer } from 'node:net';
import test from 'node:test';
import { type GroupHandler, IdPool, ListenGroup } from '../../src/group.ts';
import { clientOf, KINDS, lost, targetOf } from '../support/group-kinds.ts';
import { echo, listenOn, makeGroup, talk, until } from '../support/group-stage.ts';

const LOCAL = 'tcp://127.0.0.1:0';

test('G1 a group has one handler for all listeners and starts with none', async (t) => {
  const seen: unknown[] = [];
  const group = makeGroup(t, {
    connected: ({ listenerId, kind }) => {
      seen.push([listenerId, kind]);
      return { handler: { run: echo } };
    },
  });
  assert.deepEqual([group.listeners(), group.connections()], [[], []]);
  for (const kind of KINDS) {
    const client = await clientOf(kind, await listenOn(group, kind));
    assert.equal(await talk(client.stream, kind), kind);
    await client.close();
  }
  assert.deepEqual(
    seen,
    KINDS.map((kind) => [kind, kind]),
  );
  assert.throws(() => new ListenGroup({} as GroupHandler), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.throws(() => new ListenGroup({ connected: () => null }, { maxConnections: 0 }), {
    code: 'ERR_OUT_OF_RANGE',
  });
});

test('G2 G5 addListener registers at once and binds in the background', async (t) => {
  const group = makeGroup(t);
  const bound = group.addListener({ id: 'a', listener: LOCAL });
  assert.deepEqual([group.hasListener('a'), group.listeners()[0]?.state], [true, 'binding']);
  assert.match(String(((await bound) as { port: number }).port), /^[1-9]/);
  assert.equal(group.listeners()[0]?.state, 'bound');
  const killed = group.killListener('a');
  assert.equal(group.hasListener('a'), true);
  await killed;
  assert.equal(group.hasListener('a'), false);
});

test('G2 a wrong specification is refused by name and leaves the group as it was', async (t) => {
  const group = makeGroup(t);
  const wrong: [object, string, RegExp][] = [
    [{ id: 1, listener: 'tcp://nowhere' }, 'ERR_QUIC_LISTENER_SPECIFICATION', /nowhere/],
    [{ id: 1, listener: LOCAL, retries: 3 }, 'ERR_INVALID_ARG_VALUE', /retries/],
    [{ listener: LOCAL }, 'ERR_INVALID_ARG_TYPE', /"id"/],
    [{ id: 1, listener: 5 }, 'ERR_INVALID_ARG_TYPE', /"listener"/],
    [{ id: 1, listener: { kind: 'udp' } }, 'ERR_INVALID_ARG_VALUE', /listener\.kind/],
    [{ id: 1, listener: { kind: 'tcp', port: 70_000 } }, 'ERR_OUT_OF_RANGE', /"port"/],
    [{ id: 1, listener: { kind: 'tcp', address: 'localhost' } }, 'ERR_INVALID_ARG_VALUE', /address/],
    [{ id: 1, listener: { kind: 'unix', path: '' } }, 'ERR_INVALID_ARG_VALUE', /path/],
    [{ id: 1, listener: { kind: 'unix', path: 'x', mode: 0o1000 } }, 'ERR_OUT_OF_RANGE', /"mode"/],
    [
      { id: 1, listener: 'tls://127.0.0.1:0?cert=no.pem&key=no.pem' },
      'ERR_QUIC_INVALID_CERTIFICATE',
      /no\.pem/,
    ],
    [{ id: 1, listener: 'quic://127.0.0.1:0?alpn=x&cert=no.pem' }, 'ERR_INVALID_ARG_TYPE', /key/],
    [
      { id: 1, listener: { kind: 'quic', onConnection() {} } },
      'ERR_INVALID_ARG_VALUE',
      /listener\.onConnection/,
    ],
    [undefined as never, 'ERR_INVALID_ARG_TYPE', /"specification"/],
    [{ id: 1, listener: LOCAL, maxConnections: 0 }, 'ERR_OUT_OF_RANGE', /"maxConnections"/],
    [{ id: 1, listener: LOCAL, retry: { factor: 0.5 } }, 'ERR_OUT_OF_RANGE', /retry\.factor/],
    [{ id: 1, listener: LOCAL, autoBind: 1 }, 'ERR_INVALID_ARG_TYPE', /"autoBind"/],
  ];
  for (const [specification, code, message] of wrong) {
    await assert.rejects(group.addListener(specification as never), { code, message });
  }
  assert.deepEqual(group.listeners(), []);
});

test('G4 any key of a Map can be an id; one that is in use is refused', async (t) => {
  const group = makeGroup(t);
  const ids = ['a', 7, Symbol('s'), { an: 'object' }, null, Number.NaN, 12n];
  for (const id of ids) await group.addListener({ id, listener: LOCAL });
  for (const id of ids) {
    assert.equal(group.hasListener(id), true);
    await assert.rejects(group.addListener({ id, listener: LOCAL }), { code: 'ERR_QUIC_LISTENER_EXISTS' });
  }
  assert.equal(group.hasListener({ an: 'object' }), false);
  assert.deepEqual(
    group.listeners().map(({ id }) => id),
    ids,
  );
  await group.killListener('a');
  await group.addListener({ id: 'a', listener: LOCAL });
});

test('G6 a listener can be bound later, and again after it failed', async (t) => {
  const { port, close } = await takenPort();
  const failed: unknown[] = [];
  const group = makeGroup(t, { failed: (id) => void failed.push(id) });
  const listener = { kind: 'tcp', address: '127.0.0.1', port } as const;
  assert.equal(await group.addListener({ id: 'a', listener, autoBind: false }), null);
  assert.deepEqual([group.listeners()[0]?.state, group.listeners()[0]?.address], ['idle', null]);
  await assert.rejects(group.bindListener('a'), { code: 'ERR_QUIC_BIND', message: /EADDRINUSE/ });
  assert.deepEqual([group.listeners()[0]?.state, failed], ['idle', ['a']]);
  await close();
  assert.deepEqual(await group.bindListener('a'), { address: '127.0.0.1', port, family: 4 });
  await assert.rejects(group.bindListener('a'), { code: 'ERR_QUIC_LISTENER_ALREADY_STARTED' });
  await assert.rejects(group.bindListener('b'), { code: 'ERR_QUIC_LISTENER_NOT_FOUND' });
});

test('G10 G11 bound comes once with the real address, unbound once for whatever reason', async (t) => {
  const calls: unknown[] = [];
  const group = makeGroup(t, {
    bound: (id, address) => void calls.push(['bound', id, address]),
    unbound: (id) => void calls.push(['unbound', id]),
  });
  for (const kind of KINDS) {
    const address = await listenOn(group, kind);
    if (!('path' in address)) assert.ok(address.port > 0);
    assert.deepEqual(calls.splice(0), [['bound', kind, address]]);
  }
  await group.killListener('tcp');
  assert.deepEqual(calls.splice(0), [['unbound', 'tcp']]);
  await group.addListener({ id: 'never bound', listener: LOCAL, autoBind: false });
  await group.shutdown();
  assert.deepEqual(calls.sort(), [
    ['unbound', 'quic'],
    ['unbound', 'tls'],
    ['unbound', 'unix'],
  ]);
});

test('G12 a bind that fails is told, its listener is gone, and the others go on', async (t) => {
  const { port, close } = await takenPort();
  t.after(close);
  const failed: [unknown, Error][] = [];
  const group = makeGroup(t, { failed: (id, error) => void failed.push([id, error]) });
  const address = await listenOn(group, 'tcp');
  const bad = group.addListener({ id: 'bad', listener: `tcp://127.0.0.1:${port}` });
  await assert.rejects(bad, {
    code: 'ERR_QUIC_BIND',
    message: /^Cannot bind TCP 127\.0\.0\.1:\d+: the address and port are in use/,
  });
  assert.equal(group.hasListener('bad'), false);
  assert.deepEqual(
    failed.map(([id]) => id),
    ['bad'],
  );
  const client = await clientOf('tcp', address);
  assert.equal(await talk(client.stream, 'still here'), 'still here');
  // A failure that nobody waits for is no unhandled rejection.
  void group.addListener({ id: 'bad', listener: `tcp://127.0.0.1:${port}` });
  await once(group, 'failed');
});

test('G12 a listener whose id is free again can be added from the callback', async (t) => {
  const { port, close } = await takenPort();
  t.after(close);
  const group = makeGroup(t, {
    failed: async (id) => {
      await group.addListener({ id, listener: LOCAL });
    },
  });
  void group.addListener({ id: 'a', listener: `tcp://127.0.0.1:${port}` });
  await once(group, 'bound');
  assert.equal(group.listeners()[0]?.state, 'bound');
});

test('G25 ids are unique over groups that share a pool, and free after the connection', async (t) => {
  const idPool = new IdPool();
  const groups = [makeGroup(t, {}, { idPool }), makeGroup(t, {}, { idPool })];
  const clients = [];
  for (const group of groups) {
    const address = await listenOn(group, 'tcp');
    for (let i = 0; i < 3; i++) {
      const client = await clientOf('tcp', address);
      await talk(client.stream, 'x');
      clients.push(client);
    }
  }
  const ids = groups.flatMap((group) => group.connections().map(({ id }) => id));
  assert.equal(new Set(ids).size, 6);
  assert.equal(idPool.size, 6);
  for (const client of clients) await client.close();
  await until(() => idPool.size === 0);
});

test('G30 G31 G33 snapshots are data of the moment', async (t) => {
  const before = new Date();
  const group = makeGroup<{ user: string }>(t, {
    connected: ({ kind }) => ({ handler: { run: echo }, data: { user: `u-${kind}` } }),
  });
  const clients = [];
  for (const kind of KINDS) {
    const client = await clientOf(kind, await listenOn(group, kind));
    await talk(client.stream, 'hello');
    clients.push(client);
  }
  const listeners = group.listeners();
  assert.deepEqual(
    listeners.map(({ id, kind, state, connections }) => [id, kind, state, connections]),
    KINDS.map((kind) => [kind, kind, 'bound', 1]),
  );
  for (const { startedAt } of listeners) assert.ok(startedAt >= before && startedAt <= new Date());
  const connections = group.connections();
  assert.deepEqual(
    connections.map(({ listenerId, kind, data, state, streams }) => [listenerId, kind, data, state, streams]),
    KINDS.map((kind) => [kind, kind, { user: `u-${kind}` }, 'running', 1]),
  );
  for (const { id, data, bytesReceived, bytesSent } of connections) {
    assert.equal(group.getData(id), data);
    assert.ok(bytesReceived >= 5 && bytesSent >= 5);
  }
  assert.deepEqual(
    group.connections({ listenerId: 'tls' }).map(({ kind }) => kind),
    ['tls'],
  );
  assert.deepEqual(group.connections({ listenerId: undefined }), []);
  // Plain data: it can be sent as JSON.
  assert.deepEqual(JSON.parse(JSON.stringify(listeners)).length, 4);
  const [{ id }] = connections;
  await group.killConnection(id);
  assert.equal(group.getData(id), undefined);
  for (const client of clients) await client.close();
});

test('G20 killing a listener that binds, pauses or never bound', async (t) => {
  const { port, close } = await takenPort();
  t.after(close);
  const calls: unknown[] = [];
  const group = makeGroup(t, {
    bound: () => void calls.push('bound'),
    unbound: () => void calls.push('unbound'),
    failed: () => void calls.push('failed'),
  });
  const binding = group.addListener({ id: 'binding', listener: LOCAL });
  assert.equal(await group.killListener('binding'), true);
  await assert.rejects(binding, { code: 'ERR_QUIC_LISTENER_FINISHED' });
  assert.deepEqual(calls, []);
  const pausing = group.addListener({
    id: 'p',
    listener: `tcp://127.0.0.1:${port}`,
    retry: { initialDelay: 3_600_000 },
  });
  await once(group, 'failed');
  assert.equal(group.listeners()[0]?.state, 'retrying');
  assert.equal(await group.killListener('p'), true);
  await assert.rejects(pausing, { code: 'ERR_QUIC_LISTENER_FINISHED' });
  await group.addListener({ id: 'idle', listener: LOCAL, autoBind: false });
  assert.equal(await group.killListener('idle', { killConnections: true }), true);
  assert.equal(await group.killListener('idle'), false);
  assert.deepEqual([calls, group.listeners()], [['failed'], []]);
});

test('G22 after shutdown no listener can be added, and twice is harmless', async (t) => {
  const group = makeGroup(t);
  await listenOn(group, 'tcp');
  const binding = group.addListener({ id: 'binding', listener: LOCAL });
  const [first, second] = [group.shutdown(), group.shutdown({ drain: 1000 })];
  await Promise.all([first, second]);
  await group.shutdown();
  await assert.rejects(binding, { code: 'ERR_QUIC_LISTENER_FINISHED' });
  await assert.rejects(group.addListener({ id: 'a', listener: LOCAL }), { code: 'ERR_QUIC_GROUP_CLOSED' });
  await group[Symbol.asyncDispose]();
});

test('limits per listener and per group refuse more connections, and let them in again', async (t) => {
  for (const kind of KINDS) {
    for (const perGroup of [true, false]) {
      const group = makeGroup(t, {}, perGroup ? { maxConnections: 2 } : {});
      const address = await listenOn(group, kind, perGroup ? {} : { maxConnections: 2 });
      const [one, two] = [await clientOf(kind, address), await clientOf(kind, address)];
      await talk(one.stream, 'one');
      await talk(two.stream, 'two');
      await assert.rejects(
        clientOf(kind, address).then(async ({ stream }) => {
          await lost(stream);
          throw new Error('refused');
        }),
      );
      await one.close();
      await until(() => group.connections().length === 1);
      const three = await clientOf(kind, address);
      assert.equal(await talk(three.stream, 'three'), 'three');
      await Promise.all([two.close(), three.close()]);
    }
  }
});

test('a QUIC client for whom there is no room is refused before its handshake', async (t) => {
  const group = makeGroup(t);
  const address = await listenOn(group, 'quic', { maxConnections: 1 });
  const one = await clientOf('quic', address);
  await talk(one.stream, 'one');
  await assert.rejects(clientOf('quic', address), { errorCode: 2n, remote: true });
  const { decisions } = group.getQuicListener('quic')?.counters ?? {};
  assert.deepEqual([decisions?.accept, decisions?.refuse], [1, 1]);
  await one.close();
});

test('clients that never finish their handshake have a seat, a deadline, and no entry', async (t) => {
  const group = makeGroup(t);
  const target = { ...targetOf('tls'), handshakeTimeout: 50 };
  const address = await group.addListener({ id: 'tls', listener: target as never, maxConnections: 1 });
  const { port } = address as { port: number };
  const silent = connectSocket({ port, host: '127.0.0.1' });
  await once(silent, 'connect');
  await lost(silent);
  assert.equal(group.connections().length, 0);
  const garbled = connectSocket({ port, host: '127.0.0.1' });
  garbled.write('GET / HTTP/1.1\r\n\r\n');
  await lost(garbled);
  silent.destroy();
  garbled.destroy();
  const client = await clientOf('tls', address as never);
  assert.equal(await talk(client.stream, 'well'), 'well');
  await client.close();
});

test('a group is an EventEmitter whose addListener and listeners keep their old meaning, too', async (t) => {
  const group = makeGroup(t);
  const seen: unknown[] = [];
  const onBound = (id: unknown): void => void seen.push(id);
  assert.equal(group.addListener('bound', onBound), group);
  assert.deepEqual(group.listeners('bound'), [onBound]);
  await listenOn(group, 'tcp');
  assert.deepEqual(seen, ['tcp']);
});

/** A port of 127.0.0.1 on which somebody else listens. */
async function takenPort(): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as { port: number }).port,
    close: async () => {
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
}
