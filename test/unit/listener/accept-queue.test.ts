import assert from 'node:assert/strict';
import test from 'node:test';
import { AcceptQueue } from '../../../src/listener/accept-queue.ts';

test('L5 L14 those who wait are served in order, without those who gave up', async () => {
  const queue = new AcceptQueue<number>();
  const given = new AbortController();
  const waiting = [queue.wait(undefined), queue.wait(given.signal), queue.wait(undefined)];
  given.abort();
  await assert.rejects(waiting[1] as Promise<number>, { name: 'AbortError' });
  assert.deepEqual([queue.push(1), queue.push(2), queue.push(3)], [true, true, false]);
  assert.deepEqual([await waiting[0], await waiting[2], queue.shift()], [1, 2, 3]);
});

test('L14 who gives up, or has no signal to give up by, leaves nothing behind', async () => {
  const queue = new AcceptQueue<number>();
  for (let i = 0; i < 100; i++) {
    const given = new AbortController();
    const wait = assert.rejects(queue.wait(given.signal));
    given.abort();
    await wait;
    await assert.rejects(queue.wait(AbortSignal.abort()));
    await assert.rejects(queue.wait({} as never), { code: 'ERR_INVALID_ARG_TYPE' });
  }
  assert.equal(queue.waiting, 0);
  assert.equal(queue.push(1), false);
});
