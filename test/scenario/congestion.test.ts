/** What issue-sized transfers make of a link under each congestion controller, and how flows get on with each other. */
import assert from 'node:assert/strict';
import type { TransportConfig } from '../../src/connection/config.ts';
import { Bbr } from '../../src/recovery/bbr.ts';
import type { LinkOptions } from '../../src/sim/link.ts';
import { type Scenario, simpleP2p } from '../../src/sim/scenarios.ts';
import { TestPair } from '../support/core-pair.ts';
import { scenario } from '../support/scenario.ts';

const MIB = 1024 * 1024;

/** IPv4 and UDP headers, which the link carries too. */
const IP_HEADERS = 28;

/** Of a datagram of 1452 bytes: short header, tag, and what a STREAM frame needs. */
const QUIC_OVERHEAD = 1 + 8 + 2 + 16 + 8;

/** Stream data that a link carries at best, bits per millisecond. */
function payloadCapacity(bandwidth: number): number {
  return ((bandwidth / 1000) * (1452 - QUIC_OVERHEAD)) / (1452 + IP_HEADERS);
}

/** Windows of the receiver that are never the limit. */
const WIDE: Partial<TransportConfig> = { initialMaxData: 1 << 26, initialMaxStreamDataBidiLocal: 1 << 26 };

function pairOf(
  seed: number,
  link: Scenario,
  options: Partial<TransportConfig>,
  beside?: TestPair,
): TestPair {
  return new TestPair({
    seed,
    scenario: link,
    clientTransport: { ...WIDE, ...options },
    serverTransport: options,
    ...(beside === undefined ? {} : { beside }),
  });
}

/** Stream data per millisecond in bits over a download of so many bytes, the handshake not counted. */
function goodput(pair: TestPair, bytes: number): number {
  pair.runUntil(() => pair.isEstablished);
  const start = pair.now;
  pair.fetch([bytes], 600_000);
  return (bytes * 8) / (pair.now - start);
}

function recoveryOf(pair: TestPair) {
  const { server } = pair;
  assert.ok(server !== null);
  return server.paths.active.recovery;
}

for (const congestionControl of ['reno', 'cubic', 'bbr']) {
  scenario(
    `C81 ${congestionControl} uses 90 % of a link of 10 Mbit/s, 30 ms, 25 packets for 10 MiB`,
    (seed) => {
      const pair = pairOf(seed, simpleP2p(), { congestionControl });
      const share = goodput(pair, 10 * MIB) / payloadCapacity(10_000_000);
      const { congestion } = recoveryOf(pair);
      assert.equal(congestion.name, congestionControl);
      assert.ok(share >= 0.9 && share <= 1, `${share} of the link`);
    },
  );
}

scenario('C81 bbr is three times as fast as cubic at 20 Mbit/s, 100 ms and 1 % random loss', (seed) => {
  const link = simpleP2p({ bandwidth: 20_000_000, delay: 50, queue: 100, loss: 0.01 });
  const [cubic, bbr] = ['cubic', 'bbr'].map((congestionControl) =>
    goodput(pairOf(seed, link, { congestionControl }), 10 * MIB),
  ) as [number, number];
  assert.ok(bbr >= 3 * cubic, `${bbr} and ${cubic} kbit/s`);
});

/** Starts a download that goes on for longer than any test. */
function download(seed: number, link: LinkOptions, congestionControl: string, beside?: TestPair): TestPair {
  const pair = pairOf(seed, simpleP2p(link), { congestionControl }, beside);
  pair.onAccept = (_server, app) => {
    app.onEnd = (id) => app.write(id, 1024 * MIB);
  };
  pair.onClient = (client) => {
    if (client.state.value !== 'established') return;
    pair.onClient = null;
    pair.clientApp.write(client.streams.openStream('bidi') as number, 1);
  };
  return pair;
}

/** Two downloads on one link that begin `delay` ms apart: the bytes that each got in `duration` ms while both ran. */
function compete(
  seed: number,
  [one, other]: readonly [string, string],
  delay: number,
  duration: number,
): readonly [number, number] {
  const first = download(seed, {}, one);
  first.pair.run(delay);
  const second = download(seed + 1000, {}, other, first);
  first.pair.run(3000);
  const before = [first.clientApp.bytesRead, second.clientApp.bytesRead] as const;
  first.pair.run(duration);
  return [first.clientApp.bytesRead - before[0], second.clientApp.bytesRead - before[1]];
}

scenario('C81 two cubic flows share a link within 60 to 40, whichever came first', (seed) => {
  const [first, second] = compete(seed, ['cubic', 'cubic'], 2000, 60_000);
  const share = first / (first + second);
  assert.ok(share > 0.4 && share < 0.6, `${share} for the first`);
  assert.ok(((first + second) * 8) / 60_000 > 0.9 * payloadCapacity(10_000_000), `${first + second} bytes`);
});

for (const other of ['reno', 'cubic']) {
  scenario(`C81 bbr and ${other} leave each other a part of the link`, (seed) => {
    const [bbr, loss] = compete(seed, ['bbr', other], 1000, 30_000);
    const share = bbr / (bbr + loss);
    assert.ok(share > 0.15 && share < 0.85, `${share} for bbr`);
  });
}

scenario('C81 the controller is switched during a transfer, which goes on and comes whole', (seed) => {
  const pair = pairOf(seed, simpleP2p(), { congestionControl: 'cubic' });
  pair.runUntil(() => pair.isEstablished);
  const start = pair.now;
  const names = ['bbr', 'reno', 'bbr2', 'cubic'];
  let next = 1000;
  pair.onServer = (server, now) => {
    if (now < next || names.length === 0) return;
    const { recovery } = server.paths.active;
    const { window } = recovery.congestion;
    recovery.setCongestionControl(names.shift() as string);
    assert.equal(recovery.congestion.window, window);
    next = now + 1000;
  };
  pair.fetch([10 * MIB]);
  assert.deepEqual(names, []);
  const share = (80 * MIB) / (pair.now - start) / payloadCapacity(10_000_000);
  assert.ok(share > 0.85, `${share} of the link`);
});

for (const congestionControl of ['reno', 'cubic', 'bbr']) {
  scenario(
    `C84 RFC 9000 §13.4.2 ${congestionControl} answers CE marks, so that nothing need be dropped`,
    (seed) => {
      // Without marks bbr fills 36 places of the queue, and leaves Startup before an answer to marks above 20 comes back.
      const link = simpleP2p({ queue: 100, markAbove: congestionControl === 'bbr' ? 10 : 20 });
      const pair = pairOf(seed, link, { congestionControl, ecn: true });
      const share = goodput(pair, 4 * MIB) / payloadCapacity(10_000_000);
      const { ecn } = recoveryOf(pair);
      assert.equal(ecn.state, 'capable');
      const { counters } = pair.pair.toClient;
      assert.ok(
        counters.ceMarked > 0 && ecn.ceCount === counters.ceMarked,
        `${ecn.ceCount} of ${counters.ceMarked}`,
      );
      assert.equal(counters.dropped.queue, 0);
      // What the queue is like where nobody asks for marks.
      const unmarked = pairOf(seed, link, { congestionControl });
      goodput(unmarked, 4 * MIB);
      const { longestQueue } = unmarked.pair.toClient.counters;
      assert.ok(
        counters.longestQueue < 0.8 * longestQueue,
        `${counters.longestQueue} packets, ${longestQueue} without marks`,
      );
      assert.ok(share > 0.85, `${share} of the link`);
    },
  );
}

const MANGLERS: readonly (readonly [string, LinkOptions])[] = [
  ['clears marks', { ecn: 'bleach' }],
  ['turns ECT(0) into ECT(1)', { ecn: (ecn) => (ecn === 2 ? 1 : ecn) }],
  ['marks every packet CE', { ecn: (ecn) => (ecn === 0 ? 0 : 3) }],
];

for (const [what, options] of MANGLERS) {
  scenario(`C84 RFC 9000 §13.4.2 on a path that ${what} ECN is given up and the transfer goes on`, (seed) => {
    const pair = pairOf(seed, simpleP2p(options), { ecn: true });
    goodput(pair, MIB);
    assert.equal(recoveryOf(pair).ecn.state, 'failed');
    assert.equal(pair.client.paths.active.recovery.ecn.state, 'failed');
    assert.equal(pair.clientApp.whole, 1);
  });
}

scenario(
  'C84 RFC 9000 §13.4.2 on a path that drops what is marked the connection comes about without marks',
  (seed) => {
    const drops = (packet: { ecn: number }) => packet.ecn !== 0;
    const pair = pairOf(seed, simpleP2p({ drop: drops }), { ecn: true });
    goodput(pair, MIB);
    assert.equal(pair.client.paths.active.recovery.ecn.state, 'failed');
    assert.equal(pair.clientApp.whole, 1);
  },
);

for (const congestionControl of ['reno', 'cubic', 'bbr']) {
  scenario(`C80 ${congestionControl} takes reductions back that mere reordering caused`, (seed) => {
    const link = simpleP2p({ queue: 1000, reordering: 0.005, reorderDelay: 12 });
    const pair = pairOf(seed, link, { congestionControl });
    const share = goodput(pair, 4 * MIB) / payloadCapacity(10_000_000);
    const { counters, undoCount } = recoveryOf(pair);
    assert.ok(counters.packetsSpuriouslyLost > 0 && undoCount > 0, `${undoCount} undone`);
    assert.ok(share > 0.9, `${share} of the link`);
  });
}

scenario(
  'C82 RFC 9002 §7.7 while bbr cruises, packets enter the link at its rate, within a tenth',
  (seed) => {
    const pair = pairOf(seed, simpleP2p(), { congestionControl: 'bbr' });
    pair.runUntil(() => pair.isEstablished);
    const { toClient } = pair.pair;
    const recovery = recoveryOf(pair);
    let first = Number.NaN;
    let last = Number.NaN;
    let bytes = 0;
    let rate = 0;
    const gaps: number[] = [];
    toClient.options = {
      ...toClient.options,
      drop: (packet) => {
        const { congestion } = recovery;
        if (!(congestion instanceof Bbr) || congestion.state !== 'cruise' || packet.time < 1000) return false;
        rate = recovery.pacingRate;
        if (Number.isNaN(first)) first = packet.time;
        else if (packet.time - last > 100) first = Number.POSITIVE_INFINITY;
        else if (packet.time < first + 500) {
          bytes += packet.bytes.length;
          gaps.push(packet.time - last);
        }
        last = packet.time;
        return false;
      },
    };
    pair.fetch([4 * MIB]);
    const measured = bytes / gaps.reduce((sum, gap) => sum + gap, 0);
    assert.ok(gaps.length > 100 && Math.abs(measured / rate - 1) < 0.1, `${measured} for ${rate}`);
    assert.ok(Math.max(...gaps) < (3 * 1452) / rate, 'no pauses, so no bursts either');
  },
);
