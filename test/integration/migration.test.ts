import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout } from 'node:timers/promises';
import {
  type ConnectOptions,
  connect,
  type ListenOptions,
  listen,
  type QuicConnection,
  QuicEndpoint,
  type QuicListener,
  type QuicPath,
} from '../../src/index.ts';
import { makeTestIdentity } from '../support/certificates.ts';
import { until } from '../support/interop.ts';

const identity = makeTestIdentity();
const SIZE = 8_000_000;
const CONTENT = new Uint8Array(SIZE).map((_, i) => i * 31 + (i >> 8));

interface Pair {
  listener: QuicListener;
  client: QuicConnection;
  server: QuicConnection;
}

/** A listener that answers each stream with `CONTENT`, and a connection to it over real sockets. */
async function withPair(
  options: { server?: Partial<ListenOptions>; client?: Partial<ConnectOptions> },
  use: (pair: Pair) => Promise<void>,
): Promise<void> {
  const listener = await listen({
    address: '127.0.0.1',
    alpn: 'test',
    cert: identity.certPem,
    key: identity.keyPem,
    ...options.server,
  });
  try {
    const client = await connect(
      { host: '127.0.0.1', port: listener.port },
      { alpn: 'test', ca: identity.caPem, serverName: 'localhost', ...options.client },
    );
    const server = await listener.accept();
    void answer(server).catch(() => {});
    await use({ listener, client, server });
    await client.close();
  } finally {
    await listener.close();
  }
}

async function answer(server: QuicConnection): Promise<void> {
  for await (const stream of server.incomingStreams()) {
    stream
      .write(CONTENT)
      .then(() => stream.end())
      .catch(() => {});
  }
}

/** Asks for `CONTENT` and compares every byte. */
async function fetch(client: QuicConnection, onLength: (length: number) => void = () => {}): Promise<void> {
  const stream = await client.createBidirectionalStream();
  stream.end(new Uint8Array(1)).catch(() => {});
  let length = 0;
  for await (const chunk of stream) {
    for (let i = 0; i < chunk.length; i += 997) assert.equal(chunk[i], CONTENT[length + i]);
    length += chunk.length;
    onLength(length);
  }
  assert.equal(length, SIZE);
}

test('C70 C72 a client moves to new ports in the midst of a transfer', async () => {
  await withPair({}, async ({ client, server }) => {
    const events: string[] = [];
    client.onPathEvent = ({ type }) => events.push(type);
    const followed: string[] = [];
    server.onPathEvent = ({ type }) => followed.push(type);
    const ports = [client.localAddress.port];
    let last: Promise<void> = Promise.resolve();
    let moves = 0;
    await fetch(client, (length) => {
      if (length < (moves + 1) * 2_000_000 || moves === 3) return;
      moves++;
      last = last
        .then(() => client.migrate())
        .then(() => {
          ports.push(client.localAddress.port);
        });
    });
    await last;
    await fetch(client);
    assert.equal(new Set(ports).size, 4, `${ports}`);
    assert.equal(server.remoteAddress.port, ports[3]);
    assert.equal(events.filter((type) => type === 'path-validated').length, 3);
    assert.equal(followed.filter((type) => type === 'peer-migrated').length, 3);
  });
});

test('C70 migrate takes the address that it is given, and says what it cannot do', async () => {
  await withPair({}, async ({ client, server }) => {
    await fetch(client);
    // Other systems have one loopback address.
    const localAddress = process.platform === 'linux' ? '127.0.0.2' : '127.0.0.1';
    await client.migrate({ localAddress });
    assert.equal(client.localAddress.address, localAddress);
    await fetch(client);
    assert.equal(server.remoteAddress.address, localAddress);
    await assert.rejects(server.migrate(), { code: 'ERR_QUIC_INVALID_STATE' });
    await assert.rejects(client.migrate({ localAddress: '192.0.2.77' }), { code: 'ERR_QUIC_BIND' });
    await fetch(client);
  });
});

test('C76 a server that does not want its clients to move is heeded', async () => {
  await withPair({ server: { disableActiveMigration: true } }, async ({ client }) => {
    await fetch(client);
    await assert.rejects(client.migrate(), { code: 'ERR_QUIC_INVALID_STATE' });
    await fetch(client);
  });
});

test('C70 an endpoint that several connections share moves all of them', async () => {
  const endpoint = new QuicEndpoint({ address: '127.0.0.1' });
  await withPair({ client: { endpoint } }, async ({ listener, client, server }) => {
    const other = await connect(
      { host: '127.0.0.1', port: listener.port },
      { alpn: 'test', ca: identity.caPem, serverName: 'localhost', endpoint },
    );
    void answer(await listener.accept()).catch(() => {});
    await Promise.all([fetch(client), fetch(other)]);
    const before = [client.localAddress.port, other.localAddress.port];
    await endpoint.rebind();
    assert.notEqual(client.localAddress.port, before[0]);
    assert.notEqual(other.localAddress.port, before[1]);
    await Promise.all([fetch(client), fetch(other)]);
    assert.equal(server.remoteAddress.port, client.localAddress.port);
    await other.close();
  });
  await endpoint.close();
});

test('L86 a client goes to the preferred address of a listener, or stays if it shall', async () => {
  const port = await freePort();
  const server = { preferredAddress: { ipv4: { address: '127.0.0.1', port } } };
  await withPair({ server }, async ({ client, server: other }) => {
    await fetch(client);
    await until(() => client.remoteAddress.port === port);
    await fetch(client);
    assert.equal(other.localAddress.port, port);
  });
  await withPair({ server, client: { followPreferredAddress: false } }, async ({ client, listener }) => {
    await fetch(client);
    assert.equal(client.remoteAddress.port, listener.port);
  });
});

async function freePort(): Promise<number> {
  const endpoint = new QuicEndpoint({ address: '127.0.0.1' });
  await endpoint.bind();
  const { port } = endpoint;
  await endpoint.close();
  return port;
}

test('C77 a client adds paths, uses one, and removes them; their sockets go with them', async () => {
  await withPair({}, async ({ client, server }) => {
    const [first] = client.paths;
    assert.ok(first?.isActive);
    const added = await client.addPath();
    const { port } = added.localAddress;
    assert.notEqual(port, first.localAddress.port);
    assert.deepEqual([added.state, added.isActive], ['validated', false]);
    assert.equal(client.localAddress.port, first.localAddress.port, 'probing does not move');
    assert.deepEqual(client.paths, [first, added]);
    assert.ok(added.stats.packetsReceived > 0 && added.stats.mtu >= 1200);
    await until(() => server.paths.length === 2);

    await added.use();
    await fetch(client);
    assert.equal(client.localAddress.port, port);
    assert.equal(server.remoteAddress.port, port);
    assert.ok(added.isActive && added.stats.bytesReceived > SIZE);
    assert.throws(() => added.close(), { code: 'ERR_QUIC_INVALID_STATE' });

    await first.use();
    await until(() => server.remoteAddress.port === first.localAddress.port);
    added.close();
    added.close();
    assert.equal(added.state, 'closed');
    assert.deepEqual(client.paths, [first]);
    await assert.rejects(added.use(), { code: 'ERR_QUIC_INVALID_STATE' });
    // The socket is free again once the system has what was sent over it.
    let again: QuicPath | null = null;
    const options = { localAddress: '127.0.0.1', localPort: port };
    for (let turns = 0; again === null && turns < 100; turns++) {
      await setTimeout(10);
      again = await client.addPath(options).catch(() => null);
    }
    assert.equal(again?.localAddress.port, port);
    await fetch(client);
    await assert.rejects(server.addPath(), { code: 'ERR_QUIC_INVALID_STATE' });
    await assert.rejects(server.paths[0]?.use() ?? Promise.resolve(), { code: 'ERR_QUIC_INVALID_STATE' });
  });
});
