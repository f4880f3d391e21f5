import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CSS_GROWTH_DIVISOR, CSS_ROUNDS, HyStart, RTT_SAMPLES } from '../../../src/recovery/hystart.ts';
import { Harness } from './support.ts';

/** One round of ACKs with the given round trips. Packets of a round leave when the one before it ends. */
class Rounds {
  readonly hystart: HyStart = new HyStart();
  #now = 1000;
  #sent = 0;

  /** Returns whether slow start ended. */
  run(rtts: readonly number[]): boolean {
    let over = false;
    const sent = this.#now;
    for (const rtt of rtts) over = this.hystart.onAck(this.#now, rtt, this.#sent) || over;
    this.#sent = sent;
    this.#now += 100;
    return over;
  }
}

const flat = (rtt: number, count: number = RTT_SAMPLES) => new Array<number>(count).fill(rtt);

test('C82 RFC 9406 §4.2 a round trip that rises by the threshold begins conservative slow start', () => {
  // The threshold is an eighth of the round trip, from 4 to 16 ms.
  for (const [rtt, threshold] of [
    [10, 4],
    [80, 10],
    [400, 16],
  ]) {
    const below = new Rounds();
    below.run(flat(rtt));
    below.run(flat(rtt + threshold - 0.1));
    assert.equal(below.hystart.isConservative, false, `below at ${rtt}`);
    const at = new Rounds();
    at.run(flat(rtt));
    at.run(flat(rtt + threshold));
    assert.equal(at.hystart.isConservative, true, `at ${rtt}`);
  }
});

test('C82 RFC 9406 §4.2 fewer than eight samples decide nothing, and ACKs without a sample do not count', () => {
  const rounds = new Rounds();
  rounds.run(flat(40));
  rounds.run([...flat(90, RTT_SAMPLES - 1), -1, -1]);
  assert.equal(rounds.hystart.isConservative, false);
});

test('C82 RFC 9406 §4.2 one early sample of the round shows that there is no queue', () => {
  const rounds = new Rounds();
  rounds.run(flat(40));
  rounds.run([41, ...flat(90)]);
  assert.equal(rounds.hystart.isConservative, false);
});

test('C82 RFC 9406 §4.2 conservative slow start grows by a quarter and ends after five rounds', () => {
  const rounds = new Rounds();
  rounds.run(flat(40));
  assert.equal(rounds.hystart.growth(1200), 1200);
  rounds.run(flat(60));
  assert.equal(rounds.hystart.growth(1200), 1200 / CSS_GROWTH_DIVISOR);
  // The round in which it began counts as the first.
  for (let i = 1; i < CSS_ROUNDS; i++) assert.equal(rounds.run(flat(60)), false, `round ${i}`);
  assert.equal(rounds.run(flat(60)), true);
});

test('C82 RFC 9406 §4.2 a round trip below where it began takes slow start up again', () => {
  const rounds = new Rounds();
  rounds.run(flat(40));
  rounds.run(flat(60));
  assert.equal(rounds.hystart.isConservative, true);
  rounds.run(flat(59));
  assert.equal(rounds.hystart.isConservative, false);
  assert.equal(rounds.hystart.growth(1200), 1200);
});

for (const congestionControl of ['reno', 'cubic']) {
  test(`C82 RFC 9406 §4.2 ${congestionControl} leaves slow start for delay, once, and not at all with it off`, () => {
    for (const hystart of [true, false]) {
      const harness = new Harness({}, { congestionControl, hystart, pacing: false });
      let now = 0;
      for (let round = 0; round < 12; round++) {
        const sent: number[] = [];
        while (sent.length < 20) sent.push(harness.send(now));
        harness.path.noteBlocked(now);
        // The queue grows with every round.
        now += 50 + 8 * round;
        for (const n of sent) harness.ack(now, [[n, n]]);
        now += 1;
      }
      const { startupExit, congestion } = harness.path;
      assert.equal(startupExit?.reason, hystart ? 'delay' : undefined);
      assert.equal(congestion.slowStartThreshold === Number.POSITIVE_INFINITY, !hystart);
    }
  });
}
