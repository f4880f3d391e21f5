import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PathRecovery } from '../../../src/recovery/path-recovery.ts';
import { MAX_TRACKED_PACKETS } from '../../../src/recovery/sent-packets.ts';
import { Harness } from './support.ts';

/** With an RTT of 100 ms: pto 300 (plus 25 for the peer's delay), time threshold 112.5. */
function measured(): Harness {
  const harness = new Harness();
  harness.send(0);
  harness.ack(100, [[0, 0]]);
  assert.equal(harness.path.rtt.smoothed, 100);
  return harness;
}

test('C80 RFC 9002 §6.1.1 a packet is lost when one sent three later is acknowledged', () => {
  const harness = new Harness();
  for (let i = 0; i < 5; i++) harness.send(i / 10);
  harness.ack(50, [[2, 2]]);
  assert.deepEqual(harness.lostPackets, []);
  harness.ack(50, [[2, 3]]);
  assert.deepEqual(harness.lostPackets, [0]);
  harness.ack(50, [[2, 4]]);
  assert.deepEqual(harness.lostPackets, [0, 1]);
  assert.deepEqual(harness.acked, [2, 3, 4]);
  assert.deepEqual(harness.lost, [0, 1]);
  assert.equal(harness.path.bytesInFlight, 0);
});

test('RFC 9002 §6.1.1 numbers that were skipped do not count towards the packet threshold', () => {
  const harness = new Harness();
  harness.send(0);
  harness.skip();
  harness.send(0);
  harness.send(0);
  harness.ack(50, [[2, 3]]);
  assert.deepEqual(harness.lostPackets, [], 'two packets overtook it, not three');
  harness.send(51);
  harness.ack(60, [[2, 4]]);
  assert.deepEqual(harness.lostPackets, [0]);
});

test('C80 RFC 9002 §6.1.2 a packet is lost when it is 9/8 of a round trip later than a later one', () => {
  const harness = measured();
  harness.send(200);
  harness.send(210);
  harness.ack(310, [[2, 2]]);
  assert.deepEqual(harness.lostPackets, []);
  assert.equal(harness.recovery.deadline, 312.5, 'a timer for the rest of the time');
  harness.recovery.onTimeout(312.4);
  assert.deepEqual(harness.lostPackets, []);
  harness.recovery.onTimeout(312.5);
  assert.deepEqual(harness.lostPackets, [1]);
  assert.equal(harness.recovery.deadline, Number.POSITIVE_INFINITY);
  assert.equal(harness.recovery.probesPending(2), 0, 'no probe timeout was involved');
});

test('RFC 9002 §6.1 packets above the largest acknowledged one are never lost by thresholds', () => {
  const harness = measured();
  harness.send(200);
  harness.send(201);
  harness.ack(301, [[1, 1]]);
  harness.recovery.onTimeout(harness.recovery.deadline);
  harness.recovery.onTimeout(5000);
  assert.deepEqual(harness.lostPackets, []);
});

test('RFC 9002 §7.3.2 the losses of one round trip are one congestion event', () => {
  const harness = new Harness({}, { congestionControl: 'reno', initialWindowPackets: 40 });
  for (let i = 0; i < 40; i++) harness.send(i / 100);
  harness.ack(100, [[10, 13]]);
  assert.equal(harness.lostPackets.length, 10);
  const { window } = harness.path.congestion;
  assert.equal(window, 24_000);
  harness.ack(101, [[30, 33]]);
  assert.equal(harness.path.congestion.window, window);
});

test('RFC 9000 §14.4 the loss of an MTU probe is no congestion signal', () => {
  const harness = new Harness();
  harness.send(0, { size: 1452, isMtuProbe: true });
  for (let i = 0; i < 3; i++) harness.send(0);
  const { window } = harness.path.congestion;
  harness.ack(50, [[1, 3]]);
  assert.deepEqual(harness.lostPackets, [0]);
  assert.ok(harness.path.congestion.window >= window);
  assert.equal(harness.path.bytesInFlight, 0);
});

test('an ACK-only packet that is lost is no congestion signal and no lost packet', () => {
  const harness = new Harness();
  harness.send(0, { ackEliciting: false });
  for (let i = 0; i < 3; i++) harness.send(0);
  const { window } = harness.path.congestion;
  harness.ack(50, [[1, 3]]);
  assert.ok(harness.path.congestion.window >= window);
  assert.deepEqual(harness.lostPackets, []);
  assert.deepEqual(harness.lost, [0], 'its ACK token is reported all the same');
});

test('no timer runs for an ACK-only packet that may be lost', () => {
  const harness = measured();
  harness.send(200, { ackEliciting: false });
  harness.send(201);
  harness.ack(301, [[2, 2]]);
  assert.equal(harness.recovery.deadline, Number.POSITIVE_INFINITY);
});

test('C80 a packet that was declared lost and is acknowledged later is counted as spurious, once', () => {
  const harness = measured();
  for (let i = 0; i < 4; i++) harness.send(200 + i);
  harness.ack(305, [[2, 4]]);
  assert.deepEqual(harness.lostPackets, [1]);
  assert.equal(harness.ack(310, [[1, 4]]), false, 'nothing is newly acknowledged');
  harness.ack(311, [[1, 4]]);
  assert.equal(harness.recovery.counters.packetsSpuriouslyLost, 1);
  assert.equal(harness.path.counters.packetsSpuriouslyLost, 1);
  assert.equal(harness.path.undoCount, 1);
  assert.deepEqual(harness.acked, [0, 2, 3, 4], 'its token was reported as lost, and is not reported again');
});

test('C80 after three probe timeouts a lost packet is forgotten', () => {
  const harness = measured();
  for (let i = 0; i < 4; i++) harness.send(200 + i);
  harness.ack(305, [[2, 4]]);
  const pto = harness.recovery.ptoFor(harness.path, 2);
  harness.ack(305 + 3 * pto, [[1, 4]]);
  assert.equal(harness.recovery.counters.packetsSpuriouslyLost, 0);
});

test('C80 RFC 9002 §7.6.3 the example of the RFC is persistent congestion', () => {
  // There the probe timeout is 2 s throughout; here 1175 + 4 * 200 + 25 ms, held still.
  const harness = new Harness({}, { congestionControl: 'reno' });
  const { rtt } = harness.path;
  rtt.update(200, 0, -1);
  rtt.smoothed = 1175;
  rtt.variation = 200;
  rtt.min = 50;
  rtt.update = (sample) => {
    rtt.latest = sample;
  };
  harness.send(0);
  harness.send(1000);
  harness.ack(1200, [[0, 0]]);
  for (const time of [2000, 3000, 4000, 5000, 6000, 8000, 12_000]) harness.send(time);
  assert.equal(harness.recovery.lastPacketNumber(2), 8);
  harness.ack(12_200, [[8, 8]]);
  assert.deepEqual(harness.lostPackets, [1, 2, 3, 4, 5, 6, 7]);
  assert.equal(harness.recovery.persistentCongestionCount, 1);
  assert.equal(harness.path.congestion.window, 2400);
  assert.equal(rtt.min, rtt.latest, 'RFC 9002 §5.2 the minimum starts anew');
});

/** Sends one packet each 100 ms from 200 on, and has all lost but those of `arrived`, which are acknowledged last. */
function lossesOver(count: number, arrived: number[] = []): Harness {
  const harness = measured();
  let now = 200;
  const numbers: number[] = [];
  for (let i = 0; i < count; i++, now += 100) numbers.push(harness.send(now));
  const last = harness.send(now);
  const acked = [...arrived.map((i) => numbers[i]), last].map((n): [number, number] => [n, n]);
  harness.ack(now + 100, acked);
  return harness;
}

test('RFC 9002 §7.6.1 losses over less than three probe timeouts are not persistent congestion', () => {
  // (100 + 4 * 50 + 25) * 3 = 975 ms, less what the last sample changed of it.
  assert.equal(lossesOver(6).recovery.persistentCongestionCount, 0);
  assert.equal(lossesOver(12).recovery.persistentCongestionCount, 1);
});

test('RFC 9002 §7.6.2 an acknowledged packet between the losses breaks them up', () => {
  assert.equal(lossesOver(14, [7]).recovery.persistentCongestionCount, 0);
  assert.equal(lossesOver(30, [7]).recovery.persistentCongestionCount, 1, 'enough of them on one side');
});

test('RFC 9002 §7.6.2 a packet that arrived earlier breaks them up too', () => {
  const harness = measured();
  const numbers: number[] = [];
  for (let i = 0; i < 2; i++) numbers.push(harness.send(200 + i * 1));
  harness.ack(310, [[numbers[1], numbers[1]]]); // numbers[0] is not lost yet
  const late = harness.send(1400);
  harness.send(1401);
  harness.ack(1501, [[late + 1, late + 1]]); // numbers[0] is lost, late is not yet
  harness.recovery.onTimeout(harness.recovery.deadline);
  assert.deepEqual(harness.lostPackets, [numbers[0], late]);
  assert.equal(harness.recovery.persistentCongestionCount, 0);
});

test('RFC 9002 §7.6.2 packets acknowledged in another space between the losses break them up', () => {
  const harness = measured();
  for (let now = 200; now < 1500; now += 100) harness.send(now);
  harness.send(700, { space: 1 });
  harness.ack(800, [[0, 0]], { space: 1 });
  const last = harness.send(1500);
  harness.ack(1600, [[last, last]]);
  assert.ok(harness.lostPackets.length > 10);
  assert.equal(harness.recovery.persistentCongestionCount, 0);
});

test('RFC 9002 §7.6.2 packets sent before the first RTT sample do not count', () => {
  const harness = new Harness();
  for (let now = 0; now < 5000; now += 100) harness.send(now);
  harness.send(5000);
  harness.ack(5050, [[50, 50]]);
  assert.equal(harness.lostPackets.length, 50);
  assert.equal(harness.recovery.persistentCongestionCount, 0);
});

test('RFC 9002 §7.6.2 only ack-eliciting packets begin and end the time', () => {
  const harness = measured();
  harness.send(200, { ackEliciting: false, inFlight: true });
  for (let i = 0; i < 5; i++) harness.send(800 + i);
  harness.send(1400, { ackEliciting: false, inFlight: true });
  const last = harness.send(1500);
  harness.ack(1600, [[last, last]]);
  assert.equal(harness.lostPackets.length, 7);
  assert.equal(harness.recovery.persistentCongestionCount, 0);
});

test('RFC 9002 §7.6 losses that are found one after the other are one run', () => {
  const harness = measured();
  for (let now = 200; now < 1400; now += 100) harness.send(now);
  const bridge = harness.send(1400);
  const late = harness.send(1401);
  harness.send(1402);
  // The ACK of the bridge's two successors finds all but the bridge lost, and time finds the bridge.
  harness.ack(1410, [[late, late + 1]]);
  assert.equal(harness.lostPackets.at(-1), bridge - 1);
  assert.equal(harness.recovery.persistentCongestionCount, 1);

  const slow = measured();
  slow.send(200);
  slow.send(201);
  slow.ack(300, [[2, 2]]); // 1 is not lost yet
  slow.recovery.onTimeout(slow.recovery.deadline);
  assert.deepEqual(slow.lostPackets, [1]);
  slow.send(2000);
  slow.send(2001);
  slow.ack(2200, [[4, 4]]);
  slow.recovery.onTimeout(slow.recovery.deadline);
  assert.deepEqual(slow.lostPackets, [1, 3]);
  assert.equal(slow.recovery.persistentCongestionCount, 0, 'number 2 lies between');
});

test('RFC 9000 §9.4 losses on the old path do not touch the new one', () => {
  const harness = measured();
  const other = new PathRecovery();
  for (let i = 0; i < 3; i++) harness.send(200);
  harness.recovery.setPath(other);
  for (let i = 0; i < 3; i++) harness.send(210, { path: other });
  harness.ack(300, [[4, 6]]);
  assert.deepEqual(harness.lostPackets, [1, 2, 3]);
  assert.equal(other.congestion.window, 12_000);
  assert.ok(harness.path.congestion.window < 12_000);
  assert.equal(other.bytesInFlight, 0);
  assert.equal(harness.path.bytesInFlight, 0);
  assert.equal(other.rtt.latest, 90);
  assert.equal(harness.path.rtt.latest, 100);
});

test('a peer that acknowledges nothing makes us keep no more than MAX_TRACKED_PACKETS', () => {
  const harness = new Harness();
  for (let n = 0; n < MAX_TRACKED_PACKETS + 100; n++) harness.send(n / 1000, { size: 30 });
  assert.ok(harness.lostPackets.length >= 100);
  assert.equal(harness.lostPackets[0], 0);
  const outstanding = harness.recovery.counters.packetsSent - harness.recovery.counters.packetsLost;
  assert.ok(outstanding <= MAX_TRACKED_PACKETS);
  assert.equal(harness.path.bytesInFlight, outstanding * 30);
});
