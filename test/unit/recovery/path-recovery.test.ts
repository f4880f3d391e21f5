import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PathRecovery } from '../../../src/recovery/path-recovery.ts';
import { Harness } from './support.ts';

test('RFC 9002 §7 the window less what is in flight may be sent', () => {
  const path = new PathRecovery();
  assert.equal(path.windowRoom, 12_000);
  assert.equal(path.sendAllowance(0), 12_000);
  for (let i = 0; i < 9; i++) path.onSent(0, 1200);
  assert.equal(path.windowRoom, 1200);
  assert.equal(path.timeToSend(0), 0);
  path.onSent(0, 1200);
  assert.equal(path.windowRoom, 0);
  assert.equal(path.sendAllowance(0), 0);
  assert.equal(path.timeToSend(0), Number.POSITIVE_INFINITY);
  path.onSent(0, 1200);
  assert.equal(path.windowRoom, 0, 'a probe may exceed the window');
  path.onDelivered(10, 1200);
  path.onLost(1200);
  path.onDiscarded(1200);
  assert.equal(path.bytesInFlight, 8 * 1200);
});

test('RFC 9002 §7.7 what the window lets go is paced by 1.25 windows per round trip after slow start', () => {
  const path = new PathRecovery({ initialWindowPackets: 100 });
  path.rtt.update(100, 0, 0);
  path.congestion.onCongestionEvent(0, -1);
  assert.equal(path.congestion.window, 84_000);
  assert.equal(path.pacingRate, (1.25 * 84_000) / 100);
  assert.equal(path.sendAllowance(0), 12_000);
  for (let i = 0; i < 10; i++) path.onSent(0, 1200);
  assert.equal(path.sendAllowance(0), 0);
  assert.equal(path.timeToSend(0), 1200 / 1050);
  const unpaced = new PathRecovery({ initialWindowPackets: 100, pacing: false });
  for (let i = 0; i < 10; i++) unpaced.onSent(0, 1200);
  assert.equal(unpaced.sendAllowance(0), 108_000);
  assert.equal(unpaced.timeToSend(0), 0);
});

test('RFC 9002 §7.7 in slow start the rate runs ahead of the window that doubles', () => {
  const path = new PathRecovery();
  path.rtt.update(100, 0, 0);
  assert.equal(path.pacingRate, 240);
});

test('RFC 9002 §7.7 a link without delay has a finite rate', () => {
  const path = new PathRecovery();
  path.rtt.update(0, 0, 0);
  path.onSent(0, 1200);
  path.onSent(1, 1200);
  assert.ok(Number.isFinite(path.pacingRate));
  assert.equal(path.timeToSend(1), 1);
});

test('RFC 9002 §7.8 the window grows only where it was the limit', () => {
  const sparse = new Harness();
  for (let round = 0; round < 50; round++) {
    const n = sparse.send(round * 100);
    sparse.ack(round * 100 + 50, [[n, n]]);
  }
  assert.equal(sparse.path.congestion.window, 12_000);

  const full = new Harness();
  for (let i = 0; i < 10; i++) full.send(0);
  full.ack(50, [[0, 9]]);
  assert.equal(full.path.congestion.window, 24_000);
});

test('RFC 9002 §7.8 all ACKs of one turn count against the same full window', () => {
  const harness = new Harness();
  for (let i = 0; i < 10; i++) harness.send(0);
  for (let i = 0; i < 10; i += 2) harness.ack(50, [[0, i + 1]]);
  assert.equal(harness.path.congestion.window, 24_000);
});

test('RFC 9002 §7.8 a sender that only the pacer held back is not limited by the application', () => {
  const harness = new Harness();
  for (let i = 0; i < 5; i++) harness.send(0);
  harness.path.noteBlocked(1);
  harness.ack(50, [[0, 4]]);
  assert.equal(harness.path.congestion.window, 18_000);
});

test('C81 another controller takes over while data is in flight, and goes on from the window', () => {
  const path = new PathRecovery();
  assert.equal(path.congestion.name, 'cubic');
  path.onSent(0, 1200);
  path.congestion.onCongestionEvent(10, 0);
  const { window, slowStartThreshold } = path.congestion;
  path.setCongestionControl('reno');
  assert.equal(path.congestion.name, 'reno');
  assert.equal(path.congestion.window, window);
  assert.equal(path.congestion.slowStartThreshold, slowStartThreshold);
  assert.equal(path.bytesInFlight, 1200);
  assert.throws(() => path.setCongestionControl('vegas'), { code: 'ERR_INVALID_ARG_VALUE' });
  assert.equal(path.congestion.name, 'reno');
  assert.throws(() => new PathRecovery({ congestionControl: 'bic' }), { code: 'ERR_INVALID_ARG_VALUE' });
});

test('the rate of delivery is measured over a round trip', () => {
  const harness = new Harness({}, { initialWindowPackets: 1000, maxDatagramSize: 1000, pacing: false });
  // A packet each millisecond, a round trip of 50 ms: 1000 bytes per millisecond.
  for (let now = 0; now < 300; now++) {
    harness.send(now, { size: 1000 });
    if (now >= 50) harness.ack(now, [[0, now - 50]]);
  }
  assert.ok(Math.abs(harness.path.deliveryRate - 1000) < 25, String(harness.path.deliveryRate));
});

test('counters tell packets and bytes of the path', () => {
  const harness = new Harness();
  for (let i = 0; i < 6; i++) harness.send(0, { size: 1000 + i });
  harness.send(0, { ackEliciting: false });
  harness.ack(50, [[4, 5]]);
  assert.deepEqual(
    { ...harness.path.counters },
    {
      packetsSent: 6,
      packetsAcked: 2,
      packetsLost: 3,
      packetsSpuriouslyLost: 0,
      bytesSent: 6015,
      bytesAcked: 2009,
      bytesLost: 3003,
      probeTimeouts: 0,
    },
  );
  harness.recovery.onTimeout(harness.recovery.deadline);
  harness.send(200);
  harness.recovery.onTimeout(harness.recovery.deadline);
  assert.equal(harness.path.counters.probeTimeouts, 1);
  assert.deepEqual({ ...harness.recovery.counters }, { ...harness.path.counters });
});

test('C81 the window goes on from where it was when bbr takes over, and when it hands back', () => {
  const path = new PathRecovery();
  path.rtt.update(50, 0, 0);
  path.onSent(0, 1200);
  path.congestion.onCongestionEvent(10, 0);
  const { window } = path.congestion;
  path.setCongestionControl('bbr2');
  const { congestion } = path;
  assert.equal(congestion.name, 'bbr');
  assert.equal(congestion.window, window);
  assert.ok(Math.abs(path.pacingRate - (2.77 * window) / 50) < 1e-9);
  path.setCongestionControl('bbr');
  assert.equal(path.congestion, congestion, 'two names of one controller');
  path.setCongestionControl('reno');
  assert.equal(path.congestion.window, window);
  assert.equal(path.congestion.slowStartThreshold, Number.POSITIVE_INFINITY, 'bbr was still in Startup');
});

test('C80 RFC 9438 §4.9 losses that all were none give window and threshold back, one real loss does not', () => {
  for (const congestionControl of ['reno', 'cubic']) {
    for (const genuine of [false, true]) {
      const harness = new Harness({}, { congestionControl, pacing: false });
      const { path } = harness;
      for (let i = 0; i < 10; i++) harness.send(i);
      const { window, slowStartThreshold } = path.congestion;
      harness.ack(50, [[5, 5]]);
      assert.equal(path.counters.packetsLost, 3);
      assert.ok(path.congestion.window < window);
      harness.ack(55, genuine ? [[1, 5]] : [[0, 5]]);
      assert.equal(path.congestion.window >= window, !genuine, congestionControl);
      assert.equal(path.congestion.slowStartThreshold === slowStartThreshold, !genuine);
      assert.equal(path.undoCount, genuine ? 0 : 1);
    }
  }
});

test('C80 what is lost after a reduction was taken back reduces the window again', () => {
  const harness = new Harness({}, { pacing: false });
  for (let i = 0; i < 10; i++) harness.send(i);
  harness.ack(50, [[3, 3]]);
  harness.ack(51, [[0, 3]]);
  const { window } = harness.path.congestion;
  harness.ack(60, [
    [0, 3],
    [7, 7],
  ]);
  assert.ok(harness.path.congestion.window < window);
});

test('C82 RFC 9002 §7.7 datagrams are released one by one at the pacing rate, within a tenth of it', () => {
  const harness = new Harness({}, { initialWindowPackets: 200 });
  const { path } = harness;
  path.rtt.update(100, 0, 0);
  const rate = path.pacingRate;
  let now = 0;
  let first = Number.NaN;
  let last = Number.NaN;
  for (let sent = 0; sent < 150; sent++) {
    now = path.timeToSend(now, 1200);
    path.beginBatch(now);
    assert.equal(path.releaseTime, 0, 'nothing is paced yet');
    harness.send(now);
    const at = path.releaseTime;
    harness.send(now, { size: 40, ackEliciting: false });
    assert.equal(path.releaseTime, at);
    assert.ok(at >= now);
    if (sent > 0) assert.ok(Math.abs(at - last - 1200 / rate) < 0.01 * (1200 / rate), `gap ${at - last}`);
    else first = at;
    last = at;
  }
  const measured = (149 * 1200) / (last - first);
  assert.ok(Math.abs(measured / rate - 1) < 0.1, `${measured} for ${rate}`);
});

test('C82 a burst is what a millisecond carries, at least two packets unless the rate is very low, at most 64 KiB', () => {
  const path = new PathRecovery({ initialWindowPackets: 1000 });
  const quanta: number[] = [];
  for (const rtt of [100_000, 10_000, 2_000, 100, 1]) {
    path.rtt.smoothed = rtt;
    path.rtt.firstSampleTime = 0;
    quanta.push(path.sendQuantum);
  }
  assert.ok(path.sendQuantum <= 65_536);
  assert.deepEqual(quanta, [1200, 2400, 2400, 24_000, 64_800]);
  assert.equal(new PathRecovery({ pacing: false }).sendQuantum, 64_800);
});

test('a path tells how slow start ended, and its greatest round trip', () => {
  const harness = new Harness();
  const { path } = harness;
  assert.equal(path.startupExit, null);
  for (let i = 0; i < 6; i++) harness.send(i);
  harness.ack(50, [[5, 5]]);
  assert.deepEqual(path.startupExit, {
    reason: 'loss',
    time: 50,
    window: path.congestion.window,
    bandwidth: path.deliveryRate,
  });
  harness.ack(90, [[4, 5]]);
  const next = harness.send(100);
  harness.ack(220, [[next, next]]);
  assert.equal(path.rtt.max, 120);
  assert.equal(path.rtt.samples, 2);
});

test('C80 RFC 9002 §7.6.2 persistent congestion is not taken back', () => {
  const harness = new Harness({}, { pacing: false });
  const { path } = harness;
  for (let i = 0; i < 4; i++) harness.send(i);
  harness.ack(50, [[3, 3]]);
  path.onPersistentCongestion(51);
  assert.equal(path.congestion.window, 2400);
  harness.ack(55, [[0, 3]]);
  assert.equal(path.undoCount, 0);
  assert.equal(path.congestion.window, 2400);
});

test('C80 an MTU probe that comes late says nothing about the losses beside it', () => {
  const harness = new Harness({}, { pacing: false });
  harness.send(0, { isMtuProbe: true });
  for (let i = 1; i < 6; i++) harness.send(i);
  harness.ack(50, [[5, 5]]);
  assert.equal(harness.path.counters.packetsLost, 3);
  harness.ack(52, [
    [0, 1],
    [5, 5],
  ]);
  assert.equal(harness.path.counters.packetsSpuriouslyLost, 2);
  assert.equal(harness.path.undoCount, 0);
  harness.ack(53, [
    [0, 2],
    [5, 5],
  ]);
  assert.equal(harness.path.undoCount, 1);
});
