import assert from 'node:assert/strict';
import test from 'node:test';
import { connect, listen, type TokenStore } from '../../src/index.ts';
import { makeTestIdentity } from '../support/certificates.ts';

const V2 = 0x6b33_43cf;

/** Sends a few bytes there and back between a listener and a client with these versions. */
async function exchange(
  listening: number[] | undefined,
  connecting: number[] | undefined,
  tokens: TokenStore | false = false,
): Promise<string> {
  const { certPem, keyPem, caPem } = makeTestIdentity();
  const at = { address: '127.0.0.1', alpn: 'echo', cert: certPem, key: keyPem };
  const listener = await listen({ ...at, ...(listening && { versions: listening }) });
  const serving = (async () => {
    const connection = await listener.accept();
    const stream = await connection.acceptBidirectionalStream();
    for await (const chunk of stream) await stream.write(chunk);
    await stream.end();
  })().catch(() => {});
  try {
    const connection = await connect(
      { host: '127.0.0.1', port: listener.port },
      {
        alpn: 'echo',
        ca: caPem,
        serverName: 'localhost',
        tokens,
        ...(connecting && { versions: connecting }),
      },
    );
    const stream = await connection.createBidirectionalStream();
    await stream.end(Buffer.from('hello'));
    const parts: Uint8Array[] = [];
    for await (const chunk of stream) parts.push(chunk);
    await connection.close();
    return Buffer.concat(parts).toString();
  } finally {
    await listener.destroy();
    await serving;
  }
}

test('C30 RFC 9369 real sockets: a client and a listener in version 2', async () => {
  assert.equal(await exchange([V2], [V2]), 'hello');
  assert.equal(await exchange([V2, 1], [V2, 1]), 'hello');
});

test('C15 RFC 9368 §2.1 real sockets: a listener with version 2 alone negotiates with a client that begins in 1', async () => {
  assert.equal(await exchange([V2], [1, V2]), 'hello');
});

test('C30 real sockets: version 2 is off by default, and a client that has nothing else is told', async () => {
  await assert.rejects(exchange(undefined, [V2]), { code: 'ERR_QUIC_VERSION_NEGOTIATION' });
  await assert.rejects(exchange([V2], undefined), { code: 'ERR_QUIC_VERSION_NEGOTIATION' });
});

test('C30 RFC 9369 §5 a token is kept for the version of the connection that gave it', async () => {
  const put: string[] = [];
  const taken: string[] = [];
  const tokens: TokenStore = {
    take(server) {
      taken.push(server);
      return undefined;
    },
    put: (server) => void put.push(server),
  };
  // Begins in version 1 and is switched to version 2, so that the token is one of version 2 (RFC 9369 §5).
  await exchange([V2, 1], [1, V2], tokens);
  const [first] = taken;
  assert.ok(first !== undefined && put.length > 0);
  assert.deepEqual(new Set(put), new Set([`${first} ${V2}`]));
  await exchange([V2], [V2], tokens);
  // Ports differ from listener to listener.
  assert.match(taken[1] ?? '', new RegExp(` ${V2}$`));
});
