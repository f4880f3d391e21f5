import assert from 'node:assert/strict';
import test from 'node:test';
import { connect, listen, type QuicConnection } from '../../src/index.ts';
import { makeTestIdentity } from '../support/certificates.ts';

async function echo(connection: QuicConnection): Promise<void> {
  for await (const stream of connection.incomingStreams()) {
    void (async () => {
      for await (const chunk of stream) await stream.write(chunk);
      await stream.end();
    })().catch(() => {});
  }
}

test('C53 C54 an echo over real sockets gives back every byte', async () => {
  const identity = makeTestIdentity();
  const listener = await listen({
    address: '127.0.0.1',
    alpn: 'echo',
    cert: identity.certPem,
    key: identity.keyPem,
  });
  void (async () => {
    for await (const connection of listener) void echo(connection).catch(() => {});
  })();
  const connection = await connect(
    { host: '127.0.0.1', port: listener.port },
    {
      alpn: 'echo',
      ca: identity.caPem,
      serverName: 'localhost',
    },
  );
  const stream = await connection.createBidirectionalStream();
  const sent = new Uint8Array(3_000_000).map((_, i) => i * 7);
  const ended = stream.end(sent);
  const received: Uint8Array[] = [];
  for await (const chunk of stream) received.push(chunk);
  await ended;
  assert.deepEqual(Buffer.concat(received), Buffer.from(sent));
  assert.deepEqual(await connection.close({ code: 0, reason: 'done' }), {
    errorCode: 0n,
    reason: 'done',
    remote: false,
  });
  await listener.close();
});
