import assert from 'node:assert/strict';
import { seededRandom } from '../../src/crypto/random.ts';
import { type PairOptions, TestPair } from '../support/core-pair.ts';
import { scenario } from '../support/scenario.ts';

/** First bytes of all short header packets that each side sends, in order, with their times. */
function watchShort(pair: TestPair): { client: [number, number][]; server: [number, number][] } {
  const seen = { client: [] as [number, number][], server: [] as [number, number][] };
  pair.pair.network.tap(({ kind, link, bytes }) => {
    const first = bytes[0] as number;
    if (kind !== 'sent' || (first & 0x80) !== 0) return;
    (link === 'client>server' ? seen.client : seen.server).push([first, pair.now]);
  });
  return seen;
}

const SPINNING = { clientTransport: { spinBit: true }, serverTransport: { spinBit: true } };

/** A pair with a spin bit on both sides, which one path in 8 has not. */
function spinningPair(seed: number, options: Partial<PairOptions> = SPINNING): TestPair {
  for (let i = 0; ; i++) {
    const pair = new TestPair({ seed: seed + i, ...options });
    pair.runUntil(() => pair.isEstablished);
    const has = (core: typeof pair.client | null) => core?.paths.active.spin !== null;
    if (has(pair.client) === (options.clientTransport !== undefined) && has(pair.server)) return pair;
  }
}

scenario('C85 RFC 9000 §17.4 the spin bit changes once in a round trip, on both sides', (seed) => {
  const pair = spinningPair(seed);
  const seen = watchShort(pair);
  pair.fetch([200_000]);
  // The spin bit is not under the mask of header protection (RFC 9001 §5.4.1).
  const flips = (packets: [number, number][]) => {
    const times: number[] = [];
    for (let i = 1; i < packets.length; i++)
      if (((packets[i]?.[0] ?? 0) ^ (packets[i - 1]?.[0] ?? 0)) & 0x20) times.push(packets[i]?.[1] ?? 0);
    return times;
  };
  for (const side of [seen.client, seen.server]) {
    const times = flips(side);
    assert.ok(times.length >= 3, `${times.length} changes`);
    for (let i = 1; i < times.length; i++)
      assert.ok(
        (times[i] as number) - (times[i - 1] as number) >= 30,
        'no faster than the round trip of 30 ms',
      );
  }
});

scenario('C85 RFC 9000 §17.4 without the option the spin bit stays 0', (seed) => {
  const pair = new TestPair({ seed });
  const seen = watchShort(pair);
  pair.fetch([100_000]);
  assert.ok([...seen.client, ...seen.server].every(([first]) => (first & 0x20) === 0));
});

scenario('C85 RFC 9000 §17.4 one path in 16 has no spin bit though it is enabled', (seed) => {
  let without = 0;
  for (let i = 0; i < 320; i++) {
    const { client } = new TestPair({ seed: seed * 1000 + i, ...SPINNING });
    if (client.paths.active.spin === null) without++;
  }
  assert.ok(without >= 5 && without <= 45, `${without} of 320`);
});

scenario(
  'C29 RFC 9287 §3.1 where both sides take it the fixed bit is random, and nothing is lost for it',
  (seed) => {
    const pair = new TestPair({ seed, client: { greaseQuicBit: true }, server: { greaseQuicBit: true } });
    const seen = watchShort(pair);
    pair.fetch([100_000]);
    for (const side of [seen.client, seen.server]) {
      const cleared = side.filter(([first]) => (first & 0x40) === 0).length;
      assert.ok(cleared > side.length / 5 && cleared < (side.length * 4) / 5, `${cleared} of ${side.length}`);
    }
    for (const core of [pair.client, pair.server]) assert.equal(core?.recovery.counters.packetsLost, 0);
  },
);

for (const sides of [{ client: { greaseQuicBit: true } }, { server: { greaseQuicBit: true } }]) {
  const [side] = Object.keys(sides);
  scenario(`C29 RFC 9287 §3.1 with the ${side} alone the fixed bit stays 1 on both sides`, (seed) => {
    const pair = new TestPair({ seed, ...sides });
    const seen = watchShort(pair);
    pair.fetch([100_000]);
    assert.ok([...seen.client, ...seen.server].every(([first]) => (first & 0x40) !== 0));
    const { client, server } = pair;
    assert.equal(server?.remoteParameters.greaseQuicBit, side === 'client');
    assert.equal(client.remoteParameters.greaseQuicBit, side === 'server');
  });
}

scenario(
  'C29 RFC 9000 §17.3.1 who did not say that it takes packets without the fixed bit drops them',
  (seed) => {
    const pair = new TestPair({ seed });
    pair.runUntil(() => pair.isEstablished);
    pair.pair.run(500);
    const { client, server } = pair;
    const before = server?.paths.active.packetsReceived ?? 0;
    const seen = watchShort(pair);
    client.header.quicBit = seededRandom(`${seed} bits`);
    pair.fetch([100_000]);
    pair.pair.run(500);
    const received = (server?.paths.active.packetsReceived ?? 0) - before;
    const cleared = seen.client.filter(([first]) => (first & 0x40) === 0).length;
    assert.ok(cleared > 5 && received > 5);
    assert.equal(received, seen.client.length - cleared);
  },
);
