/** The replay store in a real Redis, through both clients that users have. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import {
  type ConnectOptions,
  connect,
  type ListenOptions,
  listen,
  RedisReplayStore,
} from '../../src/index.ts';
import { makeTestIdentity } from '../support/certificates.ts';
import { RedisServer, withoutRedis } from '../support/redis-server.ts';

const noRedis = await withoutRedis();
const identity = makeTestIdentity();
const KEYS = new Uint8Array(32).fill(7);
const ID = Uint8Array.of(1, 2, 3, 4);

async function redis(t: TestContext): Promise<RedisServer> {
  const server = new RedisServer();
  t.after(() => server.stop());
  await server.start();
  return server;
}

/** Clients of both packages, which fail at once while there is no Redis. */
async function stores(t: TestContext, { path }: RedisServer): Promise<Record<string, RedisReplayStore>> {
  const nodeRedis = createClient({ socket: { path, tls: false }, disableOfflineQueue: true });
  nodeRedis.on('error', () => {});
  await nodeRedis.connect();
  t.after(() => nodeRedis.destroy());
  const ioredis = new Redis({ path, enableOfflineQueue: false, lazyConnect: true });
  ioredis.on('error', () => {});
  await ioredis.connect();
  t.after(() => ioredis.disconnect());
  return { redis: new RedisReplayStore(nodeRedis), ioredis: new RedisReplayStore(ioredis) };
}

test('C26 an id is new once for all who share the Redis, whatever client they use', {
  skip: noRedis,
}, async (t) => {
  const { redis: a, ioredis: b } = await stores(t, await redis(t));
  assert.equal(await a.add(ID, 60_000), true);
  assert.equal(await b.add(ID, 60_000), false);
  assert.equal(await a.add(ID, 60_000), false);
  assert.equal(await b.add(Uint8Array.of(5), 60_000), true);
  // Of many that come at once one is first.
  const all = await Promise.all(
    Array.from({ length: 50 }, (_, i) => (i % 2 ? a : b).add(Uint8Array.of(6), 60_000)),
  );
  assert.equal(all.filter(Boolean).length, 1);
  // Redis forgets by itself.
  assert.equal(await a.add(Uint8Array.of(7), 0.5), true);
  while (!(await b.add(Uint8Array.of(7), 60_000))) await new Promise((resolve) => setImmediate(resolve));
});

async function server(t: TestContext, options: Partial<ListenOptions>): Promise<number> {
  const { certPem: cert, keyPem: key } = identity;
  const listener = await listen({
    address: '127.0.0.1',
    alpn: 'test',
    cert,
    key,
    keys: KEYS,
    earlyData: true,
    ...options,
  });
  t.after(() => listener.close());
  void (async () => {
    for await (const connection of listener) {
      void (async () => {
        for await (const stream of connection.incomingStreams()) {
          for await (const _ of stream);
          void stream.end(Buffer.from(stream.early ? 'early' : 'late'));
        }
      })().catch(() => {});
    }
  })();
  return listener.port;
}

/** Asks over a stream, in 0-RTT if there is a session. Gives the answer and a session for the next time. */
async function ask(
  port: number,
  options: Partial<ConnectOptions> = {},
): Promise<[answer: string, session: Uint8Array]> {
  let onSession: (session: Uint8Array) => void = () => {};
  const coming = new Promise<Uint8Array>((resolve) => {
    onSession = resolve;
  });
  const connection = await connect(
    { host: '127.0.0.1', port },
    { alpn: 'test', ca: identity.caPem, serverName: 'localhost', earlyData: true, onSession, ...options },
  );
  const stream = await connection.createBidirectionalStream();
  void stream.end(Buffer.from('?'));
  let answer = '';
  for await (const bytes of stream) answer += Buffer.from(bytes).toString();
  const session = await coming;
  await connection.close();
  return [answer, session];
}

for (const client of ['redis', 'ioredis']) {
  const title = `C26 L88 early data are taken once by two servers that share keys and a Redis (${client}), by none while it is down, and connections are made all the same`;
  test(title, { skip: noRedis, timeout: 60_000 }, async (t) => {
    const database = await redis(t);
    const made = await stores(t, database);
    const replayStore = made[client];
    const [a, b] = [await server(t, { replayStore }), await server(t, { replayStore })];
    let [, session] = await ask(a);
    let answer = '';
    // On a machine with much to do an answer of Redis may take longer than a handshake waits for it.
    for (let tries = 0; tries < 20 && answer !== 'early'; tries++)
      [answer, session] = await ask(b, { session });
    assert.equal(answer, 'early', 'taken by the other server');
    // A down Redis refuses early data and nothing else.
    await database.kill();
    const [down, third] = await ask(a, { session });
    assert.equal(down, 'late');
    await database.start();
    // The client finds its way back by itself.
    let next = third;
    for (answer = ''; answer !== 'early'; ) [answer, next] = await ask(a, { session: next });
  });
}

test('C26 what is no client of Redis is refused', () => {
  for (const wrong of [undefined, null, {}, 'redis://localhost', { sendCommand: 1 }]) {
    assert.throws(
      () => new RedisReplayStore(wrong as never),
      /"client" argument must be a client of the package redis or/,
    );
  }
  const client = { call: async () => 'OK' };
  assert.throws(() => new RedisReplayStore(client, { prefix: 1 as never }), { code: 'ERR_INVALID_ARG_TYPE' });
});
