import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeliveryRate } from '../../../src/recovery/delivery-rate.ts';
import { Harness } from './support.ts';

const OPTIONS = { initialWindowPackets: 1000, maxDatagramSize: 1000, pacing: false };

/** Packets of 1000 bytes, one each millisecond, acknowledged after 50 ms. Calls `each` after every ACK. */
function steady(harness: Harness, until: number, each: (now: number) => void = () => {}): void {
  for (let now = 0; now < until; now++) {
    harness.send(now, { size: 1000 });
    if (now < 50) continue;
    harness.ack(now, [[0, now - 50]]);
    each(now);
  }
}

test('draft-ietf-ccwg-bbr §4.1 the rate is what was delivered over a round trip', () => {
  const harness = new Harness({}, OPTIONS);
  steady(harness, 300);
  const { rate } = harness.path;
  assert.ok(Math.abs(rate.latest - 1000) < 25, String(rate.latest));
  assert.equal(harness.path.deliveryRate, rate.latest);
  assert.ok(rate.highest >= rate.latest && rate.highest < 1100);
  assert.equal(harness.path.maxBandwidth, rate.highest);
  assert.equal(rate.delivered, 250_000);
});

test('draft-ietf-ccwg-bbr §4.1.1.3 ACKs that come bunched do not raise the rate', () => {
  const harness = new Harness({}, OPTIONS);
  let acked = -1;
  for (let now = 0; now < 300; now++) {
    harness.send(now, { size: 1000 });
    // The path holds ACKs back for 20 ms, and lets them go at once, one by one.
    if (now < 50 || now % 20 !== 0) continue;
    while (acked < now - 50) {
      acked++;
      harness.ack(now, [[0, acked]]);
    }
  }
  assert.ok(harness.path.rate.highest < 1450, String(harness.path.rate.highest));
});

test('draft-ietf-ccwg-bbr §4.1.1.4 samples are marked while the application is the limit, and not for long after', () => {
  const harness = new Harness({}, OPTIONS);
  const { path } = harness;
  steady(harness, 100);
  assert.equal(path.rate.isAppLimited, false);
  path.noteAppLimited();
  const mark = path.rate.appLimitedUntil;
  assert.equal(mark, path.rate.delivered + path.bytesInFlight);
  const limited = harness.send(100, { size: 1000 });
  harness.ack(150, [[0, limited]]);
  assert.equal(path.rate.isAppLimited, true);
  assert.equal(path.rate.appLimitedUntil, 0, 'everything up to there was delivered');
  const free = harness.send(151, { size: 1000 });
  harness.ack(201, [[0, free]]);
  assert.equal(path.rate.isAppLimited, false);
});

test('draft-ietf-ccwg-bbr §4.1.2.4 a sender without room in the window is not limited by the application', () => {
  const harness = new Harness({}, { ...OPTIONS, initialWindowPackets: 2 });
  for (let i = 0; i < 2; i++) harness.send(0, { size: 1000 });
  harness.path.noteAppLimited();
  assert.equal(harness.path.rate.appLimitedUntil, 0);
});

test('draft-ietf-ccwg-bbr §4.1.2.3 a sample tells what was in flight and lost around its packet', () => {
  const harness = new Harness({}, OPTIONS);
  for (let i = 0; i < 6; i++) harness.send(i, { size: 1000 });
  harness.ack(50, [[4, 4]]);
  const { rate } = harness.path;
  assert.equal(rate.sentInFlight, 5000);
  assert.equal(rate.lostSince, 2000, 'the first two count as lost');
  assert.equal(rate.lost, 2000);
  harness.ack(51, [[4, 5]]);
  assert.equal(rate.lostSince, 3000, 'and now the third');
  const next = harness.send(60, { size: 1000 });
  harness.ack(110, [[4, next]]);
  assert.equal(rate.lostSince, 1000, 'the fourth was lost after it left');
});

test('RFC 9000 §14.4 a lost MTU probe is no loss of the path', () => {
  const harness = new Harness({}, OPTIONS);
  harness.send(0, { size: 1000, isMtuProbe: true });
  for (let i = 0; i < 4; i++) harness.send(1, { size: 1000 });
  harness.ack(50, [[1, 4]]);
  assert.equal(harness.path.counters.packetsLost, 1);
  assert.equal(harness.path.rate.lost, 0);
});

test('draft-ietf-ccwg-bbr §4.1.2.3 a sample over less than a round trip is not believed', () => {
  const rate = new DeliveryRate();
  rate.onSent(0, 0);
  rate.onDelivered(10, 1000);
  rate.take(10, 0, 0, 0, 0, 1000, 0, false, 10.1);
  assert.equal(rate.rate, 0);
  assert.equal(rate.latest, 0);
  rate.take(10, 0, 0, 0, 0, 1000, 0, false, 10);
  assert.equal(rate.latest, 100);
});
