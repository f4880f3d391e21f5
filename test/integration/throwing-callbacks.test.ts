import assert from 'node:assert/strict';
import test from 'node:test';
import { connect, listen } from '../../src/index.ts';
import { makeTestIdentity } from '../support/certificates.ts';

test('T25 a callback that throws ends its own connection, with the error as the cause, and no other', async () => {
  const identity = makeTestIdentity();
  const listener = await listen({
    address: '127.0.0.1',
    alpn: 't',
    cert: identity.certPem,
    key: identity.keyPem,
  });
  const open = () =>
    connect(
      { host: '127.0.0.1', port: listener.port },
      { alpn: 't', ca: identity.caPem, serverName: 'localhost' },
    );
  try {
    const [hurt, healthy] = [await open(), await open()];
    const stream = await hurt.createBidirectionalStream();
    const thrown = new Error('a fault of the application');
    stream.onDeadline = () => {
      throw thrown;
    };
    stream.setDeadline({ after: 10, action: 'notify' });
    await assert.rejects(hurt.closed, (error: Error) => error.cause === thrown);
    const other = await healthy.createBidirectionalStream();
    await other.end(new Uint8Array(10));
    await healthy.close();
  } finally {
    await listener.close();
  }
});
