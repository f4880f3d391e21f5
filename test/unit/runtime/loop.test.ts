import assert from 'node:assert/strict';
import test from 'node:test';
import {
  type Driven,
  Loop,
  MAX_DATAGRAM_LENGTH,
  MAX_DATAGRAMS_PER_TURN,
  MAX_QUEUED_BYTES,
  MAX_QUEUED_DATAGRAMS,
  SEND_QUANTUM,
} from '../../../src/runtime/loop.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';

const HERE = { address: '192.0.2.1', port: 1, family: 4 } as const;

test('T25 a datagram whose handling fails stops neither those after it nor the loop', () => {
  const clock = new VirtualClock();
  const loop = new Loop(clock);
  const seen: number[] = [];
  const sink = (bytes: Uint8Array): void => {
    seen.push(bytes[0] as number);
    if (bytes[0] === 1) throw new Error('a fault of ours');
  };
  for (const n of [0, 1, 2]) loop.receive(Uint8Array.of(n), HERE, HERE, 0, sink);
  clock.run(1);
  loop.receive(Uint8Array.of(3), HERE, HERE, 0, sink);
  clock.run(2);
  assert.deepEqual(seen, [0, 1, 2, 3]);
});

test('P12 datagrams that wait for their turn are bounded in number and in bytes', () => {
  const clock = new VirtualClock();
  const loop = new Loop(clock);
  let handled = 0;
  const sink = (): void => {
    handled++;
  };
  for (let i = 0; i < MAX_QUEUED_DATAGRAMS + 10; i++) loop.receive(new Uint8Array(1), HERE, HERE, 0, sink);
  assert.equal(loop.droppedDatagrams, 10);
  clock.run(1);
  assert.equal(handled, MAX_QUEUED_DATAGRAMS);
  const large = new Uint8Array(65_507);
  const fitting = Math.floor(MAX_QUEUED_BYTES / large.length);
  for (let i = 0; i < fitting + 10; i++) loop.receive(large, HERE, HERE, 0, sink);
  assert.equal(loop.droppedDatagrams, 20);
  clock.run(2);
  assert.equal(handled, MAX_QUEUED_DATAGRAMS + fitting);
});

test('P12 L18 what is longer than any datagram is dropped, and nothing else for it', () => {
  const clock = new VirtualClock();
  const loop = new Loop(clock);
  const lengths: number[] = [];
  const sink = (bytes: Uint8Array): void => void lengths.push(bytes.length);
  for (const length of [MAX_DATAGRAM_LENGTH, MAX_DATAGRAM_LENGTH + 1, 1]) {
    loop.receive(new Uint8Array(length), HERE, HERE, 0, sink);
  }
  clock.run(1);
  assert.deepEqual(lengths, [MAX_DATAGRAM_LENGTH, 1]);
  assert.equal(loop.droppedDatagrams, 1);
});

test('L85 connections take turns of a quantum: those with one datagram wait for no more than that', () => {
  const clock = new VirtualClock();
  const loop = new Loop(clock);
  const order: string[] = [];
  const bulk = driven('bulk', 500, order);
  const small = Array.from({ length: 100 }, (_, i) => driven(`small ${i}`, 1, order));
  loop.wantSend(bulk);
  for (const each of small) loop.wantSend(each);
  clock.run(1);
  assert.equal(order.length, 600);
  assert.equal(order.slice(0, SEND_QUANTUM + 100).filter((name) => name === 'bulk').length, SEND_QUANTUM);
});

test('L85 a source of datagrams that it was not the turn of is asked in the next one', () => {
  const clock = new VirtualClock();
  const loop = new Loop(clock);
  const asked: string[] = [];
  const source = (name: string, gives: number) => ({
    receive: (): number => {
      asked.push(name);
      return gives;
    },
  });
  loop.readable(source('busy', MAX_DATAGRAMS_PER_TURN));
  loop.readable(source('other', 1));
  clock.run(1);
  assert.deepEqual(asked, ['busy', 'other']);
});

test('T25 datagrams of a flood keep their order from turn to turn', () => {
  const clock = new VirtualClock();
  const loop = new Loop(clock);
  const seen: number[] = [];
  const sink = (bytes: Uint8Array): void => {
    const n = seen.push(bytes[0] as number);
    // The queue does not run empty while it is cut off at its front.
    if (n < 3000) loop.receive(Uint8Array.of((n + 1999) & 0xff), HERE, HERE, 0, sink);
  };
  for (let n = 0; n < 2000; n++) loop.receive(Uint8Array.of(n & 0xff), HERE, HERE, 0, sink);
  clock.run(1);
  assert.equal(seen.length, 4999);
  assert.ok(seen.every((value, i) => value === (i & 0xff)));
});

function driven(name: string, amount: number, order: string[]): Driven {
  let left = amount;
  return {
    heapIndex: -1,
    heapDeadline: Number.POSITIVE_INFINITY,
    sendQueued: false,
    deliverQueued: false,
    segments: 1,
    onTimeout: () => {},
    deliver: () => {},
    deadline: () => Number.POSITIVE_INFINITY,
    transmit: (_now, most) => {
      const count = Math.min(most, left);
      left -= count;
      for (let i = 0; i < count; i++) order.push(name);
      return count;
    },
  };
}
