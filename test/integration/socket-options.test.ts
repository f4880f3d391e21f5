import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect, listen, type QuicConnection, QuicEndpoint } from '../../src/index.ts';
import { dgramSockets } from '../../src/udp/dgram-socket.ts';
import type { SocketFactory } from '../../src/udp/socket.ts';
import { makeTestIdentity } from '../support/certificates.ts';

test('L83 address, family and kernel buffers are as the options say', async () => {
  for (const address of ['127.0.0.1', '::1']) {
    const granted: number[][] = [];
    const sockets: SocketFactory = {
      ...dgramSockets,
      bind: async (options) => {
        const socket = await dgramSockets.bind(options);
        const { receiveBufferGranted, sendBufferGranted } = socket.counters;
        granted.push([receiveBufferGranted, sendBufferGranted]);
        return socket;
      },
    };
    const base = new QuicEndpoint().environment;
    const endpoint = new QuicEndpoint({
      address,
      receiveBufferSize: 100_000,
      sendBufferSize: 32_768,
      environment: { ...base, sockets },
    });
    await endpoint.bind();
    assert.deepEqual(
      endpoint.addresses.map((each) => each.address),
      [address],
    );
    if (process.platform === 'linux') assert.deepEqual(granted, [[100_000, 32_768]]);
    await endpoint.close();
  }
});

test('L83 a buffer that the system does not give in full is warned of once, with what to do', async (t) => {
  if (process.platform !== 'linux') return t.skip('only Linux gives less without an error');
  const endpoint = new QuicEndpoint({ address: '127.0.0.1', receiveBufferSize: 2 ** 30 });
  const warned = once(process, 'warning');
  await endpoint.bind();
  await endpoint.bindInterface('127.0.0.1:0?alloc_port_id=1');
  const [warning] = (await warned) as [Error & { code?: string }];
  assert.equal(warning.name, 'QuaysideWarning');
  assert.equal(warning.code, 'QUAYSIDE_SOCKET_BUFFER');
  assert.match(
    warning.message,
    /gave \d+ of the 1073741824 bytes of receiveBufferSize.*net\.core\.rmem_max=1073741824/,
  );
  const second = once(process, 'warning', { signal: AbortSignal.timeout(50) });
  await assert.rejects(second, { name: 'AbortError' });
  await endpoint.close();
});

test('C83 where fragments cannot be forbidden, MTU discovery stops at 1452 bytes whatever the options allow', async (t) => {
  const identity = makeTestIdentity({ names: ['localhost', 'other.test'] });
  const pem = { cert: identity.certPem, key: identity.keyPem };
  const large = { maxUdpPayloadSize: 9000, backend: 'dgram', alpn: 'echo' } as const;
  const listener = await listen({ ...large, ...pem, address: '127.0.0.1' });
  // Options of its own replace those of the listener.
  await listener.addServer('other.test', { ...pem, maxUdpPayloadSize: 8000 });
  void (async () => {
    for await (const connection of listener) void echo(connection).catch(() => {});
  })();
  try {
    for (const serverName of ['localhost', 'other.test']) {
      const to = { host: '127.0.0.1', port: listener.port };
      const connection = await connect(to, { ...large, serverName, ca: identity.caPem });
      t.after(() => connection.destroy());
      const stream = await connection.createBidirectionalStream();
      const ended = stream.end(new Uint8Array(1_000_000));
      let received = 0;
      for await (const chunk of stream) received += chunk.length;
      await ended;
      assert.equal(received, 1_000_000);
      assert.equal(connection.stats.mtu, 1452);
      for (const accepted of listener.connections) assert.equal(accepted.stats.mtu, 1452);
      await connection.close();
    }
  } finally {
    await listener.close();
  }
});

async function echo(connection: QuicConnection): Promise<void> {
  for await (const stream of connection.incomingStreams()) {
    for await (const chunk of stream) await stream.write(chunk);
    await stream.end();
  }
}

test('L83 wrong socket options are refused by name', () => {
  for (const options of [{ receiveBufferSize: 0 }, { sendBufferSize: 1.5 }, { interfaceInterval: 1 }]) {
    const [name] = Object.keys(options);
    assert.throws(() => new QuicEndpoint(options), { code: 'ERR_OUT_OF_RANGE', message: new RegExp(name) });
  }
  assert.throws(() => new QuicEndpoint({ reusePort: 1 as never }), { code: 'ERR_INVALID_ARG_TYPE' });
});

test('L83 endpoints that ask for it share a port, and elsewhere reusePort is refused', async () => {
  const options = { address: '127.0.0.1', reusePort: true };
  if (!new QuicEndpoint().environment.sockets.capabilities.reusePort) {
    assert.throws(() => new QuicEndpoint(options), { code: 'ERR_QUIC_UNSUPPORTED', message: /reusePort/ });
    return;
  }
  const first = new QuicEndpoint(options);
  await first.bind();
  const second = new QuicEndpoint({ ...options, port: first.port });
  await second.bind();
  assert.equal(second.port, first.port);
  await Promise.all([first.close(), second.close()]);
});
