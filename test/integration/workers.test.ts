import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import test from 'node:test';
import { KeyRing, type QuicConnection } from '../../src/index.ts';
import { withoutNative } from '../support/native.ts';
import { seeds } from '../support/scenario.ts';
import { ask, connectTo, listenInWorkers, until } from '../support/worker-listeners.ts';

test('listen({ workers }) spreads connections evenly over threads and counts them', async (t) => {
  const listener = await listenInWorkers(2);
  t.after(() => listener.close());
  assert.equal(listener.state, 'started');
  const connections: QuicConnection[] = [];
  t.after(() => Promise.allSettled(connections.map((connection) => connection.close())));
  const threads = new Map<string, number>();
  for (let i = 0; i < 100; i++) {
    const connection = await connectTo(listener);
    connections.push(connection);
    const thread = await ask(connection, 'who');
    threads.set(thread, (threads.get(thread) ?? 0) + 1);
  }
  assert.equal(listener.connections, 100);
  const counted = listener.workers.map(({ threadId, accepted }) => [String(threadId), accepted]);
  assert.deepEqual(new Map(counted as [string, number][]), threads);
  // Chance alone leaves one with fewer in one of 10,000 runs.
  for (const count of threads.values()) assert.ok(count > 30, `${count} of 100`);
});

/** 1,000 in the tiers that take their time. */
const migrations = Math.min(1000, seeds().length * 2);

for (const { name, backend, skip } of [
  { name: 'hand-over alone', backend: 'dgram', skip: false },
  { name: 'kernel steering', backend: 'native', skip: withoutNative },
] as const) {
  test(`L80 ${migrations} migrations under load stay with their workers, by ${name}`, { skip }, async (t) => {
    const listener = await listenInWorkers(2, { backend });
    t.after(() => listener.close());
    const connections = await Promise.all(Array.from({ length: 10 }, () => connectTo(listener)));
    t.after(() => Promise.allSettled(connections.map((connection) => connection.close())));
    let isOver = false;
    const load = connections.map(async (connection) => {
      for (let i = 0; !isOver; i++) {
        const wanted = `echo ${i} `.repeat(1000);
        assert.equal(await ask(connection, wanted), wanted);
      }
    });
    const moves = connections.map(async (connection, at) => {
      const owner = await ask(connection, 'who');
      for (let i = at; i < migrations; i += connections.length) {
        // A new port, and another address every other time.
        await connection.migrate({ localAddress: i % 20 < 10 ? '127.0.0.1' : '127.0.0.2' });
        assert.equal(await ask(connection, 'who'), owner);
      }
    });
    await Promise.all(moves);
    isOver = true;
    await Promise.all(load);
    assert.equal(listener.connections, connections.length);
    if (backend === 'native') {
      const handedOver = listener.workers.map((worker) => worker.handedOver);
      assert.deepEqual(handedOver, [0, 0], 'the kernel needed no help');
    }
  });
}

test('listen({ workers }) replaces a worker that dies, and the others keep their connections', async (t) => {
  const warnings: string[] = [];
  const onWarning = (warning: Error & { code?: string }): void => {
    if (warning.code === 'QUAYSIDE_WORKER_DIED') warnings.push(warning.message);
  };
  process.on('warning', onWarning);
  t.after(() => process.off('warning', onWarning));
  const listener = await listenInWorkers(2);
  t.after(() => listener.close());
  const byThread = new Map<string, QuicConnection>();
  const connections: QuicConnection[] = [];
  t.after(() => Promise.allSettled(connections.map((connection) => connection.close())));
  while (byThread.size < 2) {
    const connection = await connectTo(listener, { maxIdleTimeout: 2000 });
    connections.push(connection);
    byThread.set(await ask(connection, 'who'), connection);
  }
  const [[dying, victim], [living, survivor]] = [...byThread];
  const before = listener.workers;
  await ask(victim, 'die').catch(() => {});
  await until(() => listener.workers.some(({ replaced, threadId }) => replaced === 1 && threadId !== -1));
  await until(() => listener.workers.every(({ threadId }) => threadId !== -1));
  assert.equal(await ask(survivor, 'who'), living);
  await survivor.migrate();
  assert.equal(await ask(survivor, 'who'), living);
  // The new thread has the shard of the old one, and knows nothing of its connections: the client hears of it.
  await assert.rejects(async () => {
    for (;;) await ask(victim, 'who');
  });
  assert.equal(warnings.length, 1);
  assert.match(warnings[0], /died and is replaced: Error: a worker of the test dies/);
  const threads = new Set<string>();
  while (threads.size < 2) {
    const connection = await connectTo(listener);
    connections.push(connection);
    threads.add(await ask(connection, 'who'));
  }
  assert.ok(threads.has(living) && !threads.has(dying));
  const shards = listener.workers.map(({ shard, replaced }) => [shard, replaced]);
  const dead = before.findIndex(({ threadId }) => String(threadId) === dying);
  assert.deepEqual(
    shards,
    [0, 1].map((shard) => [shard, shard === dead ? 1 : 0]),
  );
});

test('listen({ workers }) drains: connections finish, new ones are refused, the port is free after', async (t) => {
  const listener = await listenInWorkers(2);
  const { port } = listener;
  const open = await Promise.all(Array.from({ length: 3 }, () => connectTo(listener)));
  t.after(() => Promise.allSettled(open.map((connection) => connection.close())));
  await Promise.all(open.map((connection) => ask(connection, 'who')));
  await listener.stop();
  assert.equal(listener.state, 'stopped');
  assert.equal(await ask(open[0], 'echo stopped'), 'echo stopped');
  await assert.rejects(connectTo({ port }), { code: 'ERR_QUIC_CONNECTION_REFUSED' });
  await listener.start();
  open.push(await connectTo(listener));
  assert.equal(await ask(open[3], 'echo again'), 'echo again');

  let isClosed = false;
  const closed = listener.close({ drain: 20_000 }).then(() => {
    isClosed = true;
  });
  assert.equal(await ask(open[1], 'echo draining'), 'echo draining');
  await assert.rejects(connectTo({ port }), { code: 'ERR_QUIC_CONNECTION_REFUSED' });
  await Promise.all(open.slice(1).map((connection) => connection.close()));
  assert.equal(await ask(open[0], 'echo last'), 'echo last');
  assert.equal(isClosed, false);
  await open[0].close();
  await closed;
  assert.equal(listener.state, 'closed');
  assert.deepEqual(
    listener.workers.map(({ threadId }) => threadId),
    [-1, -1],
  );
  const socket = createSocket('udp4');
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
  socket.close();
});

test('listen({ workers }) ends a drain when its signal fires', async () => {
  const listener = await listenInWorkers(2);
  const connection = await connectTo(listener);
  await ask(connection, 'who');
  const controller = new AbortController();
  const closed = listener.close({ drain: 2 ** 31 - 1, signal: controller.signal });
  assert.equal(await ask(connection, 'echo draining'), 'echo draining');
  controller.abort();
  await closed;
  // The client was told before the thread ended.
  await assert.rejects(ask(connection, 'who'));
});

test('listen({ workers }) refuses accept by name', async (t) => {
  const listener = await listenInWorkers(1);
  t.after(() => listener.close());
  await assert.rejects(listener.accept(), { code: 'ERR_QUIC_ACCEPT_IN_WORKERS' });
  assert.throws(() => listener.tryAccept(), { code: 'ERR_QUIC_ACCEPT_IN_WORKERS' });
  await assert.rejects(
    async () => {
      for await (const _ of listener as unknown as AsyncIterable<never>);
    },
    { code: 'ERR_QUIC_ACCEPT_IN_WORKERS' },
  );
});

test('listen({ workers }) closes the connection of a handler that fails', async (t) => {
  const listener = await listenInWorkers(1);
  t.after(() => listener.close());
  await assert.rejects(async () => {
    const connection = await connectTo(listener, { alpn: 'refuse' });
    await ask(connection, 'who');
  });
  await until(() => listener.connections === 0);
});

test('listen({ workers }) fails as a whole: with the error of the worker, and nothing left', async () => {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await assert.rejects(listenInWorkers(2, { port }), { code: 'ERR_QUIC_BIND' });
  socket.close();
  const listener = await listenInWorkers(2, { port });
  await listener.close();

  const missing = new URL('./there-is-none.js', import.meta.url);
  await assert.rejects(listenInWorkers(2, { workers: { entry: missing } }), { code: 'ERR_MODULE_NOT_FOUND' });
  const empty = 'data:text/javascript,export const nothing = 1';
  await assert.rejects(listenInWorkers(2, { workers: { entry: empty } }), {
    name: 'TypeError',
    message: /workers\.entry.*default export/,
  });
  await assert.rejects(listenInWorkers(2, { key: 'no-such-file.pem' }), { code: 'ERR_QUIC_INVALID_KEY' });
});

test('L88 listen({ workers }) resumes sessions in any worker, and all workers ask one store about early data', async (t) => {
  const asked: number[] = [];
  const replayStore = { add: (_id: Uint8Array, keepFor: number) => asked.push(keepFor) % 2 === 1 };
  const listener = await listenInWorkers(2, { earlyData: true, replayStore });
  t.after(() => listener.close());
  let session: Uint8Array | null = null;
  const first = await connectTo(listener, {
    onSession: (given) => {
      session = given;
    },
  });
  const threads = new Set([await ask(first, 'who')]);
  await until(() => session !== null);
  await first.close();
  const states: string[] = [];
  while (threads.size < 2 || states.length < 8) {
    const connection = await connectTo(listener, { session: session as never, earlyData: true });
    threads.add(await ask(connection, 'who'));
    await connection.opened;
    states.push(connection.earlyData);
    assert.ok(connection.isResumed, 'resumed');
    await connection.close();
  }
  assert.equal(asked.length, states.length);
  const answered = states.map((_, i) => (i % 2 === 0 ? 'accepted' : 'rejected'));
  assert.deepEqual(states, answered);
});

test('L88 listen({ workers }) follows key rings: sessions of before a change resume no more in any worker', async (t) => {
  const key = (byte: number) => new Uint8Array(32).fill(byte);
  const keys = new KeyRing(key(1));
  const listener = await listenInWorkers(2, { keys });
  t.after(() => listener.close());
  let session: Uint8Array | undefined;
  const first = await connectTo(listener, {
    onSession: (given) => {
      session ??= given;
    },
  });
  await ask(first, 'who');
  await until(() => session !== undefined);
  await first.close();
  const resumes = async (): Promise<boolean> => {
    const connection = await connectTo(listener, { session: session as Uint8Array });
    const { isResumed } = connection;
    await connection.close();
    return isResumed;
  };
  assert.ok(await resumes());
  keys.replace([key(2), key(1)]);
  assert.ok(await resumes(), 'the old key is still accepted');
  keys.replace(key(2));
  let refusals = 0;
  for (const end = performance.now() + 10_000; refusals < 10 && performance.now() < end; )
    refusals = (await resumes()) ? 0 : refusals + 1;
  assert.equal(refusals, 10);
});

test('L80 the kernel steers to a replaced worker and to the others as before', {
  skip: withoutNative,
}, async (t) => {
  const listener = await listenInWorkers(3, { backend: 'native' });
  t.after(() => listener.close());
  const connections: QuicConnection[] = [];
  t.after(() => Promise.allSettled(connections.map((connection) => connection.close())));
  const reach = async (): Promise<Map<string, QuicConnection>> => {
    const byThread = new Map<string, QuicConnection>();
    while (byThread.size < 3) {
      const connection = await connectTo(listener);
      connections.push(connection);
      byThread.set(await ask(connection, 'who'), connection);
    }
    return byThread;
  };
  const first = String(listener.workers[0].threadId);
  await ask((await reach()).get(first) as QuicConnection, 'die').catch(() => {});
  await until(() => listener.workers[0].replaced === 1 && listener.workers[0].threadId !== -1);
  const byThread = await reach();
  const before = listener.workers.map(({ handedOver }) => handedOver);
  for (const [thread, connection] of byThread) {
    for (let i = 0; i < 5; i++) {
      await connection.migrate();
      assert.equal(await ask(connection, 'who'), thread);
    }
  }
  assert.deepEqual(
    listener.workers.map(({ handedOver }) => handedOver),
    before,
  );
});
