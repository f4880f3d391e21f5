import assert from 'node:assert/strict';
import { simpleP2p } from '../../src/sim/scenarios.ts';
import { NO_TRACE, type Trace } from '../../src/trace/trace.ts';
import { TestPair } from '../support/core-pair.ts';
import { scenario } from '../support/scenario.ts';

const MIB = 1024 * 1024;

function counting(): { trace: Trace; sent: number; received: number } {
  const counts = { trace: NO_TRACE, sent: 0, received: 0 };
  counts.trace = {
    ...NO_TRACE,
    packetSent: () => void counts.sent++,
    packetReceived: () => void counts.received++,
  };
  return counts;
}

scenario('C80 RFC 9000 §13.2.2 a download is acknowledged every second packet at most', (seed) => {
  const client = counting();
  const pair = new TestPair({ seed, client: { trace: client.trace } });
  pair.fetch([2 * MIB]);
  assert.ok(client.sent < client.received * 0.65, `${client.sent} packets for ${client.received}`);
  assert.ok(client.sent > client.received * 0.3, `${client.sent} packets for ${client.received}`);
});

scenario('C80 RFC 9000 §13.2.1 a single packet is acknowledged after max_ack_delay', (seed) => {
  const link = { delay: 15 };
  const pair = new TestPair({
    seed,
    serverTransport: { maxAckDelay: 120 },
    scenario: { toServer: link, toClient: link },
  });
  pair.fetch([1000]);
  pair.pair.run(2000);
  const { client } = pair;
  const before = client.recovery.largestAcked(2);
  client.control.ping();
  pair.wake();
  const from = pair.now;
  pair.runUntil(() => client.recovery.largestAcked(2) > before);
  assert.ok(Math.abs(pair.now - from - 150) < 2, `acknowledged after ${pair.now - from} ms`);
  // And the peer does not take the delay for a longer way.
  assert.ok(
    client.paths.active.recovery.rtt.smoothed < 40,
    `${client.paths.active.recovery.rtt.smoothed} ms`,
  );
  assert.equal(client.recovery.counters.packetsLost, 0);
});

scenario('C80 RFC 9000 §13.2.1 a gap is reported at once', (seed) => {
  const pair = new TestPair({ seed, serverTransport: { maxAckDelay: 1000 } });
  pair.fetch([1000]);
  pair.pair.run(3000);
  const { client } = pair;
  const { toServer } = pair.pair;
  toServer.options = { ...toServer.options, drop: [toServer.counters.entered + 1] };
  const before = client.recovery.largestAcked(2);
  client.control.ping();
  pair.wake();
  pair.pair.run(1);
  client.control.ping();
  pair.wake();
  const from = pair.now;
  pair.runUntil(() => client.recovery.largestAcked(2) > before);
  assert.ok(pair.now - from < 35, `acknowledged after ${pair.now - from} ms`);
});

scenario('C80 RFC 9000 §13.2 nobody acknowledges acknowledgements', (seed) => {
  const pair = new TestPair({ seed });
  pair.fetch([300_000]);
  pair.pair.run(2000);
  const { toServer, toClient } = pair.pair;
  const before = toServer.counters.entered + toClient.counters.entered;
  pair.pair.run(20_000);
  assert.equal(toServer.counters.entered + toClient.counters.entered, before);
});

scenario(
  'C80 RFC 9002 §6.2.4 a probe carries the data that may be lost, and finds out in one round trip',
  (seed) => {
    const pair = new TestPair({ seed });
    pair.fetch([1000]);
    pair.pair.run(2000);
    const { client } = pair;
    const { toServer } = pair.pair;
    // The only packet is lost: no later one tells.
    toServer.options = { ...toServer.options, drop: [toServer.counters.entered + 1] };
    const id = client.streams.openStream('uni') as number;
    pair.clientApp.write(id, 500);
    pair.wake();
    const from = pair.now;
    const pto = client.recovery.ptoFor(client.paths.active.recovery, 2);
    pair.runUntil(() => pair.serverApp?.received.get(id)?.fin === true);
    const took = pair.now - from;
    assert.ok(took >= pto + 14 && took < pto + 20, `arrived after ${took} ms, a probe timeout is ${pto}`);
    assert.equal(client.recovery.totalPtoCount > 0, true);
  },
);

scenario('C80 RFC 9002 §6.2.1 probe timeouts double, and start over with the first answer', (seed) => {
  const pair = new TestPair({
    seed,
    clientTransport: { maxIdleTimeout: 0 },
    serverTransport: { maxIdleTimeout: 0 },
  });
  pair.fetch([1000]);
  pair.pair.run(2000);
  const { client } = pair;
  const plain = pair.pair.toServer.options;
  pair.pair.toServer.options = { loss: 1 };
  const times: number[] = [];
  pair.pair.network.tap(({ kind, link, time }) => {
    if (kind === 'sent' && link === 'client>server' && times.at(-1) !== time) times.push(time);
  });
  pair.clientApp.write(client.streams.openStream('uni') as number, 100);
  pair.wake();
  pair.pair.run(5_000);
  const gaps = times.slice(1).map((time, i) => time - (times[i] as number));
  assert.ok(gaps.length >= 5);
  for (let i = 1; i < gaps.length; i++) {
    const ratio = (gaps[i] as number) / (gaps[i - 1] as number);
    assert.ok(Math.abs(ratio - 2) < 0.01, `gaps of ${gaps} ms`);
  }
  pair.pair.toServer.options = plain;
  pair.runUntil(() => !client.recovery.hasInFlight(2));
  assert.equal(client.recovery.ptoCount, 0);
});

scenario('C80 RFC 9002 §7.8 an application that sends little does not grow its window', (seed) => {
  const pair = new TestPair({ seed });
  pair.runUntil(() => pair.isEstablished);
  const path = pair.client.paths.active.recovery;
  const id = pair.client.streams.openStream('uni') as number;
  const before = path.congestion.window;
  for (let i = 0; i < 100; i++) {
    pair.clientApp.write(id, 500, false);
    pair.wake();
    pair.pair.run(50);
  }
  assert.ok(path.congestion.window <= before + 2 * 1452, `${before} to ${path.congestion.window}`);
});

scenario('C80 RFC 9002 §7.6 an outage of many probe timeouts is persistent congestion', (seed) => {
  const pair = new TestPair({ seed, scenario: simpleP2p({ blackhole: { start: 0, on: 1500, off: 3000 } }) });
  pair.fetch([4 * MIB]);
  assert.ok((pair.server?.recovery.persistentCongestionCount ?? 0) >= 1);
});

scenario(
  'C80 RFC 9002 §6.1 reordering within the thresholds loses nothing, beyond them it is found out',
  (seed) => {
    const lossy = (reorderDelay: number) => {
      const pair = new TestPair({
        seed,
        scenario: {
          toServer: { delay: 15 },
          toClient: { delay: 15, bandwidth: 10_000_000, queue: 10_000, reordering: 0.02, reorderDelay },
        },
      });
      pair.fetch([MIB]);
      return pair.server?.recovery.counters;
    };
    // One packet takes 1.2 ms on this link: less than three of them are overtaken by.
    assert.equal(lossy(2)?.packetsLost, 0);
    const far = lossy(12);
    assert.ok((far?.packetsSpuriouslyLost ?? 0) > 0);
    assert.equal(far?.packetsSpuriouslyLost, far?.packetsLost);
  },
);

scenario(
  'C80 RFC 9000 §21.4 packet numbers are left out, and an honest peer never acknowledges them',
  (seed) => {
    const numbers: number[] = [];
    const trace: Trace = {
      ...NO_TRACE,
      packetSent: (_now, type, number) => {
        if (type === 4) numbers.push(number);
      },
    };
    const pair = new TestPair({ seed, server: { trace } });
    pair.fetch([2 * MIB]);
    let skipped = 0;
    for (let i = 1; i < numbers.length; i++) {
      const step = (numbers[i] as number) - (numbers[i - 1] as number);
      assert.ok(step === 1 || step === 2);
      if (step === 2) skipped++;
    }
    assert.ok(skipped >= 3, `${skipped} of ${numbers.length} left out`);
  },
);
