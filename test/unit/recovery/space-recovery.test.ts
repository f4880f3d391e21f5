import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TransportError } from '../../../src/errors.ts';
import { PathRecovery } from '../../../src/recovery/path-recovery.ts';
import { SentFlag } from '../../../src/recovery/sent-packets.ts';
import { type AckRanges, MAX_SKIPPED_NUMBERS, SpaceRecovery } from '../../../src/recovery/space-recovery.ts';
import { ackOf, ackPackets } from './support.ts';

const path = new PathRecovery();

function spaceWith(packets: number): SpaceRecovery {
  const state = new SpaceRecovery(2);
  for (let i = 0; i < packets; i++) send(state);
  return state;
}

function send(state: SpaceRecovery): void {
  state.sent.begin(state.sent.last + 1);
  state.sent.end(0, 100, SentFlag.ACK_ELICITING | SentFlag.IN_FLIGHT, path);
  state.inFlight++;
  state.ackElicitingInFlight++;
}

function violates(reason: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof TransportError);
    assert.equal(error.code, 0x0a);
    assert.equal(error.frameType, 0x02);
    assert.match(error.reason, reason);
    return true;
  };
}

test('RFC 9000 §13.1 an ACK of a packet that was never sent is a violation', () => {
  const state = spaceWith(3);
  state.check(ackOf([0, 2]));
  assert.throws(() => state.check(ackOf([0, 3])), violates(/not sent/));
  assert.throws(() => new SpaceRecovery(2).check(ackOf([0, 0])), violates(/not sent/));
});

test('RFC 9000 §21.4 an ACK of a skipped number is a violation, wherever in the ranges it is', () => {
  const state = new SpaceRecovery(2);
  for (let n = 0; n < 40; n++) {
    if (n === 10 || n === 20 || n === 39) state.skip(n);
    else send(state);
  }
  state.check(ackOf([0, 9], [11, 19], [21, 38]));
  state.check(ackOf([11, 12]));
  state.check(ackOf([21, 38]));
  for (const bad of [
    ackOf([0, 10]),
    ackOf([10, 12]),
    ackOf([5, 15], [17, 18], [25, 30]),
    ackOf([20, 20], [30, 38]),
    ackOf([39, 39]),
    ackOf([0, 38]),
  ]) {
    assert.throws(() => state.check(bad), violates(/skipped/));
  }
});

test('skipped numbers are remembered within a limit, the latest ones', () => {
  const state = new SpaceRecovery(2);
  for (let n = 0; n < 4 * MAX_SKIPPED_NUMBERS; n++) {
    if (n % 2 === 0) state.skip(n);
    else send(state);
  }
  const last = 4 * MAX_SKIPPED_NUMBERS - 2;
  assert.throws(() => state.check(ackOf([last, last])), violates(/skipped/));
  const oldest = last - 2 * (MAX_SKIPPED_NUMBERS - 1);
  assert.throws(() => state.check(ackOf([oldest, oldest])), violates(/skipped/));
  state.check(ackOf([oldest - 2, oldest - 2]));
});

test('an ACK settles what is outstanding, lists it once and ascending', () => {
  const state = spaceWith(30);
  const collect = (ack: AckRanges) => {
    const count = state.collectAcked(ack, 1);
    return Array.from(state.acked.subarray(0, count), (slot) => state.sent.packetNumber(slot));
  };
  assert.deepEqual(collect(ackPackets([3, 4, 5, 10, 20, 21])), [3, 4, 5, 10, 20, 21]);
  assert.deepEqual(collect(ackPackets([3, 4, 5, 10, 20, 21])), []);
  assert.equal(state.inFlight, 24);
  assert.equal(collect(ackOf([0, 29])).length, 24);
  assert.equal(state.ackElicitingInFlight, 0);
});

test('how many numbers lie between leaves out those that were skipped', () => {
  const state = new SpaceRecovery(2);
  send(state);
  state.skip(1);
  send(state);
  state.skip(3);
  send(state);
  assert.equal(state.sentBetween(0, 4), 1);
  assert.equal(state.sentBetween(2, 4), 0);
  assert.equal(state.sentBetween(0, 2), 0);
});

test('10,000 ACKs with 256 ranges cost no more than what is in flight', () => {
  // 256 ranges far below what is outstanding, again and again: none of them is looked up.
  const state = new SpaceRecovery(2);
  for (let n = 0; n < 2000; n++) send(state);
  const all: [number, number][] = [];
  for (let i = 0; i < 255; i++) all.push([i * 4, i * 4 + 1]);
  state.collectAcked(ackOf([0, 1990]), 0);
  state.sent.advance();
  let finds = 0;
  const find = state.sent.find.bind(state.sent);
  state.sent.find = (packetNumber) => {
    finds++;
    return find(packetNumber);
  };
  const hostile = ackOf(...all, [1995, 1995]);
  assert.equal(hostile.rangeCount, 256);
  for (let i = 0; i < 10_000; i++) {
    state.check(hostile);
    state.collectAcked(hostile, 1);
  }
  assert.equal(finds, 10_000);
});
