import assert from 'node:assert/strict';
import { simpleP2p } from '../../src/sim/scenarios.ts';
import { TestPair } from '../support/core-pair.ts';
import { scenario } from '../support/scenario.ts';

/** IPv4 and UDP headers. */
const HEADERS = 28;

scenario('C83 RFC 9000 §14.3 datagrams grow to 1452 bytes on both sides', (seed) => {
  const pair = new TestPair({ seed });
  let largest = 0;
  pair.pair.network.tap(({ kind, bytes }) => {
    if (kind === 'sent') largest = Math.max(largest, bytes.length);
  });
  pair.fetch([100_000]);
  pair.pair.run(1000);
  assert.equal(pair.client.paths.active.mtu, 1452);
  assert.equal(pair.server?.paths.active.mtu, 1452);
  assert.equal(largest, 1452);
});

scenario('C83 RFC 9000 §14.1 nothing above 1200 bytes leaves before the handshake is confirmed', (seed) => {
  const pair = new TestPair({ seed });
  let largest = 0;
  pair.pair.network.tap(({ kind, link, bytes }) => {
    if (kind === 'sent' && link === 'client>server') largest = Math.max(largest, bytes.length);
  });
  pair.runUntil(() => pair.client.state.value === 'established');
  assert.equal(largest, 1200);
});

scenario("C83 RFC 9000 §18.2 the peer's max_udp_payload_size is the ceiling", (seed) => {
  const pair = new TestPair({ seed, clientTransport: { maxRecvUdpPayloadSize: 1300 } });
  let largest = 0;
  pair.pair.network.tap(({ kind, link, bytes }) => {
    if (kind === 'sent' && link === 'server>client') largest = Math.max(largest, bytes.length);
  });
  pair.fetch([100_000]);
  pair.pair.run(1000);
  assert.equal(pair.server?.paths.active.mtu, 1300);
  assert.equal(largest, 1300);
});

for (const carries of [1452, 1400, 1327, 1250, 1200]) {
  scenario(`C83 RFC 8899 §5.3 a path of ${carries} bytes is found where 1500 may be sent`, (seed) => {
    const transport = { maxSendUdpPayloadSize: 1500 };
    const pair = new TestPair({
      seed,
      clientTransport: transport,
      serverTransport: transport,
      scenario: simpleP2p({ mtu: carries + HEADERS }),
    });
    pair.fetch([300_000]);
    pair.pair.run(5_000);
    const mtu = pair.server?.paths.active.mtu as number;
    assert.ok(mtu <= carries && mtu > carries - 20, `${mtu} bytes`);
    // Found means the end of it: nothing vanishes any more.
    const lost = pair.pair.toClient.counters.dropped.mtu;
    pair.fetch([300_000]);
    assert.equal(pair.pair.toClient.counters.dropped.mtu, lost);
    assert.ok(lost <= 18, `${lost} probes lost`);
  });
}

scenario('C83 RFC 9002 §7 a lost probe of the MTU does not count as congestion', (seed) => {
  const transport = { maxSendUdpPayloadSize: 1500 };
  const pair = new TestPair({
    seed,
    clientTransport: transport,
    serverTransport: transport,
    scenario: simpleP2p({ mtu: 1300 + HEADERS, queue: 1000 }),
  });
  pair.fetch([60_000]);
  assert.ok(pair.pair.toClient.counters.dropped.mtu > 0);
  assert.equal(pair.server?.paths.active.recovery.congestion.slowStartThreshold, Number.POSITIVE_INFINITY);
});

scenario('C83 an idle connection sends its probes and comes to rest', (seed) => {
  const transport = { maxSendUdpPayloadSize: 9000, maxIdleTimeout: 0 };
  const pair = new TestPair({
    seed,
    clientTransport: transport,
    serverTransport: transport,
    scenario: simpleP2p({ mtu: 1452 + HEADERS }),
  });
  pair.runUntil(() => pair.isEstablished);
  pair.pair.runUntilIdle();
  assert.ok(pair.pair.toClient.counters.entered < 100);
});

/** Swallows datagrams above a size from now on, both ways. */
function shrink(pair: TestPair, carries: number): void {
  for (const link of [pair.pair.toClient, pair.pair.toServer]) {
    link.options = { ...link.options, mtu: carries + HEADERS };
  }
}

for (const carries of [1200, 1350]) {
  scenario(
    `C83 RFC 8899 §4.3 a path shrinks to ${carries} bytes in a transfer: black hole, 1200, search`,
    (seed) => {
      const pair = new TestPair({ seed });
      pair.fetch([300_000]);
      pair.pair.run(1000);
      assert.equal(pair.server?.paths.active.mtu, 1452);
      shrink(pair, carries);
      let least = 1452;
      pair.onServer = (server) => {
        least = Math.min(least, server.paths.active.mtu);
      };
      const before = pair.now;
      pair.fetch([2_000_000], 30_000);
      assert.ok(pair.now - before < 8_000, `took ${pair.now - before} ms`);
      assert.equal(least, 1200);
      pair.pair.run(3000);
      const mtu = pair.server?.paths.active.mtu as number;
      assert.ok(mtu <= carries && mtu > carries - 20, `${mtu} bytes`);
      const lost = pair.pair.toClient.counters.dropped.mtu;
      pair.fetch([300_000]);
      assert.equal(pair.pair.toClient.counters.dropped.mtu, lost, 'nothing vanishes any more');
    },
  );
}

scenario('C83 RFC 8899 §5.1.1 a path that got wider again is found so after ten minutes', (seed) => {
  const pair = new TestPair({ seed, clientTransport: { keepAlive: 5_000 } });
  pair.fetch([300_000]);
  shrink(pair, 1300);
  pair.fetch([2_000_000]);
  shrink(pair, 1500);
  pair.fetch([300_000]);
  assert.ok((pair.server?.paths.active.mtu as number) <= 1300);
  pair.pair.run(601_000);
  pair.fetch([300_000]);
  pair.pair.run(1000);
  assert.equal(pair.server?.paths.active.mtu, 1452);
});

scenario('C83 a revalidated path is asked for its present size first, and for more afterwards', (seed) => {
  const pair = new TestPair({ seed });
  pair.fetch([300_000]);
  pair.pair.run(1000);
  const { server } = pair;
  assert.ok(server !== null);
  const revalidate = () => {
    server.mtu.revalidate(server.paths.active);
    server.control.ping();
    pair.wake();
    pair.pair.run(5000);
  };
  revalidate();
  assert.equal(server.paths.active.mtu, 1452);
  // Without any data that would show it.
  shrink(pair, 1300);
  revalidate();
  const { mtu } = server.paths.active;
  assert.ok(mtu <= 1300 && mtu > 1280, `${mtu} bytes`);
  shrink(pair, 1500);
  revalidate();
  assert.equal(server.paths.active.mtu, 1452);
});

scenario('C83 heavy random loss is no black hole', (seed) => {
  const pair = new TestPair({ seed, scenario: simpleP2p({ loss: 0.15 }) });
  let least = 1452;
  pair.fetch([300_000]);
  pair.pair.run(2000);
  assert.equal(pair.server?.paths.active.mtu, 1452);
  pair.onServer = (server) => {
    least = Math.min(least, server.paths.active.mtu);
  };
  pair.fetch([1_000_000], 120_000);
  assert.equal(least, 1452);
});

scenario('C83 as many probes of a size are sent as the option says', (seed) => {
  for (const pmtudMaxProbes of [1, 5]) {
    const transport = { maxSendUdpPayloadSize: 1452, pmtudMaxProbes };
    const pair = new TestPair({
      seed,
      clientTransport: transport,
      serverTransport: transport,
      scenario: simpleP2p({ mtu: 1220 + HEADERS }),
    });
    let probes = 0;
    pair.pair.network.tap(({ kind, link, bytes }) => {
      if (kind === 'sent' && link === 'client>server' && bytes.length === 1452) probes++;
    });
    pair.fetch([300_000]);
    pair.pair.run(10_000);
    assert.equal(probes, pmtudMaxProbes);
  }
});
