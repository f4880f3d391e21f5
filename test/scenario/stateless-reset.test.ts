import assert from 'node:assert/strict';
import { seededRandom } from '../../src/crypto/random.ts';
import type { SocketAddress } from '../../src/util/address.ts';
import { TestPair } from '../support/core-pair.ts';
import { scenario } from '../support/scenario.ts';

/** What a server that lost its state sends (RFC 9000 §10.3): looks like a short header, ends with the token. */
function reset(seed: number, token: Uint8Array, size = 43): Uint8Array {
  const bytes = new Uint8Array(size);
  seededRandom(`${seed} reset`).fill(bytes);
  bytes[0] = (bytes[0] & 0x3f) | 0x40;
  bytes.set(token, size - 16);
  return bytes;
}

function toClient(pair: TestPair, bytes: Uint8Array): void {
  const info: { from: SocketAddress; to: SocketAddress } = {
    from: pair.pair.serverAddress,
    to: pair.pair.clientAddress,
  };
  pair.client.recv(bytes, info, pair.now);
}

const tokenOf = (pair: TestPair): Uint8Array =>
  pair.client.remoteParameters.statelessResetToken as Uint8Array;

scenario('C28 RFC 9000 §10.3.1 the token of the id in use ends the connection', (seed) => {
  const pair = new TestPair({ seed });
  pair.fetch([1000]);
  assert.equal(tokenOf(pair).length, 16);
  toClient(pair, reset(seed, tokenOf(pair)));
  assert.equal(pair.client.state.value, 'draining');
  assert.equal(pair.client.closer.error?.code, 'ERR_QUIC_STATELESS_RESET');
  assert.equal(pair.client.closer.error?.remote, true);
  assert.equal(pair.client.send(new Uint8Array(1500), pair.now), null);
  pair.runUntil(() => pair.client.state.value === 'closed');
});

scenario('C28 RFC 9000 §10.3 a datagram that is too short, or has another token, is none', (seed) => {
  const pair = new TestPair({ seed });
  pair.fetch([1000]);
  const token = tokenOf(pair);
  toClient(pair, reset(seed, token, 20));
  const other = token.slice();
  other[15] ^= 1;
  toClient(pair, reset(seed, other));
  const long = reset(seed, token);
  long[0] |= 0x80;
  toClient(pair, long);
  assert.equal(pair.client.state.value, 'established');
  pair.fetch([1000]);
});

scenario(
  'C28 RFC 9000 §10.3.1 the token of an id that is retired is ignored, that of the next one counts',
  (seed) => {
    const pair = new TestPair({ seed });
    pair.fetch([1000]);
    const { client } = pair;
    pair.runUntil(() => client.remoteIds.available > 0);
    const old = tokenOf(pair);
    // The server asks for its first id to be retired (RFC 9000 §5.1.2).
    const { localIds } = pair.server as NonNullable<typeof pair.server>;
    const newToken = new Uint8Array(16).fill(7);
    localIds.issue(new Uint8Array(8).fill(1), newToken, true);
    pair.wake();
    pair.runUntil(() => !client.remoteIds.holds(client.remoteIds.handshakeId));
    pair.pair.run(0);
    const removed = pair.clientEvents.filter(({ type }) => type === 'reset-token-removed');
    assert.deepEqual(removed, [{ type: 'reset-token-removed', token: old }]);
    toClient(pair, reset(seed, old));
    assert.equal(client.state.value, 'established');
    const current = client.paths.active.remoteId.resetToken as Uint8Array;
    assert.notDeepEqual(current, old);
    pair.fetch([1000]);
    toClient(pair, reset(seed, current));
    assert.equal(client.state.value, 'draining');
  },
);

scenario('C28 RFC 9000 §10.3.1 the token of an id that was never used does not count', (seed) => {
  const pair = new TestPair({ seed });
  pair.fetch([1000]);
  pair.runUntil(() => pair.client.remoteIds.available > 0);
  const unused = new Uint8Array(16).fill(9);
  const issued = pair.server?.localIds.issue(new Uint8Array(8).fill(3), unused, true);
  assert.ok(issued !== undefined);
  pair.wake();
  pair.pair.run(200);
  toClient(pair, reset(seed, unused));
  assert.equal(pair.client.state.value, 'established');
});
