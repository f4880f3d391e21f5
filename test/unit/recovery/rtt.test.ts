import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GRANULARITY, INITIAL_RTT, RttEstimator } from '../../../src/recovery/rtt.ts';

test('RFC 9002 §6.2.2 before the first sample the probe timeout is about a second', () => {
  const rtt = new RttEstimator();
  assert.equal(rtt.hasSample, false);
  assert.equal(rtt.smoothed, INITIAL_RTT);
  assert.equal(rtt.variation, INITIAL_RTT / 2);
  assert.equal(rtt.pto, 333 + 4 * 166.5);
});

test('RFC 9002 §5.3 the first sample replaces every assumption and ignores the delay', () => {
  const rtt = new RttEstimator();
  rtt.update(100, 20, 5);
  assert.equal(rtt.latest, 100);
  assert.equal(rtt.min, 100);
  assert.equal(rtt.smoothed, 100);
  assert.equal(rtt.variation, 50);
  assert.equal(rtt.firstSampleTime, 5);
});

test('RFC 9002 §5.3 later samples move the averages, less the reported delay', () => {
  const rtt = new RttEstimator();
  rtt.update(100, 0, 0);
  rtt.update(140, 20, 1);
  // adjusted 120: variation = 3/4*50 + 1/4*|100-120|, smoothed = 7/8*100 + 1/8*120
  assert.equal(rtt.variation, 42.5);
  assert.equal(rtt.smoothed, 102.5);
  assert.equal(rtt.latest, 140);
  assert.equal(rtt.firstSampleTime, 0);
});

test('RFC 9002 §5.3 a reported delay that would go below the minimum is not subtracted', () => {
  const rtt = new RttEstimator();
  rtt.update(100, 0, 0);
  rtt.update(110, 11, 1);
  assert.equal(rtt.smoothed, (7 * 100 + 110) / 8);
  rtt.update(110, 10, 2);
  assert.equal(rtt.smoothed, (7 * 101.25 + 100) / 8);
});

test('RFC 9002 §5.2 the minimum follows samples down at once, and up only when reset', () => {
  const rtt = new RttEstimator();
  rtt.update(100, 0, 0);
  rtt.update(60, 50, 1);
  assert.equal(rtt.min, 60);
  rtt.update(300, 0, 2);
  assert.equal(rtt.min, 60);
  rtt.resetMin();
  assert.equal(rtt.min, 300);
});

test('RFC 9002 §6.1.2 the time threshold takes the larger of latest and smoothed, and at least the granularity', () => {
  const rtt = new RttEstimator();
  rtt.update(80, 0, 0);
  assert.equal(rtt.lossDelay(9 / 8), 90);
  rtt.update(160, 0, 1);
  assert.equal(rtt.lossDelay(9 / 8), 180);
  const local = new RttEstimator();
  local.update(0.1, 0, 0);
  assert.equal(local.lossDelay(9 / 8), GRANULARITY);
  assert.equal(local.pto, 0.1 + GRANULARITY);
});
