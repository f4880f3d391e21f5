import assert from 'node:assert/strict';
import { simpleP2p } from '../../src/sim/scenarios.ts';
import { TestPair } from '../support/core-pair.ts';
import { scenario } from '../support/scenario.ts';

const MIB = 1024 * 1024;

scenario('C45 RFC 9000 §4.1 a sender stops at the limits of stream and connection', (seed) => {
  const pair = new TestPair({
    seed,
    serverTransport: { initialMaxData: 50_000, initialMaxStreamDataUni: 30_000 },
  });
  pair.runUntil(() => pair.isEstablished);
  const app = pair.serverApp;
  assert.ok(app !== null);
  app.reads = false;
  const { streams } = pair.client;
  const a = streams.openStream('uni') as number;
  const b = streams.openStream('uni') as number;
  pair.clientApp.write(a, 100_000);
  pair.clientApp.write(b, 100_000);
  pair.wake();
  pair.pair.run(2_000);
  const { server } = pair;
  assert.equal(server?.streams.bytesUnread, 50_000);
  assert.equal(server?.streams.streamReadableLength(a), 30_000);
  assert.equal(server?.streams.streamReadableLength(b), 20_000);
  assert.ok((server?.streams.stats.streamDataBlockedReceived ?? 0) >= 1);
  assert.ok((server?.streams.stats.dataBlockedReceived ?? 0) >= 1);
  // Silence while nobody reads, but for what keeps the news of being blocked from getting lost.
  const before = pair.pair.toServer.counters.entered;
  pair.pair.run(5_000);
  assert.equal(pair.pair.toServer.counters.entered, before);
  app.reads = true;
  // Nothing comes that would report the streams again: the application looks at what is there.
  pair.wake();
  pair.runUntil(() => app.whole === 2);
});

scenario('C45 a slow reader slows the sender: no more than the window is ever held', (seed) => {
  const pair = new TestPair({
    seed,
    serverTransport: { initialMaxData: 40_000, initialMaxStreamDataUni: 40_000 },
  });
  pair.runUntil(() => pair.isEstablished);
  const { server } = pair;
  if (server === null || pair.serverApp === null) throw new Error('There is no server');
  pair.serverApp.reads = false;
  const id = pair.client.streams.openStream('uni') as number;
  pair.clientApp.write(id, 400_000);
  let most = 0;
  let read = 0;
  const out = new Uint8Array(1000);
  // 20 kB per second.
  const sip = (): void => {
    most = Math.max(most, server.streams.bytesUnread);
    if (server.streams.isStreamReadable(id)) read += server.streams.streamRecv(id, out)?.length ?? 0;
    pair.wake();
    if (read < 400_000) pair.pair.clock.schedule(pair.now + 50, sip);
  };
  sip();
  pair.runUntil(() => read === 400_000, 30_000);
  assert.ok(most <= 40_000, `${most} bytes were held`);
  assert.equal(
    server.streams.limits.maxData - read <= 40_000,
    true,
    'the window did not grow for a slow reader',
  );
});

scenario('C45 windows grow with what the path carries, up to their ceilings', (seed) => {
  const run = (maxStreamWindow: number, maxConnectionWindow: number): number => {
    const pair = new TestPair({
      seed,
      // 100 Mbit/s with 60 ms: 750 kB on their way.
      scenario: simpleP2p({ delay: 30, bandwidth: 100_000_000, queue: 1000 }),
      clientTransport: {
        initialMaxData: 30_000,
        initialMaxStreamDataBidiLocal: 20_000,
        maxStreamWindow,
        maxConnectionWindow,
      },
    });
    pair.fetch([8 * MIB]);
    return pair.now;
  };
  const free = run(16 * MIB, 24 * MIB);
  const held = run(100_000, 24 * MIB);
  const heldTogether = run(16 * MIB, 100_000);
  // 8 MiB take 0.67 s at the full rate. Where 100 kB are the ceiling, half of that goes through per round trip at least,
  // and all of it at most.
  assert.ok(free < 1_700, `took ${free} ms`);
  for (const time of [held, heldTogether]) assert.ok(time > 4_500 && time < 11_000, `took ${time} ms`);
});

scenario('C45 RFC 9000 §4.2 a window that is large enough does not grow', (seed) => {
  const pair = new TestPair({
    seed,
    // A rate of 1 Mbit/s with 30 ms: 4 kB are on their way at a time.
    scenario: simpleP2p({ bandwidth: 1_000_000, queue: 4 }),
    clientTransport: { initialMaxData: 256_000, initialMaxStreamDataBidiLocal: 128_000 },
  });
  pair.fetch([2 * MIB], 60_000);
  const { maxData } = pair.client.streams.limits;
  assert.ok(maxData <= 2 * MIB + 16 + 256_000, `the window is ${maxData - 2 * MIB} bytes at the end`);
});

scenario('C45 RFC 9000 §4.1 lost window updates do not stop a transfer', (first) => {
  for (let seed = first; seed < first + 10; seed++) {
    const pair = new TestPair({
      seed,
      scenario: { toServer: { delay: 15, loss: 0.4, lossBurst: 4 }, toClient: { delay: 15 } },
      clientTransport: {
        initialMaxData: 6_000,
        initialMaxStreamDataBidiLocal: 4_000,
        maxStreamWindow: 4_000,
      },
    });
    pair.fetch([60_000]);
  }
});

scenario('C49 C41 a write takes what the limits leave, and the stream becomes writable again', (seed) => {
  const pair = new TestPair({ seed, serverTransport: { initialMaxStreamDataUni: 10_000 } });
  pair.runUntil(() => pair.isEstablished);
  if (pair.serverApp !== null) pair.serverApp.reads = false;
  const { streams } = pair.client;
  const id = streams.openStream('uni') as number;
  assert.equal(streams.streamCapacity(id), 10_000);
  assert.equal(streams.streamSend(id, new Uint8Array(25_000), true), 10_000);
  assert.equal(streams.streamSend(id, new Uint8Array(15_000), true), null);
  assert.equal(streams.isStreamWritable(id, 1), false);
  pair.wake();
  pair.pair.run(500);
  assert.equal(streams.nextWritable(), null);
  assert.equal(pair.server?.streams.streamDiscard(id, 10_000)?.length, 10_000);
  pair.wake();
  pair.pair.run(100);
  assert.equal(streams.nextWritable(), id);
  assert.equal(streams.nextWritable(), null, 'once');
});
