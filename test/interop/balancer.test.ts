/** Two servers of the command line behind a real nginx that routes by connection id, with shared keys and a real Redis. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fetchHq } from '../../src/cli/hq/client.ts';
import { type ConnectOptions, connect, type QuicConnection } from '../../src/index.ts';
import { makeTestIdentity } from '../support/certificates.ts';
import { type CliServer, startCliServer, temporaryFolder } from '../support/cli.ts';
import { FlightRecorder } from '../support/flight-recorder.ts';
import { type Layout, startNginx, withoutNginx } from '../support/nginx.ts';
import { RedisServer, withoutRedis } from '../support/redis-server.ts';

const skip = (await withoutNginx()) || (await withoutRedis());
const identity = makeTestIdentity();
const IDS = { a: '1122334455667788', b: 'a1b2c3d4e5f60718' } as const;
const PLAIN: Layout = { nonceLength: 7, rotation: 0, key: '' };
const LAYOUTS: Record<string, Layout> = {
  plaintext: PLAIN,
  'four-pass': { nonceLength: 7, rotation: 2, key: '8f95f09245765f80256934e50c66207f' },
  'single-pass': { nonceLength: 8, rotation: 5, key: '8f95f09245765f80256934e50c66207f' },
};

const options = { skip, timeout: 120_000 };

type Name = keyof typeof IDS;

class Fleet {
  readonly #t: TestContext;
  readonly #folder: string;
  readonly #layout: Layout;
  readonly redis: RedisServer = new RedisServer();
  readonly servers: Partial<Record<string, CliServer>> = {};
  port = 0;
  readonly #connections: QuicConnection[] = [];

  constructor(t: TestContext, layout: Layout) {
    this.#t = t;
    this.#layout = layout;
    this.#folder = temporaryFolder(t);
    writeFileSync(join(this.#folder, 'keys'), `# shared\n${randomBytes(32).toString('hex')}\n`);
    writeFileSync(join(this.#folder, 'cert.pem'), identity.certPem);
    writeFileSync(join(this.#folder, 'key.pem'), identity.keyPem, { mode: 0o600 });
  }

  static async start(t: TestContext, layout: Layout): Promise<Fleet> {
    const fleet = new Fleet(t, layout);
    t.after(() => fleet.#close());
    await fleet.redis.start();
    const [a, b] = await Promise.all([fleet.serve('a', IDS.a), fleet.serve('b', IDS.b)]);
    const upstreams = [
      { serverId: IDS.a, port: a.port },
      { serverId: IDS.b, port: b.port },
    ] as const;
    fleet.port = await startNginx(t, upstreams, layout);
    return fleet;
  }

  /** A server whose file `who` has its name. */
  async serve(name: string, serverId: string, redis: RedisServer = this.redis): Promise<CliServer> {
    const folder = join(this.#folder, name);
    mkdirSync(folder);
    writeFileSync(join(folder, 'who'), name);
    const { nonceLength, rotation, key } = this.#layout;
    const ids = [
      '--server-id',
      serverId,
      '--nonce-length',
      String(nonceLength),
      '--rotation',
      String(rotation),
    ];
    const keyed = key === '' ? [] : ['--cid-key', key];
    const shared = ['--keys', join(this.#folder, 'keys'), '--early-data', '--redis', `unix:${redis.path}`];
    const own = ['--cert', join(this.#folder, 'cert.pem'), '--key', join(this.#folder, 'key.pem')];
    const args = ['serve', folder, '--address', '127.0.0.1', ...ids, ...keyed, ...shared, ...own];
    const server = await startCliServer(this.#t, args, { cwd: this.#folder });
    this.servers[name] = server;
    return server;
  }

  async connect(options: Partial<ConnectOptions> = {}, port = this.port): Promise<QuicConnection> {
    const connection = await connect(
      { host: '127.0.0.1', port },
      { alpn: 'hq-interop', ca: identity.caPem, serverName: 'localhost', ...options },
    );
    this.#connections.push(connection);
    return connection;
  }

  /** Connections until each server has so many. Gives them with their servers. */
  async spread(least: number): Promise<{ connection: QuicConnection; who: Name }[]> {
    const all: { connection: QuicConnection; who: Name }[] = [];
    const count = (name: Name) => all.filter(({ who }) => who === name).length;
    while (count('a') < least || count('b') < least) {
      assert.ok(all.length < 60, 'the balancer never chose one of the two');
      const connection = await this.connect();
      all.push({ connection, who: await who(connection) });
    }
    return all;
  }

  async #close(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()));
    await this.redis.stop();
  }
}

async function get(connection: QuicConnection, path: string): Promise<string> {
  let text = '';
  await fetchHq(connection, path, (chunk) => {
    text += Buffer.from(chunk).toString();
  });
  return text;
}

async function who(connection: QuicConnection): Promise<Name> {
  return (await get(connection, '/who')) as Name;
}

/** A connection's session, once it came. */
function withSession(): { onSession: (session: Uint8Array) => void; session: Promise<Uint8Array> } {
  let onSession: (session: Uint8Array) => void = () => {};
  const session = new Promise<Uint8Array>((resolve) => {
    onSession = resolve;
  });
  return { onSession: (bytes) => onSession(bytes), session };
}

/** The first flight of a client whose order a server took in 0-RTT. */
async function takenEarly(t: TestContext, fleet: Fleet, { port }: CliServer): Promise<FlightRecorder> {
  for (let tries = 0; tries < 10; tries++) {
    const { onSession, session } = withSession();
    await who(await fleet.connect({ onSession }, port));
    const recorder = new FlightRecorder();
    await recorder.start(t, port, 200);
    const early = await fleet.connect({ session: await session, earlyData: true }, recorder.port);
    assert.equal(await get(early, '/who?order=1'), 'a');
    // On a machine with much to do, Redis may not answer in time.
    if (early.earlyData === 'accepted') return recorder;
  }
  throw new Error('no 0-RTT was ever taken');
}

for (const [kind, layout] of Object.entries(LAYOUTS)) {
  test(
    `L66 behind nginx with ${kind} ids, clients that change their ports stay with their server`,
    options,
    async (t) => {
      const fleet = await Fleet.start(t, layout);
      const connections = await fleet.spread(3);
      for (let round = 0; round < 4; round++) {
        for (const { connection, who: owner } of connections) {
          const { port } = connection.localAddress;
          await connection.migrate();
          assert.notEqual(connection.localAddress.port, port);
          assert.equal(await who(connection), owner);
        }
      }
    },
  );
}

test(
  'L88 behind nginx a session of one server resumes with the other, and a dead server leaves new clients to the other',
  options,
  async (t) => {
    const fleet = await Fleet.start(t, PLAIN);
    const { onSession, session } = withSession();
    const first = await fleet.connect({ onSession });
    const owner = await who(first);
    const ticket = await session;
    for (let tries = 0; ; tries++) {
      assert.ok(tries < 60, 'the balancer never chose the other one');
      const resumed = await fleet.connect({ session: ticket });
      assert.equal(resumed.isResumed, true);
      if ((await who(resumed)) !== owner) break;
    }
    const left = await fleet.spread(1);
    fleet.servers.b?.child.kill('SIGKILL');
    await fleet.servers.b?.result;
    // Those that nginx sends to the dead one try again within their time for the handshake.
    for (let i = 0; i < 6; i++)
      assert.equal(await who(await fleet.connect({ handshakeTimeout: 30_000 })), 'a');
    for (const { connection, who: name } of left) {
      if (name !== 'a') continue;
      await connection.migrate();
      assert.equal(await who(connection), 'a', 'the living one keeps its connections');
    }
  },
);

test(
  'C26 T18 0-RTT that was taken by one server is refused by the other through Redis when it is sent again',
  options,
  async (t) => {
    const fleet = await Fleet.start(t, PLAIN);
    const { a, b } = fleet.servers;
    assert.ok(a !== undefined && b !== undefined);
    // One with the same keys and a Redis of its own would take the copy: the copy is a good one.
    const otherRedis = new RedisServer();
    t.after(() => otherRedis.stop());
    await otherRedis.start();
    const control = await fleet.serve('control', '0000000000000001', otherRedis);
    const recorder = await takenEarly(t, fleet, a);
    await a.saw(/GET \/who\?order=1 .*in 0-RTT/);
    assert.ok((await recorder.replay(b.port)).length > 0, 'the other one answered the copy');
    const taken = control.saw(/GET \/who\?order=1 .*in 0-RTT/).then(() => true);
    taken.catch(() => {});
    // On a machine with much to do, its Redis may not answer in time: then it is to have forgotten the first try.
    for (let tries = 0; ; tries++) {
      assert.ok(tries < 5, 'the copy was never taken');
      await recorder.replay(control.port);
      if (await Promise.race([taken, sleep(1000)])) break;
      await otherRedis.forget();
    }
    // The same order at the same server is no new one either.
    await recorder.replay(a.port);
    await who(await fleet.connect({}, b.port));
    await b.saw(/GET \/who /);
    for (const [server, count] of [
      [a, 1],
      [b, 0],
      [control, 1],
    ] as const) {
      server.child.kill('SIGTERM');
      const { stdout } = await server.result;
      assert.equal(stdout.match(/order=1 .*in 0-RTT/g)?.length ?? 0, count);
    }
  },
);
