import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ECN_TEST_PACKETS, EcnCounts, EcnValidator } from '../../../src/recovery/ecn.ts';
import { ackOf, Harness } from './support.ts';

/** Sends so many packets with whatever mark they get. */
function send(ecn: EcnValidator, counts: EcnCounts, packets: number, now = 0): void {
  for (let i = 0; i < packets; i++) {
    if (ecn.markFor(now, 100) === 0) continue;
    ecn.onSent();
    counts.sent++;
  }
}

function tested(packets = 5): { ecn: EcnValidator; counts: EcnCounts } {
  const ecn = new EcnValidator(true);
  const counts = new EcnCounts();
  send(ecn, counts, packets);
  return { ecn, counts };
}

test('C84 RFC 9000 §13.4.2 a path is tested with ten packets, and then waits for the verdict', () => {
  const { ecn, counts } = tested(ECN_TEST_PACKETS);
  assert.equal(ecn.state, 'testing');
  send(ecn, counts, 3);
  assert.equal(ecn.state, 'unknown');
  assert.equal(counts.sent, ECN_TEST_PACKETS);
  assert.equal(ecn.onAck(counts, 4, 4, 0, 0), false);
  assert.equal(ecn.state, 'capable');
  assert.equal(ecn.markFor(0, 100), 2);
});

test('C84 RFC 9000 §13.4.2 the test lasts three probe timeouts at most', () => {
  const { ecn } = tested(2);
  assert.equal(ecn.markFor(299, 100), 2);
  assert.equal(ecn.markFor(300, 100), 0);
  assert.equal(ecn.state, 'unknown');
});

test('C84 RFC 9000 §13.4.2 a path where ECN was not asked for marks nothing', () => {
  const ecn = new EcnValidator(false);
  assert.equal(ecn.markFor(0, 100), 0);
  assert.equal(ecn.state, 'disabled');
});

test('C84 RFC 9000 §13.4.2.1 an ACK without counts, or with too few, fails the path', () => {
  const bleached = tested();
  bleached.ecn.onAckWithoutCounts(0);
  assert.equal(bleached.ecn.state, 'testing', 'no packet with a mark was acknowledged');
  bleached.ecn.onAckWithoutCounts(1);
  assert.equal(bleached.ecn.state, 'failed');
  assert.equal(bleached.ecn.markFor(0, 100), 0);
  const partly = tested();
  partly.ecn.onAck(partly.counts, 5, 4, 0, 0);
  assert.equal(partly.ecn.state, 'failed');
});

test('C84 RFC 9000 §13.4.2.1 counts of marks that were never sent fail the path', () => {
  const remarked = tested();
  remarked.ecn.onAck(remarked.counts, 2, 2, 1, 0);
  assert.equal(remarked.ecn.state, 'failed', 'ECT(1)');
  const inflated = tested();
  inflated.ecn.onAck(inflated.counts, 2, 6, 0, 0);
  assert.equal(inflated.ecn.state, 'failed', 'more than were sent');
});

test('C84 RFC 9000 §13.4.2.1 counts may grow by more than is newly acknowledged, as ACKs get lost', () => {
  const { ecn, counts } = tested();
  ecn.onAck(counts, 1, 4, 0, 0);
  assert.equal(ecn.state, 'capable');
});

test('C84 RFC 9000 §13.4.2 a capable path that stops carrying marks fails later', () => {
  const { ecn, counts } = tested();
  ecn.onAck(counts, 2, 2, 0, 0);
  assert.equal(ecn.state, 'capable');
  ecn.onAck(counts, 2, 1, 0, 0);
  assert.equal(ecn.state, 'failed', 'counts never sink');
});

test('C84 RFC 9000 §13.4.2 a path on which every packet with a mark is lost fails', () => {
  const { ecn, counts } = tested(ECN_TEST_PACKETS);
  send(ecn, counts, 1);
  for (let i = 0; i < ECN_TEST_PACKETS; i++) {
    assert.equal(ecn.state, 'unknown');
    ecn.onLost();
  }
  assert.equal(ecn.state, 'failed');
});

test('C84 a path that marks every packet CE fails after the test', () => {
  const { ecn, counts } = tested(ECN_TEST_PACKETS);
  assert.equal(ecn.onAck(counts, 5, 0, 0, 5), true, 'the marks count all the same');
  assert.equal(ecn.state, 'testing');
  ecn.onAck(counts, 5, 0, 0, 10);
  assert.equal(ecn.state, 'failed');
});

/** Ten packets with a mark, sent at 0. */
function marked(congestionControl: string): Harness {
  const harness = new Harness({}, { ecn: true, congestionControl });
  for (let i = 0; i < 10; i++) {
    harness.path.beginBatch(0);
    harness.send(0);
  }
  return harness;
}

for (const congestionControl of ['reno', 'cubic']) {
  test(`C84 RFC 9002 §7.1 a CE mark reduces the window of ${congestionControl} once per round trip`, () => {
    const harness = marked(congestionControl);
    const { path, recovery } = harness;
    recovery.onAck(2, { ...ackOf([0, 1]), type: 3, ect0: 2, ect1: 0, ce: 0 }, 0, 50);
    assert.equal(path.ecn.state, 'capable');
    const { window } = path.congestion;
    recovery.onAck(2, { ...ackOf([0, 3]), type: 3, ect0: 3, ect1: 0, ce: 1 }, 0, 51);
    const reduced = path.congestion.window;
    assert.ok(reduced < window);
    recovery.onAck(2, { ...ackOf([0, 5]), type: 3, ect0: 4, ect1: 0, ce: 2 }, 0, 52);
    assert.equal(path.congestion.window, reduced);
    assert.equal(path.startupExit?.reason, 'ecn');
    assert.equal(path.counters.packetsLost, 0);
    assert.equal(path.ecn.ceCount, 2);
    path.beginBatch(60);
    harness.send(60);
    recovery.onAck(2, { ...ackOf([0, 10]), type: 3, ect0: 8, ect1: 0, ce: 3 }, 0, 110);
    assert.ok(path.congestion.window < reduced, 'of a packet that left after the reduction');
  });
}

test('C84 a CE mark ends the Startup of bbr', () => {
  const { path, recovery } = marked('bbr');
  recovery.onAck(2, { ...ackOf([0, 3]), type: 3, ect0: 3, ect1: 0, ce: 1 }, 0, 50);
  assert.equal(path.startupExit?.reason, 'ecn');
});

test('C84 RFC 9000 §13.4.2.1 an ACK that does not raise the largest number is not judged', () => {
  const { path, recovery } = marked('cubic');
  recovery.onAck(2, { ...ackOf([4, 5]), type: 3, ect0: 4, ect1: 0, ce: 0 }, 0, 50);
  recovery.onAck(2, { ...ackOf([2, 5]), type: 3, ect0: 2, ect1: 0, ce: 0 }, 0, 51);
  assert.equal(path.ecn.state, 'capable');
  recovery.onAck(2, ackOf([0, 6]), 0, 52);
  assert.equal(path.ecn.state, 'failed');
});

test('C84 RFC 9000 §13.4.2 lost packets with a mark count, others do not', () => {
  const harness = marked('cubic');
  for (let i = 0; i < 4; i++) {
    harness.path.beginBatch(10);
    harness.send(10);
  }
  assert.equal(harness.path.ecn.state, 'unknown');
  harness.ack(60, [[11, 13]]);
  assert.equal(harness.path.ecn.state, 'failed');
});

test('C84 RFC 9937 §6.2 after a CE mark sending goes on while the window comes down', () => {
  const harness = new Harness({}, { ecn: true, congestionControl: 'reno', initialWindowPackets: 20 });
  const { path, recovery } = harness;
  path.beginBatch(0);
  for (let i = 0; i < 20; i++) harness.send(0);
  recovery.onAck(2, { ...ackOf([0, 0]), type: 3, ect0: 1, ect1: 0, ce: 0 }, 0, 50);
  recovery.onAck(2, { ...ackOf([0, 2]), type: 3, ect0: 2, ect1: 0, ce: 1 }, 0, 51);
  assert.ok(path.bytesInFlight > path.congestion.window);
  assert.ok(path.windowRoom >= 1200);
});
