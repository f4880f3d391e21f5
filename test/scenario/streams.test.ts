import assert from 'node:assert/strict';
import { simpleP2p } from '../../src/sim/scenarios.ts';
import { TestPair } from '../support/core-pair.ts';
import { scenario } from '../support/scenario.ts';

const established = (seed: number, options = {}): TestPair => {
  const pair = new TestPair({ seed, ...options });
  pair.runUntil(() => pair.isEstablished);
  return pair;
};

scenario(
  'C43 RFC 9000 §3.1 a reset reaches the reader with its code, and both sides forget the stream',
  (seed) => {
    const pair = established(seed);
    const { streams } = pair.client;
    const id = streams.openStream('uni') as number;
    pair.clientApp.write(id, 20_000, false);
    pair.wake();
    pair.runUntil(() => (pair.serverApp?.received.get(id)?.length ?? 0) > 5_000);
    assert.equal(streams.streamShutdown(id, 'write', 0x77), true);
    pair.wake();
    pair.runUntil(() => pair.serverApp?.received.get(id)?.resetCode === 0x77n);
    pair.runUntil(() => streams.openCount === 0 && pair.server?.streams.openCount === 0);
    assert.equal(streams.bytesHeld, 0);
  },
);

scenario('C43 RFC 9000 §3.5 STOP_SENDING stops the writer with its code', (seed) => {
  const pair = established(seed);
  const { streams } = pair.client;
  const id = streams.openStream('uni') as number;
  pair.clientApp.write(id, 2_000_000);
  pair.wake();
  pair.runUntil(() => (pair.serverApp?.received.get(id)?.length ?? 0) > 5_000);
  assert.equal(pair.server?.streams.streamShutdown(id, 'read', 0x55), true);
  pair.wake();
  pair.runUntil(() => pair.clientApp.stopped.get(id) === 0x55n);
  pair.runUntil(() => streams.openCount === 0 && pair.server?.streams.openCount === 0);
  assert.equal(streams.bytesHeld, 0);
  assert.equal(pair.server?.streams.bytesUnread, 0);
});

scenario('C43 C44 resets and stops at 20 % loss leave nothing behind', (first) => {
  for (let seed = first; seed < first + 15; seed++) {
    const link = { delay: 10, loss: 0.2, lossBurst: 3 };
    const pair = established(seed, { scenario: { toServer: link, toClient: link } });
    const { streams } = pair.client;
    const ids = Array.from({ length: 10 }, () => streams.openStream('bidi') as number);
    for (const id of ids) pair.clientApp.write(id, 30_000);
    pair.wake();
    pair.pair.run(60);
    for (const [index, id] of ids.entries()) {
      if (index % 3 === 0) streams.streamShutdown(id, 'write', 1);
      if (index % 3 === 1) pair.server?.streams.streamShutdown(id, 'read', 2);
      streams.streamShutdown(id, 'read', 3);
    }
    // The server ends its half, and hears with it of what was stopped.
    pair.onServer = (server) => {
      for (const id of ids) if (server.streams.isStreamOpen(id)) pair.serverApp?.write(id, 0);
    };
    pair.wake();
    pair.runUntil(
      () =>
        streams.openCount === 0 &&
        pair.server?.streams.openCount === 0 &&
        !pair.client.recovery.hasInFlight(2) &&
        !pair.server.recovery.hasInFlight(2),
      20_000,
    );
    assert.equal(streams.bytesHeld, 0);
    assert.equal(pair.server?.streams.bytesHeld, 0);
    assert.equal(pair.server?.streams.bytesUnread, 0);
    // The credit of what was never read came back: as much again can be sent.
    pair.onServer = null;
    pair.fetch([50_000]);
  }
});

scenario('C47 RFC 9218 §4.1 urgent streams come first, others of one urgency share', (seed) => {
  const pair = established(seed, { scenario: simpleP2p({ bandwidth: 2_000_000 }) });
  const { server } = pair;
  if (server === null) throw new Error('There is no server');
  const [low, shareA, shareB, urgent] = Array.from(
    { length: 4 },
    () => server.streams.openStream('uni') as number,
  ) as [number, number, number, number];
  server.streams.streamPriority(low, 200, true);
  server.streams.streamPriority(shareA, 100, true);
  server.streams.streamPriority(shareB, 100, true);
  server.streams.streamPriority(urgent, 0, false);
  const ends = new Map<number, number>();
  pair.clientApp.onEnd = (id) => void ends.set(id, pair.now);
  for (const id of [low, shareA, shareB, urgent]) pair.serverApp?.write(id, 100_000);
  pair.wake();
  pair.runUntil(() => ends.size === 4);
  const at = (id: number): number => ends.get(id) as number;
  assert.ok(at(urgent) < Math.min(at(shareA), at(shareB)));
  assert.ok(Math.max(at(shareA), at(shareB)) < at(low));
  // 100 kB take 400 ms on this link; the two that share end together.
  assert.ok(Math.abs(at(shareA) - at(shareB)) < 60, `${at(shareA)} and ${at(shareB)}`);
});

scenario('C47 streams of one urgency that are not incremental come one after the other', (seed) => {
  const pair = established(seed, { scenario: simpleP2p({ bandwidth: 2_000_000 }) });
  const { server } = pair;
  if (server === null) throw new Error('There is no server');
  const ids = Array.from({ length: 3 }, () => server.streams.openStream('uni') as number);
  const ends: number[] = [];
  const times: number[] = [];
  pair.clientApp.onEnd = (id) => {
    ends.push(id);
    times.push(pair.now);
  };
  for (const id of ids) {
    server.streams.streamPriority(id, 127, false);
    pair.serverApp?.write(id, 60_000);
  }
  pair.wake();
  pair.runUntil(() => ends.length === 3);
  assert.deepEqual(ends, ids);
  assert.ok((times[1] as number) - (times[0] as number) > 150);
});

scenario('C40 C51 both sides open streams of both kinds at once', (seed) => {
  const pair = established(seed);
  const { client, server } = pair;
  if (server === null || pair.serverApp === null) throw new Error('There is no server');
  const expected: [typeof pair.clientApp, number][] = [];
  for (const [core, app, other] of [
    [client, pair.clientApp, pair.serverApp],
    [server, pair.serverApp, pair.clientApp],
  ] as const) {
    for (const direction of ['bidi', 'uni'] as const) {
      const id = core.streams.openStream(direction) as number;
      assert.equal(id & 1, core.isServer ? 1 : 0);
      assert.equal(id & 2, direction === 'uni' ? 2 : 0);
      app.write(id, 5_000);
      expected.push([other, id]);
    }
    assert.equal(core.streams.streamsLeftBidi, 99);
    assert.equal(core.streams.streamsLeftUni, 99);
  }
  pair.wake();
  pair.runUntil(() => expected.every(([app, id]) => app.received.get(id)?.fin === true));
  for (const [app, id] of expected) assert.equal(app.received.get(id)?.intact, true);
  assert.equal(client.streams.nextIncoming('bidi'), 1);
  assert.equal(client.streams.nextIncoming('bidi'), null);
});

scenario('C53 the end of writing can be awaited until it is acknowledged', (seed) => {
  const pair = established(seed);
  const { streams } = pair.client;
  const id = streams.openStream('uni') as number;
  pair.clientApp.write(id, 3_000);
  pair.wake();
  const from = pair.now;
  pair.pair.run(5);
  assert.equal(streams.isStreamAcked(id), false);
  pair.runUntil(() => streams.isStreamAcked(id));
  assert.ok(pair.now - from >= 30 && pair.now - from < 60);
});

scenario('C13 RFC 9000 §10.1.2 ping makes one packet, acknowledged once', (seed) => {
  const pair = established(seed);
  pair.pair.run(2_000);
  const { toServer, toClient } = pair.pair;
  const before = [toServer.counters.entered, toClient.counters.entered] as const;
  pair.client.control.ping();
  pair.client.control.ping();
  pair.wake();
  pair.pair.run(2_000);
  assert.equal(toServer.counters.entered - before[0], 1);
  assert.equal(toClient.counters.entered - before[1], 1);
});
