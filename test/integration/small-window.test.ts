import assert from 'node:assert/strict';
import test from 'node:test';
import { connect, listen } from '../../src/index.ts';
import { makeTestIdentity } from '../support/certificates.ts';

test('C45 C53 a write goes on although the peer never gives credit for much at once', {
  timeout: 20_000,
}, async () => {
  const identity = makeTestIdentity();
  const listener = await listen({
    address: '127.0.0.1',
    alpn: 'small',
    cert: identity.certPem,
    key: identity.keyPem,
  });
  try {
    const connection = await connect(
      { host: '127.0.0.1', port: listener.port },
      {
        alpn: 'small',
        ca: identity.caPem,
        serverName: 'localhost',
        initialMaxStreamData: 20_000,
        maxStreamWindow: 20_000,
      },
    );
    const server = await listener.accept();
    const sent = new Uint8Array(300_000).map((_, i) => i * 7);
    const outgoing = await server.createUnidirectionalStream();
    const ended = outgoing.end(sent);
    const received: Uint8Array[] = [];
    for await (const chunk of await connection.acceptUnidirectionalStream()) received.push(chunk);
    await ended;
    assert.deepEqual(Buffer.concat(received), Buffer.from(sent));
    await connection.close();
  } finally {
    await listener.close();
  }
});
