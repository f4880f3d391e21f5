import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import {
  type ConnectOptions,
  connect,
  type ListenOptions,
  listen,
  type QuicConnection,
  type QuicListener,
  QuicStream,
  toDuplex,
} from '../../src/index.ts';
import type { StreamHost } from '../../src/runtime/stream.ts';
import { makeTestIdentity } from '../support/certificates.ts';

interface Pair {
  listener: QuicListener;
  client: QuicConnection;
  server: QuicConnection;
}

const identity = makeTestIdentity();

/** A listener and a connection to it over real sockets; both are closed after the test. */
async function withPair(
  use: (pair: Pair) => Promise<void>,
  options: { server?: Partial<ListenOptions>; client?: Partial<ConnectOptions> } = {},
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
    await use({ listener, client, server: await listener.accept() });
    await client.close();
  } finally {
    await listener.close();
  }
}

test('C53 the sides of a stream as web streams carry data both ways', async () => {
  await withPair(async ({ client, server }) => {
    const stream = await client.createBidirectionalStream();
    const sent = new Uint8Array(300_000).map((_, i) => i * 13);
    const writer = stream.writable.getWriter();
    const written = writer.write(sent).then(() => writer.close());
    const other = await server.acceptBidirectionalStream();
    const echoed = other.readable.pipeTo(other.writable);
    const received: Uint8Array[] = [];
    const reader = stream.readable.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) received.push(part.value);
    await Promise.all([written, echoed, stream.closed]);
    assert.deepEqual(Buffer.concat(received), Buffer.from(sent));
    await assert.rejects(async () => stream.read(), { code: 'ERR_QUIC_STREAM_LOCKED' });
    assert.throws(() => toDuplex(other), { code: 'ERR_QUIC_STREAM_LOCKED' });
  });
});

test('C53 a stream as a Duplex carries data both ways and tells a reset as an error', async () => {
  await withPair(async ({ client, server }) => {
    const stream = await client.createBidirectionalStream();
    const duplex = toDuplex(stream);
    duplex.end(Buffer.alloc(200_000, 'x'));
    const other = toDuplex(await server.acceptBidirectionalStream());
    other.pipe(other);
    let length = 0;
    for await (const chunk of duplex) length += chunk.length;
    assert.equal(length, 200_000);
    const second = toDuplex(await client.createBidirectionalStream());
    second.write('x');
    (await server.acceptBidirectionalStream()).reset(7);
    second.resume();
    const [error] = await once(second, 'error');
    assert.deepEqual([error.code, error.errorCode], ['ERR_QUIC_STREAM_RESET', 7n]);
  });
});

test('C53 a writer waits for a reader that does not read', async () => {
  await withPair(
    async ({ client, server }) => {
      const stream = await client.createUnidirectionalStream();
      let taken = false;
      const written = stream.write(new Uint8Array(400_000)).then(() => {
        taken = true;
      });
      const other = await server.acceptUnidirectionalStream();
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(taken, false);
      let length = 0;
      while (length < 400_000) length += (await other.read())?.length ?? 0;
      await written;
      await stream.end();
      assert.equal(await other.read(), null);
    },
    { server: { initialMaxStreamData: 10_000, maxStreamWindow: 20_000 }, client: { maxSendBuffer: 50_000 } },
  );
});

test('C53 reads into memory of the caller, and writes of owned bytes, copy and make nothing more', async () => {
  await withPair(
    async ({ client, server }) => {
      const stream = await client.createUnidirectionalStream();
      const sent = new Uint8Array(200_000).fill(1);
      const written = stream.write(sent, { owned: true });
      // What waits for credit is no copy.
      sent.fill(2);
      const other = await server.acceptUnidirectionalStream();
      const into = new Uint8Array(7000);
      const received: Uint8Array[] = [];
      for (let part = await other.read({ into }); part !== null; part = await other.read({ into })) {
        assert.equal(part.buffer, into.buffer);
        assert.equal(part.byteOffset, 0);
        received.push(part.slice());
        if (Buffer.concat(received).length === sent.length) void stream.end();
      }
      await written;
      const whole = Buffer.concat(received);
      assert.equal(whole.length, sent.length);
      assert.equal(whole.at(-1), 2);
    },
    { server: { initialMaxStreamData: 10_000, maxStreamWindow: 20_000 } },
  );
});

test('C53 a read into what is not memory is an error that says so', async () => {
  await withPair(async ({ client }) => {
    const stream = await client.createBidirectionalStream();
    for (const into of [new Uint8Array(0), 'text', [1]]) {
      const read = stream.read({ into: into as Uint8Array });
      await assert.rejects(read, { code: 'ERR_INVALID_ARG_VALUE', message: /into/ });
    }
  });
});

test('C40 C54 opening waits for the limit of the peer, or as long as the caller likes', async () => {
  await withPair(
    async ({ client, server }) => {
      const first = await client.createBidirectionalStream();
      const second = client.createBidirectionalStream();
      const givenUp = client.createBidirectionalStream({ signal: AbortSignal.timeout(30) });
      await assert.rejects(givenUp, { name: 'TimeoutError' });
      assert.equal(await Promise.race([second.then(() => 'opened'), 'waits']), 'waits');
      void first.end();
      const other = await server.acceptBidirectionalStream();
      for await (const _ of other);
      void other.end();
      for await (const _ of first);
      assert.equal((await second).id, 4);
    },
    { server: { maxStreamsBidi: 1 } },
  );
});

test('C54 streams of both kinds are accepted apart, each kind in order', async () => {
  await withPair(async ({ client, server }) => {
    for (const _ of [1, 2]) {
      void (await client.createBidirectionalStream()).end();
      void (await client.createUnidirectionalStream()).end();
    }
    assert.deepEqual(
      [
        (await server.acceptUnidirectionalStream()).id,
        (await server.acceptUnidirectionalStream()).id,
        (await server.acceptBidirectionalStream()).id,
        (await server.acceptBidirectionalStream()).id,
      ],
      [2, 6, 0, 4],
    );
  });
});

test('C92 C97 opened tells what was agreed, closed tells the cause, and who waits hears who ended it', async () => {
  await withPair(async ({ client, server }) => {
    const info = await client.opened;
    assert.deepEqual([info.alpn, info.serverName], ['test', 'localhost']);
    assert.equal((await server.opened).cipher, info.cipher);
    const waiting = server.acceptBidirectionalStream();
    const waitingHere = client.acceptBidirectionalStream();
    const closed = client.close({ code: 42, reason: 'enough' });
    const said = {
      code: 'ERR_QUIC_APPLICATION_ERROR',
      type: 'application',
      errorCode: 42n,
      reason: 'enough',
    };
    await Promise.all([
      assert.rejects(waiting, { ...said, remote: true }),
      assert.rejects(waitingHere, { ...said, remote: false }),
    ]);
    await assert.rejects(server.closed, { errorCode: 42n, remote: true });
    assert.deepEqual(await closed, { errorCode: 42n, reason: 'enough', remote: false });
    await assert.rejects(client.createBidirectionalStream(), { errorCode: 42n, remote: false });
  });
});

test('C92 C97 a transport that ends a connection is the cause of closed and of what waits', async () => {
  await withPair(
    async ({ client }) => {
      const timedOut = { code: 'ERR_QUIC_IDLE_TIMEOUT' };
      await assert.rejects(client.acceptBidirectionalStream(), timedOut);
      await assert.rejects(client.closed, timedOut);
    },
    { client: { maxIdleTimeout: 150 } },
  ).catch((error) => assert.equal(error.code, 'ERR_QUIC_IDLE_TIMEOUT'));
  const listener = await listen({
    address: '127.0.0.1',
    alpn: 'test',
    cert: identity.certPem,
    key: identity.keyPem,
  });
  try {
    const target = { host: '127.0.0.1', port: listener.port };
    const wrong = { alpn: 'other', ca: identity.caPem, serverName: 'localhost' };
    await assert.rejects(connect(target, wrong), {
      code: 'ERR_QUIC_TLS_FAIL',
      type: 'transport',
      errorCode: 0x178n,
      remote: true,
    });
  } finally {
    await listener.close();
  }
});

test('C21 servers are verified by default: issuer and name; both can be trusted otherwise or not asked for', async () => {
  const listener = await listen({
    address: '127.0.0.1',
    alpn: 'test',
    cert: identity.certPem,
    key: identity.keyPem,
  });
  try {
    const target = { host: '127.0.0.1', port: listener.port };
    const alpn = 'test';
    const { caPem: ca } = identity;
    await assert.rejects(connect(target, { alpn, serverName: 'localhost' }), {
      code: 'ERR_QUIC_CERTIFICATE_UNKNOWN_ISSUER',
    });
    await assert.rejects(connect(target, { alpn, ca, serverName: 'elsewhere.test' }), {
      code: 'ERR_QUIC_CERTIFICATE_HOST_MISMATCH',
    });
    const trusted = await connect(target, { alpn, ca, serverName: 'localhost' });
    await trusted.close();
    const unasked = await connect(target, { alpn, serverName: 'elsewhere.test', rejectUnauthorized: false });
    await unasked.close();
  } finally {
    await listener.close();
  }
});

test('C47 RFC 9218 §4.1 urgency of a stream maps to priority × 32 + 31 of the core', () => {
  const calls: unknown[][] = [];
  const streams = { streamPriority: (...given: unknown[]) => void calls.push(given) };
  const stream = new QuicStream({ streams, wantSend() {}, error: null } as unknown as StreamHost, 0, true);
  stream.setPriority({});
  stream.setPriority({ urgency: 0, incremental: true });
  stream.setPriority({ urgency: 7 });
  assert.deepEqual(calls, [
    [0, 127, false],
    [0, 31, true],
    [0, 255, false],
  ]);
  assert.throws(() => stream.setPriority({ urgency: 8 }), { code: 'ERR_OUT_OF_RANGE' });
});

test('L5 connections are accepted in order, each by one of those who wait', async () => {
  await withPair(async ({ listener }) => {
    const options = { alpn: 'test', ca: identity.caPem, serverName: 'localhost' };
    const target = { host: '127.0.0.1', port: listener.port };
    assert.equal(listener.tryAccept(), null);
    const waiting = [listener.accept(), listener.accept()];
    const givenUp = listener.accept({ signal: AbortSignal.timeout(1) });
    await assert.rejects(givenUp, { name: 'TimeoutError' });
    const clients = [];
    for (const _ of [1, 2, 3, 4]) clients.push(await connect(target, options));
    const accepted = [...(await Promise.all(waiting)), await listener.accept(), listener.tryAccept()];
    assert.deepEqual(
      accepted.map((each) => each?.remoteAddress.port),
      clients.map((each) => each.localAddress.port),
    );
    assert.equal(listener.tryAccept(), null);
    await Promise.all(clients.map((each) => each.close()));
  });
});

test('C53 a Duplex hears that its stream is reset or its connection lost, though nobody reads or writes', async () => {
  await withPair(async ({ client, server }) => {
    const opened = await Promise.all([
      client.createBidirectionalStream(),
      client.createBidirectionalStream(),
    ]);
    for (const stream of opened) await stream.write(Buffer.from('x'));
    const [reset, lost] = [
      toDuplex(await server.acceptBidirectionalStream()),
      toDuplex(await server.acceptBidirectionalStream()),
    ];
    const isReset = once(reset, 'error');
    opened[0]?.reset(7);
    const [error] = await isReset;
    assert.deepEqual([error.code, error.errorCode], ['ERR_QUIC_STREAM_RESET', 7n]);
    assert.equal(lost.destroyed, false);
    const isLost = once(lost, 'error');
    await client.close({ code: 3 });
    assert.equal((await isLost)[0].errorCode, 3n);
  });
});

test('C53 a Duplex whose data has come to its end can be read though the connection is over', async () => {
  await withPair(async ({ client, server }) => {
    const stream = await client.createBidirectionalStream();
    stream.end(Buffer.from('all of it')).catch(() => {});
    const duplex = toDuplex(await server.acceptBidirectionalStream());
    // Fetches what there is, and gives it to nobody yet.
    duplex.read(0);
    await once(duplex, 'readable');
    await new Promise((resolve) => setImmediate(resolve));
    await client.close();
    await server.closed;
    const failed = once(duplex, 'error');
    let all = '';
    duplex.on('data', (chunk) => {
      all += chunk;
    });
    assert.equal((await failed)[0].type, 'application');
    assert.equal(all, 'all of it');
  });
});
