import assert from 'node:assert/strict';
import { SCENARIOS, simpleP2p } from '../../src/sim/scenarios.ts';
import { TestPair } from '../support/core-pair.ts';
import { scenario } from '../support/scenario.ts';

const MIB = 1024 * 1024;

/** What of the link's 10 Mbit/s a transfer of so many bytes used, counted in stream data. */
function share(bytes: number, milliseconds: number): number {
  return (bytes * 8) / 10_000 / milliseconds;
}

scenario('C45 transfer: 2 + 3 + 5 MiB on one connection, with windows that must grow', (seed) => {
  const pair = new TestPair({
    seed,
    scenario: SCENARIOS.transfer,
    clientTransport: { initialMaxData: 65_536, initialMaxStreamDataBidiLocal: 16_384 },
  });
  pair.fetch([2 * MIB, 3 * MIB, 5 * MIB]);
  assert.ok(share(10 * MIB, pair.now) > 0.85, `${share(10 * MIB, pair.now)} of the link`);
  pair.close();
});

for (const [name, least] of [
  ['cubic', 0.85],
  ['reno', 0.85],
] as const) {
  scenario(`C81 ${name} uses at least ${least * 100} % of the link for 10 MiB`, (seed) => {
    const transport = { congestionControl: name };
    const pair = new TestPair({ seed, clientTransport: transport, serverTransport: transport });
    pair.fetch([10 * MIB]);
    assert.equal(pair.server?.paths.active.recovery.congestion.name, name);
    assert.ok(share(10 * MIB, pair.now) >= least, `${share(10 * MIB, pair.now)} of the link`);
  });
}

scenario('C82 RFC 9002 §7.7 pacing keeps bursts out of the queue', (seed) => {
  const longest = [true, false].map((pacing) => {
    const pair = new TestPair({
      seed,
      scenario: simpleP2p({ bandwidth: 50_000_000, queue: 1000 }),
      serverTransport: { pacing, initialWindowPackets: 40 },
    });
    pair.fetch([48_000]);
    return pair.pair.toClient.counters.longestQueue;
  });
  assert.ok((longest[0] as number) <= 10 && (longest[1] as number) > 30, `queue ${longest}`);
});

scenario('C80 RFC 9002 §6.2 blackhole: 2 s without a packet after 5 s, 10 MiB come whole', (seed) => {
  const pair = new TestPair({ seed, scenario: SCENARIOS.blackhole });
  pair.fetch([10 * MIB]);
  // 2 s dark, at most a second until a probe finds out, and the window to grow again.
  assert.ok(pair.now < 15_000, `took ${pair.now} ms`);
  assert.equal(pair.server?.recovery.persistentCongestionCount, 1);
  pair.close();
});

scenario('C80 RFC 9002 §6.1 transferloss: 2 MiB at 2 % loss in bursts', (seed) => {
  const pair = new TestPair({ seed, scenario: SCENARIOS.transferloss });
  pair.fetch([2 * MIB]);
  assert.ok(pair.pair.toClient.counters.dropped.loss > 10);
  pair.close();
});

scenario('C4 RFC 9000 §12.2 transfercorruption: 2 MiB with 2 % of the datagrams damaged', (seed) => {
  const pair = new TestPair({ seed, scenario: SCENARIOS.transfercorruption });
  pair.fetch([2 * MIB]);
  assert.ok(pair.pair.toClient.counters.corrupted > 10);
  assert.deepEqual(pair.pair.client.errors, []);
  assert.deepEqual(pair.pair.server.errors, []);
  pair.close();
});

scenario('C45 uploads and downloads at once do not disturb each other', (seed) => {
  const pair = new TestPair({ seed });
  pair.runUntil(() => pair.isEstablished);
  const id = pair.client.streams.openStream('uni') as number;
  pair.clientApp.write(id, 2 * MIB);
  pair.fetch([2 * MIB]);
  pair.runUntil(() => pair.serverApp?.received.get(id)?.fin === true);
  assert.equal(pair.serverApp?.received.get(id)?.intact, true);
  assert.ok(share(2 * MIB, pair.now) > 0.7, `${share(2 * MIB, pair.now)} of the link each way`);
});
