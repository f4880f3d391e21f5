import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../../../src/crypto/random.ts';
import { LinkDirection, type LinkOptions, type Verdict } from '../../../src/sim/link.ts';

function makeLink(options: LinkOptions, seed: number | string = 1): LinkDirection {
  return new LinkDirection('a>b', options, seededRandom(seed));
}

/** Sends `count` datagrams, one every `spacing` ms, and gives the verdicts. */
function sendMany(link: LinkDirection, count: number, spacing = 0, size = 1000, ecn = 0): Verdict[] {
  return Array.from({ length: count }, (_, i) => ({
    ...link.enter(new Uint8Array(size), 28, ecn, i * spacing),
  }));
}

function longestRun(values: readonly boolean[]): number {
  let longest = 0;
  let run = 0;
  for (const value of values) {
    run = value ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return longest;
}

test('by default everything arrives at once and unharmed', () => {
  for (const verdict of sendMany(makeLink({}), 100)) {
    assert.deepEqual(verdict, {
      drop: null,
      arrival: 0,
      secondArrival: null,
      ecn: 0,
      corruptAt: -1,
      corruptTo: 0,
    });
  }
});

test('the delay is exact', () => {
  const arrivals = sendMany(makeLink({ delay: 15.25 }), 3, 10).map(({ arrival }) => arrival);
  assert.deepEqual(arrivals, [15.25, 25.25, 35.25]);
});

test('jitter stays below its bound, varies, and keeps the order', () => {
  const verdicts = sendMany(makeLink({ delay: 10, jitter: 5 }), 1000, 1);
  const extra = verdicts.map(({ arrival }, i) => arrival - i - 10);
  assert.ok(extra.every((ms) => ms >= 0 && ms < 5 + 1e-9));
  assert.ok(Math.max(...extra) > 4 && Math.min(...extra) < 1);
  assert.ok(verdicts.every(({ arrival }, i) => i === 0 || arrival >= verdicts[i - 1].arrival));
});

test('datagrams follow each other as the bandwidth allows, headers included', () => {
  // 1222 + 28 bytes are 10,000 bits: 1 ms at 10 Mbit/s.
  const link = makeLink({ bandwidth: 10_000_000, delay: 15 });
  assert.deepEqual(
    sendMany(link, 4, 0, 1222).map(({ arrival }) => arrival),
    [16, 17, 18, 19],
  );
  // The link is free again at 4 ms, so a later one waits for nobody.
  assert.equal(link.enter(new Uint8Array(1222), 28, 0, 10).arrival, 26);
  assert.equal(link.enter(new Uint8Array(1202), 48, 0, 10.5).arrival, 27);
});

test('the queue drops at its tail: one on the wire, 25 waiting, no more', () => {
  const link = makeLink({ bandwidth: 10_000_000, queue: 25 });
  const drops = sendMany(link, 30, 0, 1222).map(({ drop }) => drop);
  assert.deepEqual(drops, [...Array(26).fill(null), ...Array(4).fill('queue')]);
  assert.equal(link.counters.longestQueue, 25);
  assert.equal(link.counters.dropped.queue, 4);
  // After 2.5 ms two more have begun to be sent, so there is room for two.
  const later = Array.from({ length: 3 }, () => link.enter(new Uint8Array(1222), 28, 0, 2.5).drop);
  assert.deepEqual(later, [null, null, 'queue']);
});

test('a queue of none still lets one datagram through at a time', () => {
  const link = makeLink({ bandwidth: 10_000_000, queue: 0 });
  assert.deepEqual(
    sendMany(link, 2, 0, 1222).map(({ drop }) => drop),
    [null, 'queue'],
  );
  assert.equal(link.enter(new Uint8Array(10), 28, 0, 1).drop, null);
});

test('the loss rate is what was asked for, whatever the seed', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const lost = sendMany(makeLink({ loss: 0.3 }, seed), 5000).filter(({ drop }) => drop === 'loss').length;
      assert.ok(lost > 1300 && lost < 1700, `${lost} of 5000`);
    }),
    { numRuns: 20 },
  );
});

test('losses come at most so many in a row, and that often', () => {
  const lost = sendMany(makeLink({ loss: 0.6, lossBurst: 3 }), 5000).map(({ drop }) => drop === 'loss');
  assert.equal(longestRun(lost), 3);
  assert.ok(longestRun(sendMany(makeLink({ loss: 0.6 }), 5000).map(({ drop }) => drop === 'loss')) > 5);
});

test('a loss of 1 with a burst bound lets every fourth through', () => {
  const drops = sendMany(makeLink({ loss: 1, lossBurst: 3 }), 8).map(({ drop }) => drop);
  assert.deepEqual(drops, ['loss', 'loss', 'loss', null, 'loss', 'loss', 'loss', null]);
});

test('corruption changes one byte among the first 50 to another value', () => {
  const link = makeLink({ corruption: 0.3, corruptionBurst: 2 });
  const places = new Set<number>();
  const hits: boolean[] = [];
  for (let i = 0; i < 5000; i++) {
    const bytes = new Uint8Array(1200).fill(i);
    const { corruptAt, corruptTo } = link.enter(bytes, 28, 0, 0);
    hits.push(corruptAt >= 0);
    if (corruptAt < 0) continue;
    places.add(corruptAt);
    assert.notEqual(corruptTo, bytes[corruptAt]);
    assert.ok(corruptTo >= 0 && corruptTo <= 255);
  }
  assert.deepEqual(
    [...places].sort((a, b) => a - b),
    Array.from({ length: 50 }, (_, i) => i),
  );
  assert.equal(longestRun(hits), 2);
  assert.equal(link.counters.corrupted, hits.filter(Boolean).length);
  const short = makeLink({ corruption: 1 });
  for (let i = 0; i < 100; i++) assert.ok(short.enter(new Uint8Array(3), 28, 0, 0).corruptAt < 3);
  assert.equal(short.enter(new Uint8Array(0), 28, 0, 0).corruptAt, -1);
});

test('a duplicate arrives after the first by the delay asked for', () => {
  const verdicts = sendMany(makeLink({ delay: 5, duplication: 0.5, duplicateDelay: 3 }), 1000);
  const doubled = verdicts.filter(({ secondArrival }) => secondArrival !== null);
  assert.ok(doubled.length > 400 && doubled.length < 600);
  for (const { secondArrival } of doubled) assert.equal(secondArrival, 8);
});

test('a reordered datagram is overtaken by those sent within its delay', () => {
  const verdicts = sendMany(makeLink({ delay: 5, reordering: 0.2, reorderDelay: 7 }), 1000, 1);
  const held = verdicts.filter(({ arrival }, i) => arrival === i + 12);
  assert.ok(held.length > 140 && held.length < 260);
  assert.ok(verdicts.every(({ arrival }, i) => arrival === i + 5 || arrival === i + 12));
  assert.ok(verdicts.some(({ arrival }, i) => i > 0 && arrival < verdicts[i - 1].arrival));
});

test('datagrams above the MTU vanish, those of exactly its size do not', () => {
  const link = makeLink({ mtu: 1500 });
  assert.equal(link.enter(new Uint8Array(1472), 28, 0, 0).drop, null);
  assert.equal(link.enter(new Uint8Array(1473), 28, 0, 0).drop, 'mtu');
  assert.equal(link.enter(new Uint8Array(1453), 48, 0, 0).drop, 'mtu');
});

test('a blackhole is on, then off, as often as asked', () => {
  const dark = (options: LinkOptions, times: readonly number[]) => {
    const link = makeLink(options);
    return times.map((now) => link.enter(new Uint8Array(1), 28, 0, now).drop === 'blackhole');
  };
  const times = [0, 4999, 5000, 6999, 7000, 11_999, 12_000, 13_999, 14_000, 19_500];
  const once = [false, false, true, true, false, false, false, false, false, false];
  const twice = [false, false, true, true, false, false, true, true, false, false];
  const always = [false, false, true, true, false, false, true, true, false, true];
  assert.deepEqual(dark({ blackhole: { on: 5000, off: 2000 } }, times), once);
  assert.deepEqual(dark({ blackhole: { on: 5000, off: 2000, repeat: 2 } }, times), twice);
  assert.deepEqual(dark({ blackhole: { on: 5000, off: 2000, repeat: Infinity } }, times), always);
  assert.deepEqual(dark({ blackhole: { start: 10, on: 0, off: Infinity } }, [9, 10, 1e9]), [
    false,
    true,
    true,
  ]);
});

test('scripted drops count from 1 per direction, or ask a predicate', () => {
  const drops = sendMany(makeLink({ drop: [2, 5] }), 6).map(({ drop }) => drop);
  assert.deepEqual(drops, [null, 'script', null, null, 'script', null]);
  const link = makeLink({ drop: ({ bytes, index, time }) => bytes[0] === 7 && index > 1 && time === 3 });
  const sent = (first: number, now: number) => link.enter(Uint8Array.of(first), 28, 0, now).drop;
  assert.deepEqual([sent(7, 3), sent(7, 3), sent(8, 3), sent(7, 4)], [null, 'script', null, null]);
});

test('ECN bits are kept, bleached, changed, or marked when the queue grows', () => {
  const pass = (options: LinkOptions, ecn: number) =>
    makeLink(options).enter(new Uint8Array(9), 28, ecn, 0).ecn;
  assert.deepEqual(
    [0, 1, 2, 3].map((ecn) => pass({}, ecn)),
    [0, 1, 2, 3],
  );
  assert.deepEqual(
    [0, 1, 2, 3].map((ecn) => pass({ ecn: 'bleach' }, ecn)),
    [0, 0, 0, 0],
  );
  assert.equal(pass({ ecn: (ecn) => ecn ^ 3 }, 2), 1);
  const congested = makeLink({ bandwidth: 10_000_000, markAbove: 2 });
  assert.deepEqual(
    sendMany(congested, 6, 0, 1222, 2).map(({ ecn }) => ecn),
    [2, 2, 2, 3, 3, 3],
  );
  assert.equal(congested.counters.ceMarked, 3);
  const notCapable = makeLink({ bandwidth: 10_000_000, markAbove: 0 });
  assert.deepEqual(
    sendMany(notCapable, 3, 0, 1222, 0).map(({ ecn }) => ecn),
    [0, 0, 0],
  );
});

test('options can change on the way', () => {
  const link = makeLink({});
  assert.equal(link.enter(new Uint8Array(1), 28, 0, 0).drop, null);
  link.options = { loss: 1 };
  assert.equal(link.enter(new Uint8Array(1), 28, 0, 0).drop, 'loss');
});

test('the same seed gives the same fates, another seed others', () => {
  const options: LinkOptions = { loss: 0.1, corruption: 0.1, duplication: 0.1, reordering: 0.1, jitter: 3 };
  const run = (seed: number) => JSON.stringify(sendMany(makeLink(options, seed), 300, 1));
  assert.equal(run(5), run(5));
  assert.notEqual(run(5), run(6));
});
