import assert from 'node:assert/strict';
import test from 'node:test';
import { connect, listen } from '../../src/index.ts';
import { makeTestIdentity } from '../support/certificates.ts';

for (const resetStreamAt of [true, false]) {
  test(`C56 reset with a reliable size, ${resetStreamAt ? 'between two that know it' : 'off by default'}`, {
    timeout: 20_000,
  }, async () => {
    const { certPem: cert, keyPem: key, caPem: ca } = makeTestIdentity();
    const option = resetStreamAt ? { resetStreamAt } : {};
    const listener = await listen({ address: '127.0.0.1', alpn: 'at', cert, key, ...option });
    try {
      const at = { host: '127.0.0.1', port: listener.port };
      const connection = await connect(at, { alpn: 'at', ca, serverName: 'localhost', ...option });
      const server = await listener.accept();
      const stream = await connection.createUnidirectionalStream();
      await stream.write(new Uint8Array(50_000).fill(7));
      if (resetStreamAt) {
        stream.reset(0x33, { reliableSize: 40_000 });
        const remote = await server.acceptUnidirectionalStream();
        let length = 0;
        const reading = async () => {
          for await (const chunk of remote) length += chunk.length;
        };
        await assert.rejects(reading(), { code: 'ERR_QUIC_STREAM_RESET', errorCode: 0x33n });
        assert.ok(length >= 40_000 && length <= 50_000);
        await assert.rejects(stream.write(new Uint8Array(1)), { code: 'ERR_QUIC_STREAM_FINISHED' });
      } else {
        assert.throws(() => stream.reset(0x33, { reliableSize: 10 }), { code: 'ERR_QUIC_INVALID_STATE' });
        await stream.end();
      }
      await connection.close();
    } finally {
      await listener.close();
    }
  });
}
