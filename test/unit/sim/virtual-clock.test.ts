import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';

test('scheduled work runs at its time and in one order; a run ends at the time asked for', () => {
  const clock = new VirtualClock();
  const seen: string[] = [];
  const note = (name: string) => () => seen.push(`${name}@${clock.now()}`);
  clock.schedule(5, note('b'));
  clock.schedule(2.5, note('a'));
  clock.schedule(5, note('c'));
  clock.schedule(5.001, note('d'));
  const cancel = clock.schedule(4, note('never'));
  cancel();
  cancel();
  clock.run(5);
  assert.deepEqual(seen, ['a@2.5', 'b@5', 'c@5']);
  clock.run(7);
  assert.equal(clock.now(), 7);
  assert.equal(seen.at(-1), 'd@5.001');
});

test('work scheduled in the past runs now, after what is due already', () => {
  const clock = new VirtualClock({ start: 100 });
  const seen: number[] = [];
  clock.schedule(100, () => {
    clock.schedule(3, () => seen.push(2));
    seen.push(1);
  });
  clock.schedule(100, () => seen.push(1.5));
  clock.run(100);
  assert.deepEqual(seen, [1, 1.5, 2]);
  assert.equal(clock.now(), 100);
});

test('wall time goes with virtual time', () => {
  const clock = new VirtualClock({ start: 50, wallTime: 1_000_000 });
  assert.equal(clock.wallTime(), 1_000_000);
  clock.run(60);
  assert.equal(clock.wallTime(), 1_000_010);
});

test('a timer can be moved, cleared and set again, and fires once per setting', () => {
  const clock = new VirtualClock();
  const fired: number[] = [];
  const timer = clock.createTimer(() => fired.push(clock.now()));
  timer.set(10);
  timer.set(20);
  timer.set(5);
  timer.set(8);
  clock.run(30);
  assert.deepEqual(fired, [8]);
  timer.set(40);
  timer.clear();
  timer.set(Infinity);
  clock.run(50);
  timer.set(1);
  clock.run(50);
  assert.deepEqual(fired, [8, 50]);
});

test('a timer that sets itself in its own callback goes on', () => {
  const clock = new VirtualClock();
  let count = 0;
  const timer = clock.createTimer(() => {
    count++;
    timer.set(clock.now() + 10);
  });
  timer.set(10);
  clock.run(100);
  assert.equal(count, 10);
});

test('a run until idle ends with the last event, and does not wait for unreferenced timers', () => {
  const clock = new VirtualClock();
  const timer = clock.createTimer(() => timer.set(clock.now() + 1000));
  timer.unref();
  timer.set(1000);
  clock.schedule(2500, () => {});
  assert.equal(clock.runUntilIdle(), 2500);
  timer.ref();
  assert.equal(clock.waiting, 1);
  assert.throws(() => clock.runUntilIdle(Infinity, 100), /Not idle/);
  assert.ok(clock.runUntilIdle(clock.now() + 5000) <= clock.now() + 5000);
});

test('promises and immediates of the process have their turn between steps of virtual time', async () => {
  const clock = new VirtualClock();
  const seen: string[] = [];
  clock.schedule(1, () => {
    void Promise.resolve()
      .then(() => {})
      .then(() => {
        seen.push('promise of 1');
        clock.schedule(1.5, () => seen.push('1.5'));
      });
    setImmediate(() => seen.push('immediate of 1'));
  });
  clock.schedule(1, () => seen.push('also 1'));
  clock.schedule(2, () => seen.push('2'));
  await clock.runAsync(10);
  assert.deepEqual(seen, ['also 1', 'promise of 1', 'immediate of 1', '1.5', '2']);
  assert.equal(clock.now(), 10);
});

test('what an event puts off with immediate runs after its batch, at the same time', async () => {
  const clock = new VirtualClock();
  const seen: string[] = [];
  clock.schedule(1, () => {
    clock.immediate(() => seen.push(`send@${clock.now()}`));
    queueMicrotask(() => seen.push('application'));
    seen.push('receive 1');
  });
  clock.schedule(1, () => seen.push('receive 2'));
  await clock.runUntilIdleAsync();
  assert.deepEqual(seen, ['receive 1', 'receive 2', 'application', 'send@1']);
});

test('until gives what the promise gives, as soon as virtual time brings it', async () => {
  const clock = new VirtualClock();
  const sleep = (ms: number) =>
    new Promise<number>((resolve) => clock.schedule(clock.now() + ms, () => resolve(ms)));
  clock.schedule(10_000, () => {});
  assert.equal(await clock.until(sleep(3600_000), 3600_000), 3600_000);
  assert.equal(clock.now(), 3600_000);
  const twoSleeps = async () => (await sleep(1)) + (await sleep(2));
  assert.equal(await clock.until(twoSleeps()), 3);
  await assert.rejects(clock.until(Promise.reject(new Error('mine'))), /mine/);
});

test('until fails when the limit passes or nothing can happen any more', async () => {
  const clock = new VirtualClock();
  const never = new Promise(() => {});
  await assert.rejects(clock.until(never), /Idle at 0 ms/);
  const timer = clock.createTimer(() => timer.set(clock.now() + 10));
  timer.set(10);
  await assert.rejects(clock.until(never, 1000), /did not come by 1000 ms/);
});

test('held time does not pass while real work goes on', async () => {
  const clock = new VirtualClock();
  const release = clock.hold();
  let done = false;
  setTimeout(() => {
    done = true;
    release();
    release();
  }, 5);
  clock.schedule(1, () => assert.ok(done));
  await clock.runUntilIdleAsync();
  assert.equal(clock.now(), 1);
});
