import assert from 'node:assert/strict';
import test from 'node:test';
import { Loop, MAX_QUEUED_BYTES, MAX_QUEUED_DATAGRAMS } from '../../../src/runtime/loop.ts';
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
