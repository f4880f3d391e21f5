import assert from 'node:assert/strict';
import test from 'node:test';
import { connect, listen } from '../../src/index.ts';
import { makeTestIdentity } from '../support/certificates.ts';

test("C95 both sides tell the name in the client's certificate, and null without one", {
  timeout: 10_000,
}, async () => {
  const identity = makeTestIdentity();
  const person = makeTestIdentity({ names: ['alice.example'] });
  for (const name of ['alice.example', null]) {
    const listener = await listen({
      address: '127.0.0.1',
      alpn: 'test',
      cert: identity.certPem,
      key: identity.keyPem,
      requestCert: true,
      rejectUnauthorized: false,
      ca: person.caPem,
    });
    try {
      const own = name === null ? {} : { cert: person.certPem, key: person.keyPem };
      const client = await connect(
        { host: '127.0.0.1', port: listener.port },
        { alpn: 'test', ca: identity.caPem, serverName: 'localhost', ...own },
      );
      const server = await listener.accept();
      await server.opened;
      assert.deepEqual([client.clientName, server.clientName], [name, name]);
      assert.deepEqual([client.serverName, server.serverName], ['localhost', 'localhost']);
      assert.deepEqual(
        [client.alpn, server.alpn, client.isServer, server.isServer],
        ['test', 'test', false, true],
      );
      assert.deepEqual(Object.keys(client.stats.sendQueue).length, 5);
      assert.deepEqual([client.stats.bytesPending, client.stats.bytesAcknowledged], [0, 0]);
      const stream = await client.createUnidirectionalStream();
      await stream.write(new Uint8Array(3000));
      await stream.end();
      const incoming = await server.acceptUnidirectionalStream();
      for await (const _ of incoming);
      await stream.closed;
      assert.deepEqual([client.stats.bytesPending, client.stats.bytesAcknowledged], [0, 3000], 'C100');
      assert.equal(client.stats.sendQueue.isCongested, false);
      await client.close();
    } finally {
      await listener.close();
    }
  }
});
