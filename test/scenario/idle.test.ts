import assert from 'node:assert/strict';
import { NO_TRACE } from '../../src/trace/trace.ts';
import { TestPair } from '../support/core-pair.ts';
import { scenario } from '../support/scenario.ts';

scenario('C93 RFC 9000 §10.1 the smaller of both idle timeouts ends the connection silently', (seed) => {
  const pair = new TestPair({
    seed,
    clientTransport: { maxIdleTimeout: 20_000 },
    serverTransport: { maxIdleTimeout: 7_000 },
  });
  pair.fetch([1000]);
  pair.pair.run(1000);
  const sent = pair.pair.toServer.counters.entered + pair.pair.toClient.counters.entered;
  pair.pair.runUntilIdle();
  for (const core of [pair.client, pair.server]) {
    assert.equal(core?.state.value, 'closed');
    assert.equal(core?.closer.isTimedOut, true);
    assert.equal(core?.closer.error?.code, 'ERR_QUIC_IDLE_TIMEOUT');
    assert.equal(core?.closer.local, null);
    assert.equal(core?.closer.remote, null);
  }
  assert.ok(pair.now > 7_000 && pair.now < 7_500, `ended after ${pair.now} ms`);
  assert.equal(pair.pair.toServer.counters.entered + pair.pair.toClient.counters.entered, sent);
});

scenario('C93 RFC 9000 §10.1 without a value on either side there is no idle timeout', (seed) => {
  const none = { maxIdleTimeout: 0 };
  const pair = new TestPair({ seed, clientTransport: none, serverTransport: none });
  pair.fetch([1000]);
  pair.pair.run(1000);
  assert.equal(pair.client.timeoutAt(), null);
  assert.equal(pair.server?.timeoutAt(), null);
  pair.pair.run(3_600_000);
  assert.equal(pair.client.state.value, 'established');
});

scenario('C93 RFC 9000 §10.1 the timeout is at least three probe timeouts', (seed) => {
  const brief = { maxIdleTimeout: 10 };
  const pair = new TestPair({ seed, clientTransport: brief, serverTransport: brief });
  pair.runUntil(() => pair.isEstablished);
  const { client } = pair;
  const pto = client.recovery.ptoFor(client.paths.active.recovery, 2);
  const from = pair.now;
  pair.runUntil(() => client.state.value === 'closed');
  assert.ok(pair.now - from > 2.5 * pto, `ended after ${pair.now - from} ms, a probe timeout is ${pto}`);
});

scenario('C93 RFC 9000 §10.1.2 keep-alive holds an idle connection open', (seed) => {
  const pair = new TestPair({
    seed,
    clientTransport: { maxIdleTimeout: 5_000, keepAlive: 2_000 },
    serverTransport: { maxIdleTimeout: 5_000 },
  });
  pair.fetch([1000]);
  const before = pair.pair.toServer.counters.entered;
  pair.pair.run(60_000);
  assert.equal(pair.client.state.value, 'established');
  assert.equal(pair.server?.state.value, 'established');
  const pings = pair.pair.toServer.counters.entered - before;
  assert.ok(pings >= 28 && pings < 40, `${pings} datagrams in a minute`);
  pair.close();
});

scenario('C93 keep-alive does not hold a dead connection', (seed) => {
  const pair = new TestPair({
    seed,
    clientTransport: { maxIdleTimeout: 5_000, keepAlive: 1_000 },
  });
  pair.fetch([1000]);
  pair.pair.toServer.options = { loss: 1 };
  pair.pair.toClient.options = { loss: 1 };
  const from = pair.now;
  pair.runUntil(() => pair.client.state.value === 'closed', 30_000);
  assert.equal(pair.client.closer.error?.code, 'ERR_QUIC_IDLE_TIMEOUT');
  assert.ok(pair.now - from < 7_500, `ended after ${pair.now - from} ms`);
});

scenario('C93 RFC 9000 §10.1 sending restarts the timer once, receiving every time', (seed) => {
  const pair = new TestPair({ seed, clientTransport: { maxIdleTimeout: 5_000 } });
  pair.fetch([1000]);
  pair.pair.run(4_000);
  // Into the void: the first packet restarts the timer, its repetitions do not.
  pair.pair.toServer.options = { loss: 1 };
  const from = pair.now;
  pair.clientApp.write(pair.client.streams.openStream('uni') as number, 100);
  pair.wake();
  pair.runUntil(() => pair.client.state.value === 'closed', 30_000);
  assert.ok(Math.abs(pair.now - from - 5_000) < 100, `ended after ${pair.now - from} ms`);
});

scenario('C93 a client whose server is silent gives up after its own idle timeout', (seed) => {
  const pair = new TestPair({ seed, clientTransport: { maxIdleTimeout: 4_000 }, accept: () => null });
  pair.runUntil(() => pair.client.state.value === 'closed', 60_000);
  assert.equal(pair.client.closer.error?.code, 'ERR_QUIC_IDLE_TIMEOUT');
  assert.ok(pair.now >= 4_000 && pair.now < 6_000, `ended after ${pair.now} ms`);
});

scenario('C93 a handshake that takes too long ends with an error of its own', (seed) => {
  for (const side of ['client', 'server'] as const) {
    const pair = new TestPair({ seed, [side]: { handshakeTimeout: 3_000 } });
    pair.runUntil(() => pair.server !== null);
    pair.pair.toServer.options = { loss: 1 };
    pair.pair.toClient.options = { loss: 1 };
    const core = side === 'client' ? pair.client : pair.server;
    pair.runUntil(() => core?.state.value === 'closed', 10_000);
    assert.equal(core?.closer.error?.code, 'ERR_QUIC_HANDSHAKE_TIMEOUT');
    assert.ok(pair.now >= 3_000 && pair.now < 3_100, `ended after ${pair.now} ms`);
  }
});

scenario('C10 the handshake deadline is gone with the handshake', (seed) => {
  const pair = new TestPair({
    seed,
    client: { handshakeTimeout: 2_000 },
    server: { handshakeTimeout: 2_000 },
  });
  pair.fetch([1000]);
  pair.pair.run(5_000);
  assert.equal(pair.client.state.value, 'established');
  assert.equal(pair.server?.state.value, 'established');
});

scenario('C10 onTimeout before its time does nothing', (seed) => {
  let sent = 0;
  const pair = new TestPair({
    seed,
    client: { trace: { ...NO_TRACE, packetSent: () => void sent++ } },
  });
  pair.fetch([1000]);
  pair.pair.run(1000);
  const before = sent;
  const at = pair.client.timeoutAt() as number;
  pair.client.onTimeout(pair.now);
  assert.equal(pair.client.send(new Uint8Array(1500), pair.now), null);
  assert.equal(pair.client.timeoutAt(), at);
  assert.equal(pair.client.timeout(pair.now), at - pair.now);
  assert.equal(pair.client.timeout(at + 1), 0);
  assert.equal(sent, before);
});

scenario(
  'C93 C72 RFC 9000 §10.1.2 a client that only reads sends one PING when data stop in the midst of a stream',
  (seed) => {
    const pair = new TestPair({ seed });
    pair.fetch([1000]);
    // Half of an answer, and then nothing.
    const id = pair.client.streams.openStream('bidi') as number;
    pair.client.streams.streamSend(id, new Uint8Array(1), false);
    pair.wake();
    pair.pair.run(200);
    pair.server?.streams.streamSend(id, new Uint8Array(5000), false);
    pair.wake();
    pair.pair.run(100);
    let sent = 0;
    pair.pair.network.tap(({ kind, link }) => {
      if (kind === 'sent' && link === 'client>server') sent++;
    });
    pair.pair.run(100);
    assert.equal(sent, 0, 'it is silent at first');
    pair.pair.run(5000);
    assert.equal(sent, 1);
    pair.close();
  },
);
