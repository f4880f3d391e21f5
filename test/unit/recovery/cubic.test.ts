import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cubic } from '../../../src/recovery/cubic.ts';
import { RttEstimator } from '../../../src/recovery/rtt.ts';

const MSS = 1200;

function rttOf(milliseconds: number): RttEstimator {
  const rtt = new RttEstimator();
  rtt.update(milliseconds, 0, 0);
  return rtt;
}

function cubic(packets: number, slowStartThreshold = Number.POSITIVE_INFINITY): Cubic {
  return new Cubic({ maxDatagramSize: MSS, initialWindow: packets * MSS, slowStartThreshold });
}

/** Acknowledges the whole window in every round trip, evenly. Returns the time at the end. */
function run(controller: Cubic, from: number, to: number, rtt: RttEstimator): number {
  let now = from;
  while (now < to) {
    const packets = Math.max(1, Math.floor(controller.window / MSS));
    const step = rtt.smoothed / packets;
    for (let i = 0; i < packets && now < to; i++) {
      now += step;
      controller.onAcked(now, MSS, now - rtt.smoothed, rtt, true);
    }
  }
  return now;
}

test('RFC 9438 §4.2 the window follows W_cubic(t) through its plateau', () => {
  const rtt = rttOf(100);
  const controller = cubic(1000);
  controller.onCongestionEvent(0, -1);
  assert.equal(controller.window, 700 * MSS);
  const k = Math.cbrt((1000 - 700) / 0.4);
  // The stage starts with the first acknowledgement of a packet that left after the loss.
  const start = 100.001;
  controller.onAcked(start, MSS, 0.001, rtt, true);
  let now = start;
  for (const seconds of [2, 4, 6, 8, k, 10, 12]) {
    now = run(controller, now, start + seconds * 1000, rtt);
    const expected = 0.4 * (seconds - k) ** 3 + 1000;
    // Growth aims one round trip ahead, and packets are whole.
    const ahead = 0.4 * (seconds + 0.1 - k) ** 3 + 1000;
    const packets = controller.window / MSS;
    assert.ok(
      packets > Math.min(expected, ahead) - 2 && packets < Math.max(expected, ahead) + 2,
      `at ${seconds} s: ${packets}, not ${expected}`,
    );
  }
});

test('RFC 9438 §4.3 with short round trips and small windows CUBIC is never below Reno', () => {
  const rtt = rttOf(10);
  const controller = cubic(20);
  controller.onCongestionEvent(0, -1);
  assert.equal(controller.window, 14 * MSS);
  controller.onAcked(10.5, 0, 0.1, rtt, true);
  run(controller, 10.5, 10.5 + 200, rtt);
  // 20 round trips: W_est grows by alpha = 9/17 per round trip up to 20 packets (about 11.3 of them), then by 1.
  const reno = 20 + (20 - 6 / (9 / 17));
  const packets = controller.window / MSS;
  assert.ok(Math.abs(packets - reno) < 1.5, `${packets}, not about ${reno}`);
  // The cubic function alone would hardly have left its start: K is 2.5 s.
  assert.ok(0.4 * (0.2 - Math.cbrt(6 / 0.4)) ** 3 + 20 < 16);
});

test('RFC 9438 §4.2 the window grows by no more than half per round trip', () => {
  const rtt = rttOf(100);
  const controller = cubic(100, 100 * MSS);
  controller.onAcked(0, 0, -100, rtt, true);
  // A plateau long ago: W_cubic is far above.
  let previous = controller.window;
  let now = 0;
  for (let i = 0; i < 200; i++) {
    now = run(controller, now, now + 100, rtt);
    assert.ok(controller.window <= previous * 1.66, `${previous} -> ${controller.window}`);
    previous = controller.window;
  }
  assert.ok(previous > 1000 * MSS);
});

test('RFC 9438 §4.6 a loss takes the window to 0.7 of it once per round trip, not below two packets', () => {
  const controller = cubic(100);
  controller.onCongestionEvent(1000, 900);
  assert.equal(controller.window, 70 * MSS);
  assert.equal(controller.slowStartThreshold, 70 * MSS);
  controller.onCongestionEvent(1050, 1000);
  assert.equal(controller.window, 70 * MSS);
  for (let i = 1; i < 30; i++) controller.onCongestionEvent(1000 + i * 1000, 999 + i * 1000);
  assert.equal(controller.window, 2 * MSS);
});

test('RFC 9438 §4.7 fast convergence lowers the plateau when a loss comes below the last one', () => {
  const rtt = rttOf(100);
  const controller = cubic(1000);
  controller.onCongestionEvent(0, -1);
  controller.onCongestionEvent(200, 100);
  // W_max = 700 * 0.85 = 595, window 490: the plateau is reached after K = cbrt(105 / 0.4).
  assert.equal(Math.round(controller.window / MSS), 490);
  const k = 1000 * Math.cbrt((595 - 490) / 0.4);
  controller.onAcked(400, 0, 201, rtt, true);
  run(controller, 400, 400 + k, rtt);
  assert.ok(Math.abs(controller.window / MSS - 595) < 2, String(controller.window / MSS));
});

test('RFC 9438 §4.8 after persistent congestion: slow start to the threshold, then from the plateau', () => {
  const rtt = rttOf(100);
  const controller = cubic(100);
  controller.onCongestionEvent(0, -1);
  controller.onPersistentCongestion();
  assert.equal(controller.window, 2 * MSS);
  assert.equal(controller.slowStartThreshold, 70 * MSS);
  for (let i = 0; i < 68; i++) controller.onAcked(100, MSS, 50, rtt, true);
  assert.equal(controller.window, 70 * MSS);
  // K = 0 and W_max = 70: after one second the cubic part is only 0.4 packets up; Reno's part leads, to about
  // 70 + 10 round trips * 9/17.
  controller.onAcked(200, 0, 100, rtt, true);
  run(controller, 200, 1200, rtt);
  const packets = controller.window / MSS;
  assert.ok(packets > 74 && packets < 76.5, String(packets));
});

test('RFC 9438 §4.10 slow start adds what was acknowledged', () => {
  const controller = cubic(10);
  controller.onAcked(100, MSS, 0, rttOf(100), true);
  assert.equal(controller.window, 11 * MSS);
});

test('RFC 9438 §5.8 the window does not grow while it is not made use of, and does not jump afterwards', () => {
  const rtt = rttOf(100);
  const limited = cubic(1000);
  const steady = cubic(1000);
  for (const controller of [limited, steady]) {
    controller.onCongestionEvent(0, -1);
    controller.onAcked(100.5, MSS, 0.5, rtt, true);
    run(controller, 100.5, 5000, rtt);
  }
  const before = limited.window;
  // A minute with little to send: acknowledgements come, but the window is not the limit.
  for (let now = 5100; now < 65_000; now += 100) limited.onAcked(now, MSS, now - 100, rtt, false);
  assert.equal(limited.window, before);
  run(limited, 65_000, 67_000, rtt);
  run(steady, 5000, 7000, rtt);
  const difference = Math.abs(limited.window - steady.window) / MSS;
  assert.ok(difference < 12, `went on ${difference} packets away from where it stopped`);
});

test('RFC 9438 §5.8 an idle time is not part of the cubic function', () => {
  const rtt = rttOf(100);
  const controller = cubic(1000);
  controller.onCongestionEvent(0, -1);
  controller.onAcked(100.5, MSS, 0.5, rtt, true);
  const now = run(controller, 100.5, 3000, rtt);
  const before = controller.window;
  controller.onAcked(now + 60_100, MSS, now + 60_000, rtt, true);
  assert.ok(controller.window - before < 2 * MSS, `jumped by ${(controller.window - before) / MSS} packets`);
});

test('C80 RFC 9438 §4.9.2 after a reduction that is taken back the window grows on as if nothing had been', () => {
  const flows = [0, 1].map(
    () => new Cubic({ maxDatagramSize: 1200, initialWindow: 120_000, slowStartThreshold: 1e9 }),
  );
  const rtt = new RttEstimator();
  rtt.update(50, 0, 0);
  const grow = (flow: Cubic, from: number, until: number) => {
    for (let now = from; now < until; now += 50) {
      for (let i = 0; i < 50; i++) flow.onAcked(now + i, 1200, now + i - 50, rtt, true);
    }
  };
  for (const flow of flows) {
    flow.onCongestionEvent(0, -1);
    grow(flow, 100, 1000);
  }
  const [plain, undone] = flows as [Cubic, Cubic];
  undone.onCongestionEvent(999, 980);
  assert.ok(undone.window < plain.window);
  undone.undo(1499);
  assert.equal(undone.window, plain.window);
  assert.equal(undone.slowStartThreshold, plain.slowStartThreshold);
  // Half a second in recovery is not part of t.
  grow(plain, 1000, 2000);
  grow(undone, 1500, 2500);
  assert.ok(Math.abs(undone.window - plain.window) < 1, `${undone.window} and ${plain.window}`);
  // Nor does it count as a lost peak when the next loss comes: RFC 9438 §4.7.
  for (const flow of flows) {
    flow.onCongestionEvent(3000, 2999);
    grow(flow, 3100, 5000);
  }
  assert.ok(Math.abs(undone.window - plain.window) < 1, `${undone.window} and ${plain.window}`);
});
