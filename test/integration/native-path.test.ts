import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { connect, type Environment, listen, type QuicConnection, QuicEndpoint } from '../../src/index.ts';
import { nodeEnvironment } from '../../src/runtime/environment.ts';
import type { NativeAddon } from '../../src/runtime/native.ts';
import type { UdpSocketBinding } from '../../src/udp/native-binding.ts';
import { nativeSockets } from '../../src/udp/native-socket.ts';
import type { SocketFactory } from '../../src/udp/socket.ts';
import { makeTestIdentity } from '../support/certificates.ts';
import { native, withoutNative } from '../support/native.ts';

const identity = makeTestIdentity();
const SERVER = { alpn: 'echo', cert: identity.certPem, key: identity.keyPem };
const CLIENT = { alpn: 'echo', ca: identity.caPem, serverName: 'localhost' };

async function serve(connections: AsyncIterable<QuicConnection>): Promise<void> {
  for await (const connection of connections) {
    void (async () => {
      for await (const stream of connection.incomingStreams()) {
        for await (const chunk of stream) await stream.write(chunk);
        await stream.end();
      }
    })().catch(() => {});
  }
}

/** Sends bytes through an echo and holds what comes back against them. */
async function echoed(connection: QuicConnection, size: number): Promise<void> {
  const stream = await connection.createBidirectionalStream();
  const sent = new Uint8Array(size).map((_, i) => i * 7 + (i >> 8));
  const ended = stream.end(sent);
  const received: Uint8Array[] = [];
  for await (const chunk of stream) received.push(chunk);
  await ended;
  assert.equal(Buffer.compare(Buffer.concat(received), Buffer.from(sent)), 0);
}

describe('L18 the backend of an endpoint', () => {
  test('L18 dgram can be chosen everywhere, and listener and endpoint say what they use', async () => {
    const listener = await listen({ ...SERVER, address: '127.0.0.1', backend: 'dgram' });
    void serve(listener);
    try {
      assert.equal(listener.backend, 'dgram');
      assert.equal(listener.endpoint.backend, 'dgram');
      assert.equal(listener.endpoint.environment.provider.name, 'node');
      const target = { host: '127.0.0.1', port: listener.port };
      const connection = await connect(target, { ...CLIENT, backend: 'dgram' });
      await echoed(connection, 100_000);
      await connection.close();
    } finally {
      await listener.close();
    }
  });

  test('L18 auto is native where the addon works, and both kinds speak to each other', {
    skip: withoutNative,
  }, async () => {
    const listener = await listen({ ...SERVER, address: '127.0.0.1' });
    void serve(listener);
    try {
      assert.equal(listener.backend, 'native');
      assert.equal(listener.endpoint.environment.provider.name, 'native');
      for (const backend of ['dgram', 'native', 'auto'] as const) {
        const connection = await connect({ host: '127.0.0.1', port: listener.port }, { ...CLIENT, backend });
        await echoed(connection, 300_000);
        await connection.close();
      }
    } finally {
      await listener.close();
    }
  });

  test('L18 native where it cannot be is an error, and any other word too', async () => {
    if (native === null) {
      assert.throws(() => new QuicEndpoint({ backend: 'native' }), { code: 'ERR_QUIC_NATIVE_UNAVAILABLE' });
      await assert.rejects(connect('127.0.0.1:9', { ...CLIENT, backend: 'native' }), {
        code: 'ERR_QUIC_NATIVE_UNAVAILABLE',
      });
    }
    const wrong = { backend: 'fast' } as unknown as { backend: 'auto' };
    assert.throws(() => new QuicEndpoint(wrong), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /backend.*'auto', 'dgram' or 'native'.*'fast'/,
    });
    const environment = nodeEnvironment('dgram');
    assert.throws(() => new QuicEndpoint({ backend: 'dgram', environment }), {
      code: 'ERR_INVALID_ARG_VALUE',
    });
  });
});

describe('connections over native sockets', { skip: withoutNative }, () => {
  test('L11 clients of one endpoint on all addresses reach a server on all addresses', async () => {
    const listener = await listen(SERVER);
    void serve(listener);
    const endpoint = new QuicEndpoint();
    try {
      for (const host of ['127.0.0.1', '127.0.0.2', '127.0.0.9']) {
        const connection = await connect({ host, port: listener.port }, { ...CLIENT, endpoint });
        assert.equal(connection.remoteAddress.address, host);
        assert.match(connection.localAddress.address, /^127\./);
        await echoed(connection, 200_000);
        await connection.close();
      }
    } finally {
      await endpoint.close();
      await listener.close();
    }
  });

  test('C83 a path of the loopback is found to carry more than 1452 bytes, since fragments are forbidden', async () => {
    const options = { maxUdpPayloadSize: 16_000 };
    const listener = await listen({ ...SERVER, ...options, address: '127.0.0.1' });
    void serve(listener);
    try {
      const connection = await connect({ host: '127.0.0.1', port: listener.port }, { ...CLIENT, ...options });
      await echoed(connection, 2_000_000);
      assert.equal(connection.stats.mtu, 16_000);
      await connection.close();
    } finally {
      await listener.close();
    }
  });

  test('C84 RFC 9000 §13.4.2 ECN is validated over real sockets', async () => {
    const listener = await listen({ ...SERVER, address: '127.0.0.1' });
    void serve(listener);
    const { endpoint } = listener;
    const marks = new Set<number>();
    const route = endpoint.onDatagram.bind(endpoint);
    endpoint.onDatagram = (socket, bytes, from, to, ecn, now) => {
      marks.add(ecn);
      route(socket, bytes, from, to, ecn, now);
    };
    try {
      const connection = await connect({ host: '127.0.0.1', port: listener.port }, CLIENT);
      await echoed(connection, 2_000_000);
      assert.equal(connection.stats.ecn, 'capable');
      assert.ok(marks.has(2), 'packets arrive with ECT(0)');
      await connection.close();
    } finally {
      await listener.close();
    }
  });

  test('C54 joined datagrams that begin to fail in the middle of a transfer cost it nothing', async () => {
    const { UdpSocket } = native as Required<NativeAddon>;
    let joined = 0;
    let refused = 0;
    class Failing extends (UdpSocket as new () => UdpSocketBinding) {
      override send(...args: Parameters<UdpSocketBinding['send']>): number {
        if (!args[4] || ++joined <= 20) return super.send(...args);
        refused++;
        return -constants.errno.EIO;
      }
    }
    const sockets = nativeSockets({ UdpSocket: Failing }).factory as SocketFactory;
    const environment: Environment = { ...nodeEnvironment(), sockets };
    const listener = await listen({ ...SERVER, address: '127.0.0.1', environment });
    void serve(listener);
    try {
      const connection = await connect({ host: '127.0.0.1', port: listener.port }, CLIENT);
      await echoed(connection, 4_000_000);
      assert.equal(refused, 1);
      assert.ok(joined > 20);
      await connection.close();
    } finally {
      await listener.close();
    }
  });

  test('a worker thread with open sockets ends at once, and the process goes on', async () => {
    const library = new URL('../../src/index.js', import.meta.url).href;
    const program = `
      import(${JSON.stringify(library)}).then(async ({ QuicEndpoint }) => {
        const endpoints = [new QuicEndpoint(), new QuicEndpoint({ address: '127.0.0.1' })];
        for (const endpoint of endpoints) await endpoint.bind();
        require('node:worker_threads').parentPort.postMessage(endpoints[0].backend);
      });`;
    for (let round = 0; round < 3; round++) {
      const worker = new Worker(program, { eval: true });
      const backend = await new Promise((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
      assert.equal(backend, 'native');
      assert.equal(await worker.terminate(), 1);
    }
  });

  test('nothing keeps the process alive after close', async () => {
    const library = new URL('../../src/index.js', import.meta.url).href;
    const program = `
      const { QuicEndpoint } = await import(${JSON.stringify(library)});
      const endpoint = new QuicEndpoint({ address: '127.0.0.1' });
      await endpoint.bind();
      await endpoint.close();
      const idle = new QuicEndpoint({ address: '127.0.0.1' });
      await idle.bind();
      idle.unref();
      console.log('end');`;
    const { spawnSync } = await import('node:child_process');
    const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      timeout: 20_000,
      encoding: 'utf8',
    });
    assert.deepEqual([stdout, status], ['end\n', 0]);
  });
});
