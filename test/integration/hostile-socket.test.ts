/** Junk from a stranger's socket into a real listener: an honest connection does not notice. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import test from 'node:test';
import { seededRandom } from '../../src/crypto/random.ts';
import { connect, listen, type QuicConnection } from '../../src/index.ts';
import { makeTestIdentity } from '../support/certificates.ts';
import { HostilePeer } from '../support/hostile-peer.ts';
import { bytes, mutate } from '../support/mutations.ts';

const SEED = Number(process.env.QUAYSIDE_SEED ?? 1);

test('P12 junk, mutated Initials and empty datagrams over real sockets disturb no connection', async () => {
  const random = seededRandom(`hostile socket ${SEED}`);
  const identity = makeTestIdentity();
  const listener = await listen({
    address: '127.0.0.1',
    alpn: 'echo',
    cert: identity.certPem,
    key: identity.keyPem,
    handshakeTimeout: 500,
  });
  void (async () => {
    for await (const connection of listener) void echo(connection).catch(() => {});
  })();
  const connection = await connect(
    { host: '127.0.0.1', port: listener.port },
    { alpn: 'echo', ca: identity.caPem, serverName: 'localhost' },
  );
  const stranger = createSocket('udp4');
  await new Promise<void>((resolve) => stranger.bind(0, '127.0.0.1', resolve));
  const pool = initials(listener.port);
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 100; i++) {
      const junk = random.integer(10) === 0 ? bytes(random, random.integer(3)) : mutate(pool, random);
      stranger.send(junk, listener.port, '127.0.0.1');
    }
    const text = `round ${round}`;
    assert.equal(await ask(connection, text), text);
  }
  const { counters, sizes } = listener.endpoint;
  assert.equal(counters.dropped['internal-error'], 0);
  assert.ok(counters.incoming > 1, 'some of it began connections');
  assert.ok(sizes.ids < 200);
  await new Promise<void>((resolve) => stranger.close(resolve));
  await connection.close();
  await listener.close();
});

async function echo(connection: QuicConnection): Promise<void> {
  for await (const stream of connection.incomingStreams()) {
    void (async () => {
      for await (const chunk of stream) await stream.write(chunk);
      await stream.end();
    })().catch(() => {});
  }
}

async function ask(connection: QuicConnection, text: string): Promise<string> {
  const stream = await connection.createBidirectionalStream();
  await stream.end(new TextEncoder().encode(text));
  let answer = '';
  for await (const chunk of stream) answer += new TextDecoder().decode(chunk);
  return answer;
}

/** First Initials of some clients that will not go on. */
function initials(port: number): Uint8Array[] {
  return Array.from({ length: 10 }, (_, i) => {
    const local = { address: '127.0.0.1', port: 1, family: 4 } as const;
    const peer = new HostilePeer({ seed: `${SEED} ${i}`, local, remote: { ...local, port }, alpn: ['echo'] });
    peer.flush();
    return peer.queue[0] as Uint8Array;
  });
}
