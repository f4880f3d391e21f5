import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BbrModel, MIN_RTT_LIFETIME, PROBE_RTT_INTERVAL } from '../../../src/recovery/bbr-model.ts';
import { DeliveryRate } from '../../../src/recovery/delivery-rate.ts';

/** An ACK whose sample has the given rate, of a packet that left when `prior` bytes were delivered. */
function ack(model: BbrModel, rate: DeliveryRate, value: number, prior: number, isAppLimited = false): void {
  rate.rate = value;
  rate.priorDelivered = prior;
  rate.sampled = 1000;
  rate.isAppLimited = isAppLimited;
  rate.delivered += 1000;
  model.update(rate);
  model.advance(rate);
}

test('C81 draft-ietf-ccwg-bbr §5.5.1 a round ends with a packet that left after its start', () => {
  const model = new BbrModel();
  const rate = new DeliveryRate();
  ack(model, rate, 10, 0);
  assert.equal(model.roundCount, 1);
  ack(model, rate, 10, 0);
  ack(model, rate, 10, 999);
  assert.equal(model.roundStart, false);
  ack(model, rate, 10, 1000);
  assert.equal(model.roundStart, true);
  assert.equal(model.roundCount, 2);
});

test('C81 draft-ietf-ccwg-bbr §5.5.5 samples that the application limits count only if they are higher', () => {
  const model = new BbrModel();
  const rate = new DeliveryRate();
  ack(model, rate, 50, 0, true);
  assert.equal(model.maxBandwidth, 50);
  ack(model, rate, 40, 0, true);
  ack(model, rate, 60, 0, true);
  assert.equal(model.maxBandwidth, 60);
  model.advanceBandwidthFilter();
  ack(model, rate, 30, 0, true);
  model.advanceBandwidthFilter();
  assert.equal(model.maxBandwidth, 60, 'this cycle measured nothing');
});

test('C81 draft-ietf-ccwg-bbr §5.5.6 the bandwidth of the cycle before the last is forgotten', () => {
  const model = new BbrModel();
  const rate = new DeliveryRate();
  ack(model, rate, 100, 0);
  model.advanceBandwidthFilter();
  assert.equal(model.maxBandwidth, 100);
  model.advanceBandwidthFilter();
  assert.equal(model.maxBandwidth, 100, 'a cycle without samples takes nothing away');
  ack(model, rate, 70, 0);
  assert.equal(model.maxBandwidth, 100);
  model.advanceBandwidthFilter();
  assert.equal(model.maxBandwidth, 70);
});

test('C81 draft-ietf-ccwg-bbr §5.3.4.3 the least round trip is kept for ten seconds, and asked for after five', () => {
  const model = new BbrModel();
  model.startClocks(0);
  model.updateMinRtt(1, 30);
  model.updateMinRtt(PROBE_RTT_INTERVAL, 50);
  assert.equal(model.minRtt, 30);
  assert.equal(model.probeRttExpired, false);
  model.updateMinRtt(PROBE_RTT_INTERVAL + 2, 50);
  assert.equal(model.probeRttExpired, true);
  assert.equal(model.minRtt, 30);
  model.updateMinRtt(MIN_RTT_LIFETIME, -1);
  assert.equal(model.minRtt, 30);
  model.updateMinRtt(MIN_RTT_LIFETIME + 2, -1);
  assert.equal(model.minRtt, 50);
  model.updateMinRtt(MIN_RTT_LIFETIME + 3, 20);
  assert.equal(model.minRtt, 20);
});

test('C81 draft-ietf-ccwg-bbr §5.5.10.3 losses lower the bounds to what is delivered, or by 30 %', () => {
  const model = new BbrModel();
  const rate = new DeliveryRate();
  ack(model, rate, 100, 0);
  model.bandwidthLatest = 90;
  model.inflightLatest = 1000;
  model.lowerBounds(10_000);
  assert.equal(model.bandwidthShortterm, 90);
  assert.equal(model.inflightShortterm, 7000);
  model.bandwidthLatest = 10;
  model.lowerBounds(10_000);
  assert.ok(Math.abs(model.bandwidthShortterm - 63) < 1e-9);
  model.advance(rate);
  assert.ok(Math.abs(model.bandwidth - 63) < 1e-9);
  model.resetShortterm();
  model.advance(rate);
  assert.equal(model.bandwidth, 100);
});

test('C81 draft-ietf-ccwg-bbr §5.5.9 what is acknowledged beyond the bandwidth is remembered for about ten rounds', () => {
  const model = new BbrModel();
  const rate = new DeliveryRate();
  model.startClocks(0);
  ack(model, rate, 100, 0);
  model.updateAggregation(10, 3000, 1e6, false);
  assert.equal(model.extraAcked, 3000);
  model.updateAggregation(11, 3000, 1e6, false);
  assert.equal(model.extraAcked, 5900);
  for (let round = 0; round < 10; round++) {
    model.roundStart = true;
    model.updateAggregation(1000 + 100 * round, 1000, 1e6, false);
    if (round < 4) assert.equal(model.extraAcked, 5900);
  }
  assert.equal(model.extraAcked, 1000);
});
