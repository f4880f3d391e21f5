import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type ConnectOptions,
  connect,
  type ListenOptions,
  listen,
  type QuicConnection,
} from '../../src/index.ts';
import { makeTestIdentity } from '../support/certificates.ts';

const identity = makeTestIdentity();

/** Two connected sides; both are closed afterwards. */
async function between(
  client: Partial<ConnectOptions>,
  server: Partial<ListenOptions>,
  use: (client: QuicConnection, server: QuicConnection) => Promise<void>,
): Promise<void> {
  const listener = await listen({
    address: '127.0.0.1',
    alpn: 'd',
    cert: identity.certPem,
    key: identity.keyPem,
    ...server,
  });
  try {
    const connection = await connect(
      { host: '127.0.0.1', port: listener.port },
      { alpn: 'd', ca: identity.caPem, serverName: 'localhost', ...client },
    );
    const accepted = await listener.accept();
    await accepted.opened;
    await use(connection, accepted);
    await connection.close();
  } finally {
    await listener.close();
  }
}

const ON = { datagrams: true };
const LIMIT = { timeout: 20_000 };

describe('datagrams over real sockets', () => {
  test('C62 C98 an echo brings each datagram back once, and each is acknowledged', LIMIT, async () => {
    await between(ON, ON, async (client, server) => {
      const echo = (async () => {
        for await (const datagram of server.datagrams) void server.sendDatagram(datagram);
      })();
      const fates: Promise<string>[] = [];
      const back: (number | undefined)[] = [];
      for (let i = 0; i < 200; i++) {
        const bytes = new Uint8Array(1000).fill(i);
        fates.push(client.sendDatagram(bytes));
        bytes.fill(255);
        const received = await client.receiveDatagram();
        assert.equal(received.length, 1000);
        back.push(received[0]);
      }
      assert.deepEqual(
        back,
        Array.from({ length: 200 }, (_, i) => i),
      );
      assert.deepEqual(new Set(await Promise.all(fates)), new Set(['acknowledged']));
      const { sent, acknowledged, lost, received, delivered, dropped } = client.stats.datagrams;
      assert.deepEqual([sent, acknowledged, lost, received, delivered, dropped], [200, 200, 0, 200, 200, 0]);
      await client.close();
      await echo;
    });
  });

  test(
    'C60 a peer without the option is sent nothing, and waiting without it is refused',
    LIMIT,
    async () => {
      await between({}, ON, async (client, server) => {
        assert.equal(server.maxDatagramSize, 0);
        assert.throws(() => server.sendDatagram(new Uint8Array(1)), {
          code: 'ERR_QUIC_DATAGRAM_UNSUPPORTED',
        });
        await assert.rejects(client.receiveDatagram(), { code: 'ERR_QUIC_DATAGRAM_UNSUPPORTED' });
        await assert.rejects(client.datagrams[Symbol.asyncIterator]().next(), {
          code: 'ERR_QUIC_DATAGRAM_UNSUPPORTED',
        });
        // A side that takes none may send them.
        assert.equal(await client.sendDatagram(Uint8Array.of(7)), 'acknowledged');
        assert.deepEqual([...(await server.receiveDatagram())], [7]);
      });
    },
  );

  test('C60 C64 the longest datagram passes, a longer one is an error', LIMIT, async () => {
    await between(ON, ON, async (client, server) => {
      const longest = client.maxDatagramSize;
      assert.ok(longest >= 1160);
      assert.throws(() => client.sendDatagram(new Uint8Array(60_000)), {
        code: 'ERR_QUIC_DATAGRAM_TOO_LARGE',
      });
      assert.throws(() => client.sendDatagram('text' as unknown as Uint8Array), {
        code: 'ERR_INVALID_ARG_TYPE',
      });
      void client.sendDatagram(new Uint8Array(longest));
      assert.equal((await server.receiveDatagram()).length, longest);
    });
  });

  test('C60 C62 full queues: sending is refused, and the oldest that came are dropped', LIMIT, async () => {
    const few = { datagrams: { sendQueueLen: 8, recvQueueLen: 4 } };
    await between(few, few, async (client, server) => {
      const fates = Array.from({ length: 8 }, (_, i) => client.sendDatagram(Uint8Array.of(i)));
      assert.throws(() => client.sendDatagram(Uint8Array.of(8)), { code: 'ERR_QUIC_DATAGRAM_QUEUE_FULL' });
      assert.deepEqual(new Set(await Promise.all(fates)), new Set(['acknowledged']));
      const left: (number | undefined)[] = [];
      for (let i = 0; i < 4; i++) left.push((await server.receiveDatagram())[0]);
      assert.deepEqual(left, [4, 5, 6, 7]);
      assert.equal(server.stats.datagrams.dropped, 4);
    });
  });

  test('C98 waiting can be given up, and takes no datagram from who waits next', LIMIT, async () => {
    await between(ON, ON, async (client, server) => {
      const abort = new AbortController();
      const given = server.receiveDatagram({ signal: abort.signal });
      const next = server.receiveDatagram();
      abort.abort(new Error('enough'));
      await assert.rejects(given, /enough/);
      void client.sendDatagram(Uint8Array.of(1));
      assert.deepEqual([...(await next)], [1]);
    });
  });

  test('C62 at the end every fate is told, what came is read, and nothing throws', LIMIT, async () => {
    await between(ON, ON, async (client, server) => {
      assert.equal(await client.sendDatagram(Uint8Array.of(1)), 'acknowledged');
      const abandoned = client.sendDatagram(Uint8Array.of(2));
      const waiting = client.receiveDatagram();
      await client.close({ code: 0 });
      assert.equal(await abandoned, 'abandoned');
      await assert.rejects(waiting, { code: 'ERR_QUIC_APPLICATION_ERROR' });
      assert.equal(await client.sendDatagram(Uint8Array.of(3)), 'abandoned');
      await server.closed;
      const read: number[] = [];
      for await (const datagram of server.datagrams) read.push(...datagram);
      assert.deepEqual(read, [1]);
    });
  });

  test('C62 an iteration throws the error that ended the connection', LIMIT, async () => {
    await between(ON, ON, async (client, server) => {
      const reading = server.datagrams[Symbol.asyncIterator]().next();
      await client.close({ code: 5, reason: 'no more' });
      await assert.rejects(reading, { code: 'ERR_QUIC_APPLICATION_ERROR', errorCode: 5n });
    });
  });
});
