import assert from 'node:assert/strict';
import test from 'node:test';
import { connect, listen, type QuicStream } from '../../src/index.ts';
import { makeTestIdentity } from '../support/certificates.ts';

/** A stream of a client that wrote one byte, as both sides see it. */
async function withStream(run: (local: QuicStream, remote: QuicStream) => Promise<void>): Promise<void> {
  const { certPem: cert, keyPem: key, caPem: ca } = makeTestIdentity();
  const listener = await listen({ address: '127.0.0.1', alpn: 'late', cert, key });
  try {
    const at = { host: '127.0.0.1', port: listener.port };
    const connection = await connect(at, { alpn: 'late', ca, serverName: 'localhost' });
    const server = await listener.accept();
    const local = await connection.createBidirectionalStream();
    await local.write(new Uint8Array(1));
    const remote = await server.acceptBidirectionalStream();
    assert.equal((await remote.read())?.length, 1);
    await run(local, remote);
    await connection.close();
  } finally {
    await listener.close();
  }
}

const options = { timeout: 10_000 };

test('C55 at the deadline a stream is reset and stopped with the code, and its owner is told', options, () =>
  withStream(async (local, remote) => {
    const told = new Promise<boolean>((resolve) => {
      local.onDeadline = resolve;
    });
    assert.equal(local.remaining, null);
    assert.equal(local.setDeadline({ after: 30, code: 0x99 }), true);
    const { remaining } = local;
    assert.ok(remaining !== null && remaining > 0 && remaining <= 30);
    const failed = { code: 'ERR_QUIC_STREAM_FINISHED', errorCode: 0x99n };
    await assert.rejects(local.read(), failed);
    assert.equal(await told, true);
    await assert.rejects(local.write(new Uint8Array(1)), failed);
    await assert.rejects(remote.read(), { code: 'ERR_QUIC_STREAM_RESET', errorCode: 0x99n });
    assert.equal(local.remaining, null);
  }),
);

test('C55 notify leaves the stream as it is; reset tells only those who wait', options, () =>
  withStream(async (local, remote) => {
    const calls: boolean[] = [];
    await new Promise<void>((resolve) => {
      local.onDeadline = (isReset) => {
        calls.push(isReset);
        resolve();
      };
      assert.equal(local.setDeadline({ at: performance.now() + 20, action: 'notify' }), true);
    });
    assert.deepEqual(calls, [false]);
    await remote.write(new Uint8Array(2));
    assert.equal((await local.read())?.length, 2);
    local.setDeadline({ after: 0, action: 'reset' });
    await assert.rejects(local.read(), { code: 'ERR_QUIC_STREAM_FINISHED', errorCode: 0xffn });
    assert.deepEqual(calls, [false]);
  }),
);

test('C55 a deadline that is cancelled does not happen, and a wrong one is refused', options, () =>
  withStream(async (local) => {
    local.onDeadline = () => assert.fail('cancelled');
    assert.equal(local.cancelDeadline(), false);
    assert.equal(local.setDeadline({ after: 20 }), true);
    assert.equal(local.cancelDeadline(), true);
    assert.equal(local.remaining, null);
    await new Promise((resolve) => setTimeout(resolve, 60));
    await local.write(new Uint8Array(1));
    for (const wrong of [{}, { after: 1, at: 1 }, { after: 1, action: 'explode' as 'reset' }]) {
      assert.throws(() => local.setDeadline(wrong), { code: 'ERR_INVALID_ARG_VALUE' });
    }
    assert.throws(() => local.setDeadline({ after: '1' as unknown as number }), {
      code: 'ERR_INVALID_ARG_TYPE',
    });
    for (const wrong of [{ after: -1 }, { at: Infinity }, { after: 1, code: -1 }]) {
      assert.throws(() => local.setDeadline(wrong), { code: 'ERR_OUT_OF_RANGE' });
    }
  }),
);
