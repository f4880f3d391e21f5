import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import test from 'node:test';
import { connect, listen } from '../../src/index.ts';
import { makeTestIdentity } from '../support/certificates.ts';

test('C78 C77 over real sockets a silent IPv6 address does not keep the IPv4 one waiting', async (t) => {
  const { certPem: cert, keyPem: key, caPem: ca } = makeTestIdentity();
  const listener = await listen({ address: '127.0.0.1', alpn: 'test', cert, key });
  const silent = createSocket('udp6');
  try {
    silent.bind(listener.port, '::1');
    await once(silent, 'listening');
  } catch {
    await listener.close();
    t.skip('no IPv6 here');
    return;
  }
  try {
    const connection = await connect(`both.example:${listener.port}`, {
      alpn: 'test',
      ca,
      serverName: 'localhost',
      lookup: (_host, _options, callback) => callback(null, [{ address: '::1' }, { address: '127.0.0.1' }]),
      connectionAttemptDelay: 20,
      // One after the other, the first would take all of this.
      handshakeTimeout: 60_000,
      timeout: 15_000,
    });
    assert.equal(connection.remoteAddress.address, '127.0.0.1');
    await connection.close();
  } finally {
    silent.close();
    await listener.close();
  }
});
