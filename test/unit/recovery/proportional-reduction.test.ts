import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProportionalReduction } from '../../../src/recovery/proportional-reduction.ts';
import { Harness } from './support.ts';

const MSS = 1000;

test('C80 RFC 9937 §6.2 half a window less: one packet leaves for every two delivered, down to the target', () => {
  const reduction = new ProportionalReduction();
  let inFlight = 19 * MSS;
  reduction.begin(20 * MSS, inFlight, MSS);
  let sent = 0;
  for (let i = 0; i < 18; i++) {
    inFlight -= MSS;
    reduction.onAck(MSS, 0, inFlight, 10 * MSS, MSS);
    while (reduction.window - inFlight >= MSS) {
      reduction.onSent(MSS);
      inFlight += MSS;
      sent++;
    }
  }
  assert.equal(inFlight, 10 * MSS);
  assert.equal(sent, 9);
});

test('C80 RFC 9937 §6.2 below the target one packet leaves for each delivered, two without further losses', () => {
  for (const [lost, room] of [
    [0, 2 * MSS],
    [MSS, MSS],
  ]) {
    const reduction = new ProportionalReduction();
    reduction.begin(20 * MSS, 5 * MSS, MSS);
    reduction.onAck(MSS, lost, 4 * MSS, 10 * MSS, MSS);
    assert.equal(reduction.window - 4 * MSS, room);
  }
});

test('C80 RFC 9937 §6.2 what is in flight does not grow beyond the target', () => {
  const reduction = new ProportionalReduction();
  reduction.begin(20 * MSS, 9 * MSS, MSS);
  reduction.onAck(8 * MSS, 0, 9500, 10 * MSS, MSS);
  assert.equal(reduction.window, 10 * MSS);
});

test('C80 RFC 9002 §7.3.2 one packet may leave as the recovery period begins, even if nothing is delivered', () => {
  const reduction = new ProportionalReduction();
  reduction.begin(20 * MSS, 17 * MSS, MSS);
  assert.equal(reduction.window, 18 * MSS);
  reduction.onLost(MSS);
  assert.equal(reduction.window, 17 * MSS, 'another loss makes no more room');
  reduction.onAck(0, MSS, 16 * MSS, 10 * MSS, MSS);
  assert.equal(reduction.window, 17 * MSS);
});

for (const [congestionControl, beta] of [
  ['reno', 0.5],
  ['cubic', 0.7],
] as const) {
  test(`C80 RFC 9937 §6.2 with ${congestionControl} sending goes on during recovery, and ends at the window`, () => {
    const harness = new Harness({}, { congestionControl, initialWindowPackets: 100, pacing: false });
    const { path } = harness;
    const first = harness.send(0);
    harness.ack(50, [[first, first]]);
    let next = 0;
    const window = path.congestion.window;
    while (path.windowRoom >= 1200) next = harness.send(60);
    const count = next - first;
    // The first is lost; the others are acknowledged one by one, and everything that may leave does.
    let sent = 0;
    for (let i = 2; i <= count; i++) {
      harness.ack(110 + i / 100, [[first + i, first + i]]);
      if (i < 4) continue;
      const room = Math.floor(path.windowRoom / 1200);
      assert.ok(room <= 2, `a burst of ${room}`);
      for (let k = 0; k < room; k++) {
        harness.send(110 + i / 100);
        sent++;
      }
      // The window is far from open yet: what was in flight is still above it.
      if (i === Math.floor(count / 4)) assert.ok(sent > 0.1 * count, `${sent} of ${count} after a quarter`);
    }
    assert.ok(Math.abs(sent - beta * count) <= 4, `${sent} of ${count}`);
    assert.ok(Math.abs(path.bytesInFlight - beta * window) <= 3 * 1200, `${path.bytesInFlight}`);
    // A packet that left in recovery is acknowledged: the window rules again.
    harness.ack(200, [[next + 1, next + 1]]);
    assert.equal(path.windowRoom, Math.floor(Math.max(0, path.congestion.window - path.bytesInFlight)));
  });
}
