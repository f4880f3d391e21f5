/** A flood of first packets over real sockets, while a transfer goes on and somebody new comes. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import test from 'node:test';
import { seededRandom } from '../../src/crypto/random.ts';
import { connect, listen, type QuicConnection } from '../../src/index.ts';
import { heapUsed } from '../support/attack.ts';
import { makeTestIdentity } from '../support/certificates.ts';
import { ForgedInitials } from '../support/forged-initials.ts';

const FLOOD = 20_000;
const BURST = 100;

test('P2 L58 20,000 valid Initials over real sockets: a transfer is whole, an honest client gets in, memory comes back', async () => {
  const { certPem: cert, keyPem: key, caPem: ca } = makeTestIdentity();
  const retryAbove = 200;
  const listener = await listen({
    address: '127.0.0.1',
    alpn: 'test',
    cert,
    key,
    retryAbove,
    handshakeTimeout: 5000,
  });
  void (async () => {
    for await (const connection of listener) void count(connection).catch(() => {});
  })();
  const options = { alpn: 'test', ca, serverName: 'localhost', tokens: false };
  const healthy = await connect({ host: '127.0.0.1', port: listener.port }, options);
  assert.equal(await send(healthy, 1000), 1000);
  const before = heapUsed();

  const forged = new ForgedInitials(seededRandom('flood'));
  let initials: Uint8Array[] = Array.from({ length: FLOOD }, () => forged.next());
  const strangers = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const socket = createSocket('udp4');
      await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
      return socket;
    }),
  );
  const transfer = send(healthy, 3_000_000);
  let honest: Promise<QuicConnection> | null = null;
  for (let sent = 0; sent < FLOOD; sent += BURST) {
    for (let i = 0; i < BURST; i++)
      strangers[i % 4]?.send(initials[sent + i] as Uint8Array, listener.port, '127.0.0.1');
    await new Promise((resolve) => setImmediate(resolve));
    if (sent === FLOOD / 2) {
      honest = connect({ host: '127.0.0.1', port: listener.port }, { ...options, handshakeTimeout: 30_000 });
    }
    assert.ok(listener.counts.halfOpen <= retryAbove + 2, `${listener.counts.halfOpen} half-open`);
  }
  initials = [];
  assert.equal(await transfer, 3_000_000);
  const joined = await (honest as Promise<QuicConnection>);
  assert.equal(await send(joined, 5000), 5000);
  const { answers, dropped } = listener.endpoint.counters;
  assert.ok(answers.retry > 0);
  assert.equal(dropped['internal-error'], 0);
  await Promise.all(strangers.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))));
  while (listener.counts.halfOpen > 0) await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(listener.counts.live, 2);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const grown = heapUsed() - before;
  assert.ok(grown < 24 * 1024 * 1024, `${Math.round(grown / 1024)} KiB more than before`);
  await Promise.all([healthy.close(), joined.close()]);
  await listener.close();
});

/** Says how many bytes came. */
async function count(connection: QuicConnection): Promise<void> {
  for await (const stream of connection.incomingStreams()) {
    let bytes = 0;
    for await (const chunk of stream) bytes += chunk.length;
    await stream.end(new TextEncoder().encode(String(bytes)));
  }
}

async function send(connection: QuicConnection, bytes: number): Promise<number> {
  const stream = await connection.createBidirectionalStream();
  void stream.end(new Uint8Array(bytes)).catch(() => {});
  let answer = '';
  for await (const chunk of stream) answer += new TextDecoder().decode(chunk);
  return Number(answer);
}
