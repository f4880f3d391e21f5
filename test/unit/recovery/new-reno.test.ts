import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NewReno } from '../../../src/recovery/new-reno.ts';
import { RttEstimator } from '../../../src/recovery/rtt.ts';

const rtt = new RttEstimator(100);

function reno(window = 12_000, slowStartThreshold = Number.POSITIVE_INFINITY): NewReno {
  return new NewReno({ maxDatagramSize: 1200, initialWindow: window, slowStartThreshold });
}

test('RFC 9002 §7.3.1 slow start adds what was acknowledged', () => {
  const controller = reno();
  controller.onAcked(100, 1200, 0, rtt, true);
  controller.onAcked(100, 500, 0, rtt, true);
  assert.equal(controller.window, 13_700);
});

test('RFC 9002 §7.3.3 congestion avoidance adds at most one packet per window', () => {
  const controller = reno(12_000, 12_000);
  for (let i = 0; i < 10; i++) controller.onAcked(100, 1200, 0, rtt, true);
  assert.ok(controller.window > 13_100 && controller.window <= 13_200, String(controller.window));
});

test('RFC 9002 §7.3.2 a loss halves the window once per round trip', () => {
  const controller = reno();
  controller.onCongestionEvent(100, 10);
  assert.equal(controller.window, 6_000);
  assert.equal(controller.slowStartThreshold, 6_000);
  controller.onCongestionEvent(120, 100);
  assert.equal(controller.window, 6_000, 'sent before the recovery period began');
  controller.onAcked(150, 1200, 90, rtt, true);
  assert.equal(controller.window, 6_000, 'no growth from packets of the recovery period');
  controller.onAcked(210, 1200, 101, rtt, true);
  assert.equal(controller.window, 6_240);
  controller.onCongestionEvent(220, 105);
  assert.equal(controller.window, 3_120);
});

test('RFC 9002 §7.2 the window is never below two packets', () => {
  const controller = reno(3_000);
  controller.onCongestionEvent(100, 10);
  assert.equal(controller.window, 2_400);
});

test('RFC 9002 §7.6.2 persistent congestion goes to the least window and ends the recovery period', () => {
  const controller = reno(40_000);
  controller.onCongestionEvent(100, 10);
  controller.onPersistentCongestion();
  assert.equal(controller.window, 2_400);
  assert.equal(controller.slowStartThreshold, 20_000);
  controller.onAcked(110, 1200, 50, rtt, true);
  assert.equal(controller.window, 3_600, 'slow start again');
});

test('RFC 9002 §7.8 the window does not grow while it is not made use of', () => {
  const controller = reno();
  controller.onAcked(100, 1200, 0, rtt, false);
  assert.equal(controller.window, 12_000);
});

test('RFC 9002 §7.2 larger datagrams raise the least window', () => {
  const controller = reno(2_400);
  controller.onDatagramSize(1400);
  assert.equal(controller.window, 2_800);
});
