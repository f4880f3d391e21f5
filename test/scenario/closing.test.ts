import assert from 'node:assert/strict';
import type { ConnectionCore } from '../../src/connection/connection.ts';
import { QuicError } from '../../src/errors.ts';
import { TestPair } from '../support/core-pair.ts';
import { scenario } from '../support/scenario.ts';

const OUT = new Uint8Array(2048);

function established(seed: number): TestPair {
  const pair = new TestPair({ seed });
  pair.fetch([1000]);
  pair.pair.run(1000);
  return pair;
}

const server = (pair: TestPair): ConnectionCore => {
  if (pair.server === null) throw new Error('There is no server');
  return pair.server;
};

scenario('C90 C92 RFC 9000 §10.2 an application close reaches the peer with code and reason', (seed) => {
  const pair = established(seed);
  assert.equal(pair.client.close(true, 0x1234, 'enough', pair.now), true);
  assert.equal(pair.client.close(true, 1, 'again', pair.now), false, 'a second close is nothing to do');
  assert.equal(pair.client.state.value, 'closing');
  pair.wake();
  pair.runUntil(() => server(pair).state.value === 'draining');
  const said = { isApplication: true, errorCode: 0x1234n, reason: 'enough' };
  assert.deepEqual(pair.client.closer.local, said);
  assert.deepEqual(server(pair).closer.remote, said);
  assert.equal(server(pair).closer.error?.code, 'ERR_QUIC_APPLICATION_ERROR');
  assert.equal(server(pair).closer.error?.remote, true);
  assert.equal(pair.client.closer.error?.remote, false);
  pair.pair.runUntilIdle();
  for (const [core, events] of [
    [pair.client, pair.clientEvents],
    [server(pair), pair.serverEvents],
  ] as const) {
    assert.equal(core.state.value, 'closed');
    const ends = events.filter(({ type }) => type === 'closing' || type === 'closed');
    assert.deepEqual(
      ends.map(({ type }) => type),
      ['closing', 'closed'],
    );
  }
});

scenario(
  'C91 RFC 9000 §10.2 closing and draining last three probe timeouts, and draining sends nothing',
  (seed) => {
    const pair = established(seed);
    const core = server(pair);
    const pto = pair.client.recovery.ptoFor(pair.client.paths.active.recovery, 2);
    const closedAt = pair.now;
    pair.client.close(true, 0, '', pair.now);
    pair.wake();
    pair.runUntil(() => core.state.value === 'draining');
    const drainingFrom = pair.now;
    const drain = 3 * core.recovery.ptoFor(core.paths.active.recovery, 2);
    const sent = pair.pair.toClient.counters.entered;
    core.streams.openStream('bidi');
    pair.wake();
    const ends = { client: 0, server: 0 };
    pair.onClient = ({ state }, now) => {
      if (state.value === 'closed') ends.client = now;
    };
    pair.onServer = ({ state }, now) => {
      if (state.value === 'closed') ends.server = now;
    };
    pair.pair.runUntilIdle();
    assert.ok(Math.abs(ends.client - closedAt - 3 * pto) < 1, `closing for ${ends.client - closedAt} ms`);
    assert.ok(
      Math.abs(ends.server - drainingFrom - drain) < 1,
      `draining for ${ends.server - drainingFrom} ms`,
    );
    assert.equal(pair.pair.toClient.counters.entered, sent);
    assert.equal(core.timeoutAt(), null);
    assert.equal(core.send(OUT, pair.now), null);
  },
);

scenario('C91 RFC 9000 §10.2.1 a closing connection answers ever more rarely', (seed) => {
  const pair = established(seed);
  const { client } = pair;
  client.close(true, 0, '', pair.now);
  assert.ok(client.send(OUT, pair.now) !== null);
  assert.equal(client.send(OUT, pair.now), null);
  const info = { from: pair.pair.serverAddress, to: pair.pair.clientAddress };
  let answers = 0;
  for (let i = 0; i < 100_000; i++) {
    client.recv(OUT.subarray(0, 100), info, pair.now);
    if (client.send(OUT, pair.now) !== null) answers++;
  }
  // After the 1st, 3rd, 7th, 15th … datagram.
  assert.equal(answers, 16);
});

scenario('C91 RFC 9000 §10.2 a lost CONNECTION_CLOSE is repeated when the peer goes on', (seed) => {
  const pair = established(seed);
  const core = server(pair);
  pair.pair.toServer.options = {
    ...pair.pair.toServer.options,
    drop: [pair.pair.toServer.counters.entered + 1],
  };
  pair.client.close(true, 9, 'lost once', pair.now);
  pair.pair.client.wake();
  pair.pair.run(0);
  const id = core.streams.openStream('uni') as number;
  pair.serverApp?.write(id, 100);
  pair.wake();
  pair.runUntil(() => core.state.value === 'draining');
  assert.equal(core.closer.remote?.errorCode, 9n);
});

scenario(
  'C90 RFC 9000 §10.2.3 an application close during the handshake says neither code nor reason',
  (seed) => {
    for (const side of ['client', 'server'] as const) {
      const pair = new TestPair({ seed });
      // The server has Handshake keys, the client not yet.
      pair.runUntil(() => pair.server !== null);
      const closing = side === 'client' ? pair.client : server(pair);
      const other = side === 'client' ? server(pair) : pair.client;
      closing.close(true, 77, 'a secret of the application', pair.now);
      pair.wake();
      pair.runUntil(() => other.closer.remote !== null);
      assert.deepEqual(other.closer.remote, { isApplication: false, errorCode: 0x0cn, reason: '' });
      pair.pair.runUntilIdle();
      assert.equal(closing.state.value, 'closed');
      assert.equal(other.state.value, 'closed');
      assert.deepEqual(pair.pair.client.errors, []);
    }
  },
);

scenario('C91 a client that closes before it heard anything ends by itself', (seed) => {
  const pair = new TestPair({ seed });
  pair.client.close(false, 0, '', 0);
  pair.wake();
  pair.pair.runUntilIdle();
  assert.equal(pair.client.state.value, 'closed');
});

scenario(
  'C92 RFC 9000 §10.2.3 a server that closed with Initial and Handshake keys is heard either way',
  (seed) => {
    // The first datagram with the close is lost: the answer to the client's next one repeats it.
    const pair = new TestPair({ seed });
    pair.runUntil(() => pair.server !== null);
    server(pair).close(false, 0x02, 'busy', pair.now);
    pair.pair.toClient.options = { ...pair.pair.toClient.options, drop: [1] };
    pair.wake();
    pair.runUntil(() => pair.client.closer.remote !== null);
    assert.equal(pair.client.closer.error?.code, 'ERR_QUIC_CONNECTION_REFUSED');
  },
);

scenario('C91 both sides may close at the same moment', (seed) => {
  const pair = established(seed);
  pair.client.close(true, 1, 'a', pair.now);
  server(pair).close(true, 2, 'b', pair.now);
  pair.wake();
  pair.pair.runUntilIdle();
  assert.equal(pair.client.state.value, 'closed');
  assert.equal(server(pair).state.value, 'closed');
  assert.ok(pair.pair.toServer.counters.entered < 100);
});

scenario('C101 nothing throws and nothing is sent after the end', (seed) => {
  const pair = established(seed);
  pair.close();
  const { client } = pair;
  const info = { from: pair.pair.serverAddress, to: pair.pair.clientAddress };
  client.recv(new Uint8Array(50), info, pair.now);
  client.onTimeout(pair.now + 1e6);
  client.answerClientHello(null, pair.now);
  client.answerVerification(null, pair.now);
  client.answerSignature(null, pair.now);
  assert.equal(client.updateKeys(pair.now), false);
  assert.equal(client.close(true, 0, '', pair.now), false);
  assert.equal(client.send(OUT, pair.now), null);
  assert.equal(client.timeoutAt(), null);
  assert.equal(client.nextEvent(), null);
});

scenario('C92 the reason phrase is cut to what fits, and control characters stay out of messages', (seed) => {
  const pair = established(seed);
  pair.client.close(false, 0x0a, `\u001b[31m${'x'.repeat(5000)}`, pair.now);
  pair.wake();
  pair.runUntil(() => server(pair).closer.remote !== null);
  const { remote, error } = server(pair).closer;
  assert.ok((remote?.reason.length ?? 0) <= 1024);
  assert.ok(error instanceof QuicError && !error.message.includes('\u001b'));
});
