import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LostPackets, MAX_LOST_PACKETS } from '../../../src/recovery/lost-packets.ts';
import { PathRecovery } from '../../../src/recovery/path-recovery.ts';
import { ackOf } from './support.ts';

const path = new PathRecovery();

function take(lost: LostPackets, ...ranges: [number, number][]): number[] {
  const ack = ackOf(...ranges);
  const found: number[] = [];
  lost.take(ack.ranges, ack.rangeCount, 0, (_path, sentTime) => found.push(sentTime));
  return found.sort((x, y) => x - y);
}

test('C80 a lost packet is found once in the ranges of a late ACK', () => {
  const lost = new LostPackets();
  for (const n of [3, 5, 6, 9, 12]) lost.add(n, n, 100, path);
  assert.deepEqual(take(lost, [0, 2], [7, 8], [10, 11], [13, 20]), []);
  assert.deepEqual(take(lost, [5, 9]), [5, 6, 9]);
  assert.deepEqual(take(lost, [0, 20]), [3, 12]);
  assert.equal(lost.size, 0);
});

test('packets of two paths that are lost out of order are found too', () => {
  const lost = new LostPackets();
  for (const n of [8, 2, 5, 1, 9]) lost.add(n, n, 100, path);
  assert.deepEqual(take(lost, [2, 2], [8, 8]), [2, 8]);
  assert.deepEqual(take(lost, [0, 100]), [1, 5, 9]);
});

test('records are forgotten after their time', () => {
  const lost = new LostPackets();
  lost.add(1, 0, 10, path);
  lost.add(2, 0, 20, path);
  lost.add(3, 0, 30, path);
  lost.expire(20);
  assert.equal(lost.size, 1);
  assert.deepEqual(take(lost, [1, 2]), []);
});

test('no more than MAX_LOST_PACKETS are remembered, the latest ones', () => {
  const lost = new LostPackets();
  for (let n = 0; n < 10 * MAX_LOST_PACKETS; n++) {
    lost.add(n, n, 0, path);
    assert.ok(lost.size <= MAX_LOST_PACKETS);
  }
  const last = 10 * MAX_LOST_PACKETS - 1;
  assert.deepEqual(take(lost, [0, 5], [last - 1, last]), [last - 1, last]);
});
