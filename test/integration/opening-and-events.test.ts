import assert from 'node:assert/strict';
import test from 'node:test';
import {
  type ConnectOptions,
  connect,
  type ListenOptions,
  listen,
  type PathEvent,
  type QuicConnection,
  QuicEndpoint,
} from '../../src/index.ts';
import { makeTestIdentity } from '../support/certificates.ts';

const identity = makeTestIdentity();

async function withPair(
  use: (client: QuicConnection, server: QuicConnection) => Promise<void>,
  options: { server?: Partial<ListenOptions>; client?: Partial<ConnectOptions> } = {},
): Promise<void> {
  const { certPem: cert, keyPem: key, caPem: ca } = identity;
  const listener = await listen({ address: '127.0.0.1', alpn: 'test', cert, key, ...options.server });
  try {
    const client = await connect(`127.0.0.1:${listener.port}`, {
      alpn: 'test',
      ca,
      serverName: 'localhost',
      ...options.client,
    });
    await use(client, await listener.accept());
    await client.close().catch(() => {});
  } finally {
    await listener.close();
  }
}

const data = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Before the handshake is confirmed a close cannot carry the application's code (RFC 9000 §10.2.3). */
async function confirmed(...sides: QuicConnection[]): Promise<void> {
  for (const side of [...sides, ...sides]) await (await side.createUnidirectionalStream()).end(data('x'));
}

test('C40 C57 with failOnBlocked a stream above the limit is refused at once; without it the call waits', async () => {
  await withPair(
    async (client, server) => {
      const first = await client.createBidirectionalStream({ failOnBlocked: true });
      await client.createUnidirectionalStream({ failOnBlocked: true });
      for (const open of [client.createBidirectionalStream, client.createUnidirectionalStream]) {
        await assert.rejects(open.call(client, { failOnBlocked: true }), {
          code: 'ERR_QUIC_STREAM_LIMIT',
          number: -12,
        });
      }
      const waiting = client.createBidirectionalStream();
      // Nobody is passed over who waits already.
      await assert.rejects(client.createBidirectionalStream({ failOnBlocked: true }), {
        code: 'ERR_QUIC_STREAM_LIMIT',
      });
      const ended = first.end(data('x'));
      const other = await server.acceptBidirectionalStream();
      for await (const _ of other);
      await other.end();
      for await (const _ of first);
      await ended;
      assert.equal((await waiting).id, 4);
    },
    { server: { maxStreamsBidi: 1, maxStreamsUni: 1 } },
  );
});

test('C57 opening fails with the error that ended the connection, on both sides', async () => {
  await withPair(async (client, server) => {
    await confirmed(client, server);
    void server.close({ code: 7, reason: 'enough' }).catch(() => {});
    await assert.rejects(client.closed);
    const lost = { code: 'ERR_QUIC_APPLICATION_ERROR', errorCode: 7n, reason: 'enough', remote: true };
    await assert.rejects(client.createBidirectionalStream(), lost);
    await assert.rejects(client.createUnidirectionalStream({ failOnBlocked: true }), lost);
    await assert.rejects(server.createBidirectionalStream(), { errorCode: 7n, remote: false });
  });
});

test('C57 with failOnBlocked, before the handshake is complete, opening is refused as too early', async () => {
  await withPair(async (_client, server) => {
    const endpoint = new QuicEndpoint({ address: '127.0.0.1' });
    const opening = connect(
      { host: '127.0.0.1', port: server.localAddress.port },
      { alpn: 'test', ca: identity.caPem, serverName: 'localhost', endpoint },
    );
    while (endpoint.connections.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const [early] = endpoint.connections;
    assert.equal(early.isOpen, false);
    await assert.rejects(early.createBidirectionalStream({ failOnBlocked: true }), {
      code: 'ERR_QUIC_INVALID_STATE',
    });
    const stream = await early.createBidirectionalStream();
    assert.equal(stream.id, 0);
    await (await opening).close();
    await endpoint.close();
  });
});

test('C98 C97 connected and closed are the promises opened and closed, with the final cause', async () => {
  await withPair(async (client, server) => {
    assert.equal((await client.opened).alpn, 'test');
    assert.equal((await server.opened).serverName, 'localhost');
    const closed = server.closed;
    await client.close({ code: 0, reason: 'bye' });
    assert.deepEqual(await closed, { errorCode: 0n, reason: 'bye', remote: true });
    assert.deepEqual(await client.closed, { errorCode: 0n, reason: 'bye', remote: false });
  });
});

test('C98 C97 error: closed rejects with it on both sides, and iteration over streams throws it', async () => {
  await withPair(async (client, server) => {
    await confirmed(client, server);
    const iteration = (async () => {
      for await (const _ of server.incomingStreams());
    })();
    const seen = assert.rejects(iteration, { code: 'ERR_QUIC_APPLICATION_ERROR', errorCode: 9n });
    void client.close({ code: 9 });
    await assert.rejects(server.closed, { code: 'ERR_QUIC_APPLICATION_ERROR', errorCode: 9n, remote: true });
    await seen;
  });
  await withPair(async (client) => {
    const cause = new Error('mine');
    client.destroy(cause);
    await assert.rejects(client.closed, { code: 'ERR_QUIC_CLOSED_LOCALLY', cause });
  });
});

test('C98 stream and stream data come by iteration, reset and stop sending as rejections with their codes', async () => {
  await withPair(async (client, server) => {
    const stream = await client.createBidirectionalStream();
    await stream.write(data('hello'));
    const { value: other } = await server.incomingStreams().next();
    assert.ok(other);
    assert.equal(new TextDecoder().decode((await other.read()) ?? undefined), 'hello');
    const reset = assert.rejects(other.read(), { code: 'ERR_QUIC_STREAM_RESET', errorCode: 21n });
    stream.reset(21);
    await reset;
    const stopped = assert.rejects(other.closed, { errorCode: 21n });
    stream.stopSending(22);
    await stopped;
    const writes = async (): Promise<void> => {
      for (;;) {
        await other.write(data('more'));
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await assert.rejects(writes(), { code: 'ERR_QUIC_STREAM_STOPPED', errorCode: 22n });
  });
});

test('C98 writable: a write beyond the credit of the peer resolves when that reads', async () => {
  await withPair(
    async (client, server) => {
      const stream = await client.createUnidirectionalStream();
      let isWritten = false;
      const write = stream.write(new Uint8Array(100_000)).then(() => {
        isWritten = true;
      });
      const other = await server.acceptUnidirectionalStream();
      assert.equal(isWritten, false);
      let received = 0;
      while (received < 100_000) received += (await other.read())?.length ?? 0;
      await write;
    },
    { server: { initialMaxStreamData: 10_000 }, client: { maxSendBuffer: 10_000 } },
  );
});

test('C98 datagrams come by promise and iteration, sessions and moves by onSession and onPathEvent', async () => {
  await withPair(
    async (client, server) => {
      const sessions: Uint8Array[] = [];
      const gotSession = new Promise<void>((resolve) => {
        client.onSession = (session) => {
          sessions.push(session);
          resolve();
        };
      });
      if (client.session === null) await gotSession;
      await client.sendDatagram(data('one'));
      assert.deepEqual(await server.receiveDatagram(), data('one'));
      void client.sendDatagram(data('two'));
      for await (const datagram of server.datagrams) {
        assert.deepEqual(datagram, data('two'));
        break;
      }
      const moved = new Promise<PathEvent>((resolve) => {
        server.onPathEvent = (event) => {
          if (event.type === 'peer-migrated') resolve(event);
        };
      });
      const before = client.localAddress.port;
      await client.migrate();
      await client.sendDatagram(data('from there'));
      await moved;
      assert.notEqual(server.remoteAddress.port, before);
    },
    { server: { datagrams: true } },
  );
});
