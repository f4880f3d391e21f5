import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AckTracker, Ecn, MAX_ACK_RANGES } from '../../../src/recovery/ack-tracker.ts';

function tracker(maxAckDelay = 25): AckTracker {
  return new AckTracker({ maxAckDelay });
}

function rangesOf(acks: AckTracker): number[][] {
  return Array.from({ length: acks.ranges.size }, (_, i) => [acks.ranges.start(i), acks.ranges.end(i)]);
}

test('RFC 9000 §13.2.1 one ack-eliciting packet is acknowledged within max_ack_delay', () => {
  const acks = tracker();
  assert.equal(acks.deadline, Number.POSITIVE_INFINITY);
  assert.equal(acks.received(0, true, 100), true);
  assert.equal(acks.pending, true);
  assert.equal(acks.shouldAck(100), false);
  assert.equal(acks.deadline, 125);
  assert.equal(acks.shouldAck(125), true);
  assert.equal(acks.ackDelay(120), 20);
  acks.ackSent();
  assert.equal(acks.pending, false);
  assert.equal(acks.shouldAck(1000), false);
  assert.equal(acks.deadline, Number.POSITIVE_INFINITY);
});

test('RFC 9000 §13.2.1 the delay counts from the first packet that waits', () => {
  const acks = tracker();
  acks.received(0, true, 100);
  acks.received(1, true, 120);
  assert.equal(acks.deadline, 125);
});

test('RFC 9000 §13.2.2 the second ack-eliciting packet calls for an acknowledgement now', () => {
  const acks = tracker();
  acks.received(0, true, 0);
  acks.received(1, false, 0);
  assert.equal(acks.shouldAck(0), false);
  acks.received(2, true, 0);
  assert.equal(acks.shouldAck(0), true);
  acks.ackSent();
  acks.received(3, true, 1);
  assert.equal(acks.shouldAck(1), false);
});

test('RFC 9000 §13.2.1 Initial and Handshake packets are acknowledged at once', () => {
  const acks = tracker(0);
  acks.received(0, true, 5);
  assert.equal(acks.shouldAck(5), true);
});

test('RFC 9000 §13.2.1 a packet that is not ack-eliciting never calls for an acknowledgement, not even behind a gap', () => {
  const acks = tracker();
  acks.received(0, false, 0);
  acks.received(7, false, 0);
  acks.received(3, false, 0);
  assert.equal(acks.pending, false);
  assert.equal(acks.shouldAck(1e9), false);
  assert.equal(acks.deadline, Number.POSITIVE_INFINITY);
});

test('RFC 9000 §13.2.1 a gap or an older packet is reported at once, an old gap not again', () => {
  const acks = tracker();
  acks.received(0, true, 0);
  acks.ackSent();
  acks.received(2, true, 1);
  assert.equal(acks.shouldAck(1), true, 'gap');
  acks.ackSent();
  acks.received(3, true, 2);
  assert.equal(acks.shouldAck(2), false, 'the gap at 1 was reported');
  acks.ackSent();
  acks.received(1, true, 3);
  assert.equal(acks.shouldAck(3), true, 'reordered');
  acks.ackSent();
  acks.received(4, false, 4);
  acks.received(5, true, 4);
  assert.equal(acks.shouldAck(4), false, 'a packet between that is not ack-eliciting is no gap');
});

test('RFC 9000 §13.2.1 a packet with a congestion mark is acknowledged at once', () => {
  const acks = tracker();
  acks.received(0, true, 0, Ecn.CE);
  assert.equal(acks.shouldAck(0), true);
});

test('RFC 9000 §13.4.1 marks are counted once per packet, duplicates not at all', () => {
  const acks = tracker();
  assert.equal(acks.hasEcnCounts, false);
  acks.received(0, true, 0, Ecn.ECT0);
  acks.received(0, true, 0, Ecn.ECT0);
  acks.received(1, true, 0, Ecn.ECT1);
  acks.received(2, true, 0, Ecn.CE);
  acks.received(3, true, 0, Ecn.NOT_ECT);
  assert.deepEqual([acks.ect0, acks.ect1, acks.ce, acks.hasEcnCounts], [1, 1, 1, true]);
});

test('RFC 9000 §12.3 a duplicate is told and changes nothing', () => {
  const acks = tracker();
  acks.received(5, true, 10);
  acks.ackSent();
  assert.equal(acks.isDuplicate(5), true);
  assert.equal(acks.isDuplicate(4), false);
  assert.equal(acks.received(5, true, 20), false);
  assert.equal(acks.pending, false);
  assert.equal(acks.largestTime, 10);
});

test('RFC 9000 §13.2.5 the delay counts from the largest packet, not from a late one', () => {
  const acks = tracker();
  acks.received(5, true, 10);
  acks.received(4, true, 30);
  assert.equal(acks.largest, 5);
  assert.equal(acks.ackDelay(35), 25);
});

test('RFC 9000 §13.2.4 what an acknowledged ACK said is not said again, and counts as received', () => {
  const acks = tracker();
  for (const n of [0, 1, 2, 5, 6, 9]) acks.received(n, true, 0);
  acks.ackSent();
  acks.onAckOfAck(5);
  assert.deepEqual(rangesOf(acks), [
    [6, 7],
    [9, 10],
  ]);
  assert.equal(acks.isDuplicate(3), true);
  assert.equal(acks.isDuplicate(7), false);
  acks.onAckOfAck(2);
  assert.equal(acks.ranges.size, 2);
  acks.onAckOfAck(1e9);
  assert.equal(acks.ranges.isEmpty(), true);
  assert.equal(acks.isDuplicate(9), true);
  assert.equal(acks.isDuplicate(10), false);
  assert.equal(acks.largest, 9, 'RFC 9000 §13.2.3 the largest number is kept');
});

test('RFC 9000 §13.2.4 an ACK that is owed is never left without a range', () => {
  const acks = tracker();
  acks.received(10, true, 0);
  acks.ackSent();
  acks.received(9, true, 1);
  acks.onAckOfAck(10);
  assert.equal(acks.shouldAck(1), true);
  assert.ok(acks.ranges.contains(9));
});

test('RFC 9000 §13.2.3 every second packet lost for a long time: the list of ranges is bounded, the oldest go', () => {
  const acks = tracker();
  for (let n = 0; n < 20_000; n += 2) {
    assert.equal(acks.received(n, true, n), true);
    assert.ok(acks.ranges.size <= MAX_ACK_RANGES);
  }
  assert.equal(acks.ranges.max, 19_999);
  assert.equal(acks.ranges.min, 19_998 - 2 * (MAX_ACK_RANGES - 1));
  assert.equal(acks.isDuplicate(1), true, 'below what is remembered nothing is accepted');
  assert.equal(acks.isDuplicate(19_997), false);
});

test('the tracker agrees with a naive model', () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('receive'), n: fc.nat(400) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('ack'), n: fc.constant(0) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('ack-of-ack'), n: fc.nat(400) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 500 }), (steps) => {
      const acks = tracker();
      const known = new Set<number>();
      let pending = new Set<number>();
      let floor = 0;
      for (const { kind, n } of steps) {
        if (kind === 'receive') {
          const fresh = n >= floor && !known.has(n);
          assert.equal(acks.received(n, true, 0), fresh);
          if (fresh) {
            known.add(n);
            pending.add(n);
          }
        } else if (kind === 'ack') {
          acks.ackSent();
          pending = new Set();
        } else {
          acks.onAckOfAck(n);
          floor = Math.max(floor, Math.min(n, acks.largest, Math.min(...pending) - 1) + 1);
        }
        assert.equal(acks.pending, pending.size > 0);
        let listed = [...known].filter((each) => each >= floor).sort((x, y) => x - y);
        const starts = listed.filter((each, i) => i === 0 || listed[i - 1] !== each - 1);
        if (starts.length > MAX_ACK_RANGES) {
          const first = starts[starts.length - MAX_ACK_RANGES];
          const kept = listed.filter((each) => each >= first);
          floor = Math.max(...listed.filter((each) => each < first)) + 1;
          listed = kept;
        }
        const all = rangesOf(acks).flatMap(([from, to]) =>
          Array.from({ length: to - from }, (_, i) => from + i),
        );
        assert.deepEqual(all, listed);
        assert.equal(acks.largest, known.size === 0 ? -1 : Math.max(...known));
      }
    }),
    { numRuns: 60 },
  );
});

/** The packets after which an ACK was sent, with the tables of the draft in mind: only reordering calls for one. */
function acknowledgedAfter(threshold: number, numbers: readonly number[]): number[] {
  const acks = tracker(1000);
  acks.ackElicitingThreshold = 1000;
  acks.reorderingThreshold = threshold;
  return numbers.filter((number) => {
    acks.received(number, true, 0);
    const due = acks.shouldAck(0);
    if (due) acks.ackSent();
    return due;
  });
}

test('draft-ietf-quic-ack-frequency §6.2.1 the examples of the draft', () => {
  assert.deepEqual(acknowledgedAfter(3, [0, 1, 3, 4, 5, 8, 9, 10]), [5, 9, 10]);
  assert.deepEqual(acknowledgedAfter(5, [0, 1, 3, 5, 6, 7, 8, 9]), [7, 9]);
  assert.deepEqual(acknowledgedAfter(1, [0, 1, 3, 4, 6]), [3, 6]);
});

test('draft-ietf-quic-ack-frequency §6.2 what the peer took for lost is told of at once, a small delay is not', () => {
  assert.deepEqual(acknowledgedAfter(3, [0, 2, 3, 4, 1]), [4, 1]);
  assert.deepEqual(acknowledgedAfter(3, [0, 2, 1, 3, 4, 5]), []);
});

test('draft-ietf-quic-ack-frequency §6.2 with a reordering threshold of 0 no gap matters', () => {
  assert.deepEqual(acknowledgedAfter(0, [0, 5, 3, 20, 4]), []);
});

test('draft-ietf-quic-ack-frequency §4 with a threshold of 0 every packet is acknowledged at once', () => {
  const acks = tracker();
  acks.ackElicitingThreshold = 0;
  acks.received(0, true, 0);
  assert.equal(acks.shouldAck(0), true);
});

test('draft-ietf-quic-ack-frequency §6.4 the first mark of a row is told at once', () => {
  const acks = tracker();
  acks.ackElicitingThreshold = 10;
  const due: boolean[] = [];
  for (const [number, ecn] of [Ecn.ECT0, Ecn.CE, Ecn.CE, Ecn.ECT0, Ecn.CE].entries()) {
    acks.received(number, true, 0, ecn);
    due.push(acks.shouldAck(0));
    acks.ackSent();
  }
  assert.deepEqual(due, [false, true, false, false, true]);
});
