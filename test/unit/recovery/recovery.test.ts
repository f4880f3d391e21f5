import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TransportError } from '../../../src/errors.ts';
import { PathRecovery } from '../../../src/recovery/path-recovery.ts';
import {
  MAX_ACK_ONLY_RUN,
  MAX_PROBE_TIMEOUT,
  PROBES_PER_TIMEOUT,
  Recovery,
} from '../../../src/recovery/recovery.ts';
import { ackOf, ackPackets, Harness } from './support.ts';

const NEVER = Number.POSITIVE_INFINITY;

test('RFC 9002 §5.1 a sample comes from the largest packet only if it is newly acknowledged', () => {
  const harness = new Harness();
  harness.send(0);
  harness.send(10);
  harness.send(20);
  harness.ack(110, [[1, 1]]);
  assert.equal(harness.path.rtt.latest, 100);
  harness.ack(500, [[0, 1]]);
  assert.equal(harness.path.rtt.latest, 100, 'the largest was acknowledged before');
  harness.ack(600, [[0, 2]]);
  assert.equal(harness.path.rtt.latest, 580);
});

test('RFC 9002 §5.1 no sample without an ack-eliciting packet', () => {
  const harness = new Harness();
  harness.send(0, { ackEliciting: false });
  assert.equal(harness.ack(100, [[0, 0]]), true);
  assert.equal(harness.path.rtt.hasSample, false);
  harness.send(200);
  harness.send(210, { ackEliciting: false });
  harness.ack(300, [[1, 2]]);
  assert.equal(harness.path.rtt.latest, 90, 'of the largest, whatever it was');
});

test('RFC 9002 §5.3 max_ack_delay caps the reported delay once the handshake is confirmed', () => {
  for (const [confirmed, expected] of [
    [true, (7 * 100 + 375) / 8],
    [false, (7 * 100 + 200) / 8],
  ] as const) {
    const harness = new Harness({ confirmed });
    harness.send(0);
    harness.ack(100, [[0, 0]]);
    harness.send(100);
    harness.ack(500, [[1, 1]], { delay: 200 });
    assert.equal(harness.path.rtt.smoothed, expected);
  }
});

test('RFC 9002 §5.3 the delay of Initial packets is ignored', () => {
  const harness = new Harness({ confirmed: false });
  for (const now of [0, 100]) {
    const n = harness.send(now, { space: 0 });
    harness.ack(now + 100 + now, [[n, n]], { space: 0, delay: 50 });
  }
  assert.equal(harness.path.rtt.smoothed, (7 * 100 + 200) / 8);
});

test('C80 RFC 9002 §6.2.1 the probe timeout counts from the last ack-eliciting packet and doubles', () => {
  const harness = new Harness();
  harness.send(0);
  harness.ack(100, [[0, 0]]);
  assert.equal(harness.recovery.deadline, NEVER, 'nothing in flight');
  harness.send(200);
  harness.send(250);
  harness.send(260, { ackEliciting: false });
  // 100 + 4 * 50 + 25
  assert.equal(harness.recovery.ptoFor(harness.path, 2), 325);
  assert.equal(harness.recovery.ptoFor(harness.path, 1), 300);
  assert.equal(harness.recovery.deadline, 575);
  harness.recovery.onTimeout(574);
  assert.equal(harness.recovery.probesPending(2), 0);
  harness.recovery.onTimeout(575);
  assert.equal(harness.recovery.probesPending(2), PROBES_PER_TIMEOUT);
  assert.deepEqual(harness.lostPackets, [], 'RFC 9002 §6.2 a probe timeout is no loss');
  harness.send(575);
  harness.recovery.sendProbe(2);
  assert.equal(harness.recovery.probesPending(2), 1);
  assert.equal(harness.recovery.deadline, 575 + 650);
  harness.recovery.onTimeout(1225);
  assert.equal(harness.recovery.ptoCount, 2);
  assert.equal(harness.recovery.deadline, 1225 + 1300);
  harness.ack(1300, [[3, 3]]);
  assert.equal(harness.recovery.ptoCount, 0, 'an acknowledgement resets the back-off');
  assert.equal(harness.recovery.totalPtoCount, 2);
});

test('C80 RFC 9002 §6.2.1 back-off is capped, so that probes do not die out', () => {
  const harness = new Harness();
  harness.send(0);
  let previous = 0;
  for (let i = 0; i < 40; i++) {
    const { deadline } = harness.recovery;
    assert.ok(deadline - previous <= MAX_PROBE_TIMEOUT + 1e-6);
    previous = deadline;
    harness.recovery.onTimeout(deadline);
  }
  assert.equal(harness.recovery.ptoCount, 40);
});

test('RFC 9002 §6.2.1 no probe timeout while a packet waits to be late, even if it would come first', () => {
  const harness = new Harness();
  harness.recovery.maxAckDelay = 0;
  harness.send(0);
  harness.ack(1000, [[0, 0]]);
  harness.send(2000);
  harness.send(2000);
  harness.path.rtt.variation = 0;
  harness.ack(3000, [[2, 2]]);
  assert.equal(harness.path.rtt.pto, 1001);
  assert.equal(harness.recovery.deadline, 2000 + 1125);
});

test('a timer that wakes late fires once, not once for every time it missed', () => {
  const harness = new Harness();
  harness.send(0);
  harness.recovery.onTimeout(100_000);
  assert.ok(harness.recovery.deadline > 100_000);
  assert.equal(harness.recovery.ptoCount, 1);
});

test('RFC 9002 §6.2.1 the Application space has no probe timeout before the handshake is confirmed', () => {
  const harness = new Harness({ confirmed: false });
  harness.send(0);
  assert.equal(harness.recovery.deadline, NEVER);
  harness.send(5, { space: 1 });
  assert.equal(harness.recovery.deadline, 5 + 333 + 4 * 166.5);
  harness.recovery.onTimeout(harness.recovery.deadline);
  assert.equal(harness.recovery.probesPending(1), PROBES_PER_TIMEOUT);
  assert.equal(harness.recovery.probesPending(2), 1, 'RFC 9002 §6.2.4 other spaces are probed along');
  harness.recovery.discardSpace(1);
  assert.equal(harness.recovery.deadline, NEVER);
  harness.recovery.setHandshakeConfirmed();
  assert.equal(harness.recovery.deadline, 0 + 999 + 25);
});

test('RFC 9002 §6.2.1 of Initial and Handshake the earlier timeout counts', () => {
  const harness = new Harness({ confirmed: false });
  harness.send(10, { space: 1 });
  harness.send(20, { space: 0 });
  assert.equal(harness.recovery.deadline, 10 + 999);
  harness.recovery.onTimeout(1009);
  assert.equal(harness.recovery.probesPending(1), PROBES_PER_TIMEOUT);
  assert.equal(harness.recovery.probesPending(0), 1);
});

test('C80 RFC 9002 §6.2.2.1 a client keeps a timer with nothing in flight until the server has validated it', () => {
  const harness = new Harness({ role: 'client', confirmed: false });
  assert.equal(harness.recovery.deadline, NEVER, 'nothing was sent yet');
  harness.send(0, { space: 0 });
  harness.ack(50, [[0, 0]], { space: 0 });
  assert.equal(harness.recovery.hasInFlight(0), false);
  // 50 + 4 * 25
  assert.equal(harness.recovery.deadline, 50 + 150);
  harness.recovery.onTimeout(200);
  assert.equal(harness.recovery.probesPending(0), 1);
  assert.equal(harness.recovery.deadline, 200 + 300);
  harness.recovery.setHandshakeKeysAvailable();
  harness.recovery.onTimeout(500);
  assert.equal(harness.recovery.probesPending(1), 1, 'a Handshake packet proves the address');
  const n = harness.send(500, { space: 1 });
  harness.ack(550, [[n, n]], { space: 1 });
  assert.equal(harness.recovery.deadline, NEVER);
});

test('RFC 9002 §6.2.2.1 0-RTT in flight does not take the client its anti-deadlock timer', () => {
  const harness = new Harness({ role: 'client', confirmed: false });
  harness.send(0, { space: 0 });
  harness.send(1, { space: 2 });
  harness.ack(50, [[0, 0]], { space: 0 });
  assert.equal(harness.recovery.deadline, 50 + 150);
});

test('RFC 9002 §6.2.1 a client does not reset its back-off for an ACK of Initial packets', () => {
  const harness = new Harness({ role: 'client', confirmed: false });
  harness.send(0, { space: 0 });
  harness.recovery.onTimeout(harness.recovery.deadline);
  harness.send(1000, { space: 0 });
  harness.ack(1050, [[0, 1]], { space: 0 });
  assert.equal(harness.recovery.ptoCount, 1);
  harness.send(1060, { space: 1 });
  harness.ack(1100, [[0, 0]], { space: 1 });
  assert.equal(harness.recovery.ptoCount, 0);
});

test('RFC 9002 §6.2.2.1 a server that may send nothing has no probe timeout, and it may be due at once afterwards', () => {
  const harness = new Harness({ confirmed: false });
  harness.send(0, { space: 0 });
  harness.recovery.setAntiAmplificationBlocked(true);
  assert.equal(harness.recovery.deadline, NEVER);
  harness.recovery.setAntiAmplificationBlocked(false);
  assert.equal(harness.recovery.deadline, 999);
  harness.recovery.onTimeout(5000);
  assert.equal(harness.recovery.probesPending(0), PROBES_PER_TIMEOUT);
});

test('RFC 9002 §6.2.4 a probe without new data repeats the oldest content, and its packet stays in flight', () => {
  const harness = new Harness();
  for (let i = 0; i < 3; i++) harness.send(i);
  harness.recovery.onTimeout(harness.recovery.deadline);
  const inFlight = harness.path.bytesInFlight;
  assert.equal(harness.recovery.retransmitOldest(2), true);
  assert.deepEqual(harness.lost, [0]);
  assert.equal(harness.recovery.retransmitOldest(2), true);
  assert.deepEqual(harness.lost, [0, 1]);
  assert.equal(harness.path.bytesInFlight, inFlight);
  assert.equal(harness.recovery.counters.packetsLost, 0);
  harness.ack(2000, [[0, 2]]);
  assert.deepEqual(harness.acked, [2], 'what was taken for the probe is not reported twice');
  assert.equal(harness.recovery.retransmitOldest(2), false);
});

test('RFC 9002 §6.4 a discarded space leaves nothing in flight, no timer and no word', () => {
  const harness = new Harness({ confirmed: false });
  for (let i = 0; i < 4; i++) harness.send(0, { space: 1 });
  harness.recovery.onTimeout(harness.recovery.deadline);
  harness.recovery.discardSpace(1);
  harness.recovery.discardSpace(1);
  assert.equal(harness.path.bytesInFlight, 0);
  assert.equal(harness.recovery.deadline, NEVER);
  assert.equal(harness.recovery.probesPending(1), 0);
  assert.equal(harness.recovery.ptoCount, 0);
  assert.deepEqual([harness.acked, harness.lost], [[], []]);
  assert.equal(harness.path.congestion.window, 12_000);
});

test('RFC 9002 §6.4 an ACK for a space whose keys are gone is ignored, whatever it says', () => {
  const harness = new Harness();
  harness.send(0, { space: 0 });
  harness.recovery.discardSpace(0);
  assert.equal(harness.recovery.onAck(0, ackOf([0, 1e9]), 0, 10), false);
  assert.equal(harness.recovery.largestAcked(0), -1);
});

test('a listener may discard spaces and confirm the handshake while an ACK is processed', () => {
  const path = new PathRecovery();
  const seen: string[] = [];
  const recovery: Recovery = new Recovery(
    { role: 'server', path },
    {
      tokenAcked: (space, _kind, a) => {
        seen.push(`acked ${space}/${a}`);
        recovery.discardSpace(1);
        recovery.discardSpace(0);
        recovery.setHandshakeConfirmed();
      },
      tokenLost: (space, _kind, a) => seen.push(`lost ${space}/${a}`),
    },
  );
  for (const space of [0, 1]) {
    for (let n = 0; n < 6; n++) {
      recovery.beginPacket(space, n);
      recovery.token(1, n, 0, 0);
      recovery.endPacket(0, 1000, true, true, path);
    }
  }
  assert.equal(recovery.onAck(1, ackOf([3, 5]), 0, 50), true);
  assert.deepEqual(seen, ['acked 1/3']);
  assert.equal(path.bytesInFlight, 0);
  assert.equal(recovery.deadline, NEVER);
});

test('C80 RFC 9002 §6.3 after a Retry everything is sent again in packets with higher numbers', () => {
  const harness = new Harness({ role: 'client', confirmed: false });
  harness.send(0, { space: 0 });
  harness.send(0, { space: 2 });
  harness.recovery.onTimeout(harness.recovery.deadline);
  harness.path.congestion.onCongestionEvent(1000, 999);
  harness.recovery.resetForRetry();
  assert.deepEqual(harness.lost, [0, 0]);
  assert.equal(harness.path.bytesInFlight, 0);
  assert.equal(harness.path.congestion.window, 12_000);
  assert.equal(harness.recovery.ptoCount, 0);
  assert.equal(harness.recovery.probesPending(0), 0);
  assert.equal(harness.recovery.counters.packetsLost, 0);
  assert.equal(harness.send(1100, { space: 0 }), 1);
  harness.ack(1150, [[1, 1]], { space: 0 });
  assert.deepEqual(harness.acked, [1]);
  assert.deepEqual(harness.lostPackets, []);
});

test('RFC 9002 §6.4 rejected 0-RTT packets are taken back without a congestion signal', () => {
  const harness = new Harness({ role: 'client', confirmed: false });
  for (let i = 0; i < 3; i++) harness.send(0, { space: 2 });
  harness.recovery.withdrawOutstanding(2);
  assert.deepEqual(harness.lost, [0, 1, 2]);
  assert.equal(harness.path.bytesInFlight, 0);
  assert.equal(harness.path.congestion.window, 12_000);
  assert.equal(harness.send(10, { space: 2 }), 3);
});

test('RFC 9000 §13.1 an ACK of a packet that was not sent changes nothing before it is refused', () => {
  const harness = new Harness();
  harness.send(0);
  assert.throws(() => harness.ack(10, [[0, 1]]), TransportError);
  assert.equal(harness.recovery.largestAcked(2), -1);
  assert.deepEqual(harness.acked, []);
  assert.equal(harness.path.bytesInFlight, 1200);
});

test('RFC 9000 §21.4 a peer that acknowledges everything while data is lost is found out by a skipped number', () => {
  const harness = new Harness();
  let caught = -1;
  for (let n = 0; n < 100 && caught < 0; n++) {
    if (n % 30 === 29) harness.skip();
    harness.send(n);
    const last = harness.recovery.lastPacketNumber(2);
    try {
      harness.ack(n + 0.5, [[0, last]]);
    } catch (error) {
      assert.ok(error instanceof TransportError && error.code === 0x0a);
      caught = n;
    }
  }
  assert.equal(caught, 29);
});

test('RFC 9000 §13.2.4 a sender of ACKs alone is told to ask for one about once per round trip', () => {
  const harness = new Harness();
  harness.send(0);
  harness.ack(100, [[0, 0]]);
  const wants = (now: number) => harness.recovery.wantsAckEliciting(2, now);
  for (let i = 0; i < MAX_ACK_ONLY_RUN; i++) {
    assert.equal(wants(150), false);
    harness.send(110, { ackEliciting: false });
  }
  assert.equal(wants(150), true);
  assert.equal(wants(99), false, 'the last ack-eliciting packet is not a round trip old');
  harness.send(150);
  assert.equal(wants(1000), false);
});

test('an aborted packet was never sent', () => {
  const harness = new Harness();
  harness.recovery.beginPacket(2, 0);
  harness.recovery.token(1, 1, 1, 1);
  harness.recovery.abortPacket();
  assert.equal(harness.recovery.hasInFlight(2), false);
  assert.equal(harness.recovery.lastPacketNumber(2), -1);
  assert.throws(() => harness.ack(1, [[0, 0]]), TransportError);
  assert.equal(harness.send(0), 0);
});

test('C80 every token is reported exactly once, and the books agree with a naive model', () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('send'), n: fc.integer({ min: 1, max: 12 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('ack-only'), n: fc.constant(1) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('skip'), n: fc.constant(1) }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('ack'), n: fc.integer({ min: 1, max: 1e9 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('timeout'), n: fc.constant(1) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('probe'), n: fc.constant(1) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 150 }), (steps) => {
      const harness = new Harness({}, { initialWindowPackets: 1000 });
      const sent = new Map<number, number>();
      const ackOnly = new Set<number>();
      let now = 0;
      for (const { kind, n } of steps) {
        now += 1 + (n % 7);
        if (kind === 'send')
          for (let i = 0; i < n; i++) sent.set(harness.send(now, { size: 100 + i }), 100 + i);
        else if (kind === 'ack-only') ackOnly.add(harness.send(now, { ackEliciting: false }));
        else if (kind === 'skip') harness.skip();
        else if (kind === 'probe') harness.recovery.retransmitOldest(2);
        else if (kind === 'timeout') {
          if (harness.recovery.deadline < NEVER) now = Math.max(now, harness.recovery.deadline);
          harness.recovery.onTimeout(now);
        } else {
          // Acknowledges a pseudo-random part of everything that was ever sent, up to some number.
          const all = [...sent.keys(), ...ackOnly].sort((x, y) => x - y);
          const upTo = all[n % Math.max(1, all.length)];
          const arrived = all.filter((each) => each <= upTo && (each * 2654435761 + n) % 10 < 7);
          if (arrived.length > 0) harness.recovery.onAck(2, ackPackets(arrived), n % 30, now);
        }
        const known = new Set([...harness.acked, ...harness.lost]);
        assert.equal(known.size, harness.acked.length + harness.lost.length, 'no token twice');
        const counters = harness.recovery.counters;
        assert.equal(
          harness.recovery.hasInFlight(2),
          counters.packetsSent > counters.packetsAcked + counters.packetsLost,
        );
        assert.equal(
          harness.path.bytesInFlight,
          counters.bytesSent - counters.bytesAcked - counters.bytesLost,
        );
        assert.equal(Number.isFinite(harness.recovery.deadline), harness.recovery.hasAckElicitingInFlight(2));
      }
      // One more packet, and an ACK of it alone: everything before it is acknowledged, or lost by now.
      now += 1e6;
      for (let i = 0; i < 4; i++) sent.set(harness.send(now), 1200);
      const last = harness.recovery.lastPacketNumber(2);
      harness.ack(now + 100, [[last - 3, last]]);
      const reported = new Set([...harness.acked, ...harness.lost]);
      assert.deepEqual(
        [...sent.keys()].filter((each) => !reported.has(each)),
        [],
      );
      assert.equal(harness.path.bytesInFlight, 0);
      assert.equal(harness.recovery.deadline, NEVER);
    }),
    { numRuns: 120 },
  );
});
