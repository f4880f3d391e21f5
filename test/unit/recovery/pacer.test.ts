import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BURST_INTERVAL, MAX_BURST_PACKETS, MIN_BURST_PACKETS, Pacer } from '../../../src/recovery/pacer.ts';

const MSS = 1200;

test('RFC 9002 §7.7 ten packets may leave at once, then one per interval', () => {
  const pacer = new Pacer(MSS);
  const rate = 120; // bytes per millisecond: a packet every 10 ms
  for (let i = 0; i < MIN_BURST_PACKETS; i++) {
    assert.equal(pacer.timeToSend(1000, MSS, rate), 1000);
    pacer.onSent(1000, MSS, rate);
  }
  assert.equal(pacer.budget(1000, rate), 0);
  assert.equal(pacer.timeToSend(1000, MSS, rate), 1010);
  assert.equal(pacer.timeToSend(1004, MSS, rate), 1010);
  assert.equal(pacer.timeToSend(1010, MSS, rate), 1010);
  pacer.onSent(1010, MSS, rate);
  assert.equal(pacer.timeToSend(1010, MSS, rate), 1020);
});

test('RFC 9002 §7.7 over a long time no more than the rate leaves, whatever the clock does', () => {
  const pacer = new Pacer(MSS);
  const rate = 333.3;
  let sent = 0;
  let now = 0;
  for (let i = 0; i < 5000; i++) {
    const time = pacer.timeToSend(now, MSS, rate);
    if (time <= now) {
      pacer.onSent(now, MSS, rate);
      sent += MSS;
    } else now = i % 7 === 0 ? time + 0.3 : time;
  }
  assert.ok(sent <= now * rate + MIN_BURST_PACKETS * MSS + 1, `${sent} in ${now} ms`);
  assert.ok(sent >= now * rate * 0.9);
});

test('RFC 9002 §7.7 a bucket does not hold more than a burst after idleness', () => {
  const pacer = new Pacer(MSS);
  pacer.onSent(0, MSS, 120);
  assert.equal(pacer.budget(1e9, 120), MIN_BURST_PACKETS * MSS);
  assert.equal(pacer.budget(1e9 + 1, 60_000), MIN_BURST_PACKETS * MSS + 60_000);
  assert.equal(pacer.budget(1e9 + 100, 60_000), BURST_INTERVAL * 60_000);
  assert.equal(pacer.budget(2e9, 1e9), MAX_BURST_PACKETS * MSS);
});

test('a time that the pacer names is a time at which the budget suffices', () => {
  const pacer = new Pacer(MSS);
  const rate = 1 / 3;
  pacer.onSent(0.1, MIN_BURST_PACKETS * MSS, rate);
  for (let now = 0.1, i = 0; i < 100; i++) {
    now = pacer.timeToSend(now, MSS, rate);
    assert.ok(pacer.budget(now, rate) >= MSS);
    pacer.onSent(now, MSS, rate);
  }
});

test('a probe that did not wait is paid for afterwards', () => {
  const pacer = new Pacer(MSS);
  pacer.onSent(0, (MIN_BURST_PACKETS + 2) * MSS, 120);
  assert.equal(pacer.budget(0, 120), 0);
  assert.equal(pacer.timeToSend(0, MSS, 120), 30);
});

test('a clock that stands still or goes back gives nothing', () => {
  const pacer = new Pacer(MSS);
  pacer.onSent(100, MIN_BURST_PACKETS * MSS, 120);
  assert.equal(pacer.budget(50, 120), 0);
  assert.equal(pacer.budget(100, 120), 0);
  assert.equal(pacer.budget(110, 120), MSS);
});
