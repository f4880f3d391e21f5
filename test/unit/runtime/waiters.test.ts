import assert from 'node:assert/strict';
import test from 'node:test';
import { Waiters } from '../../../src/runtime/waiters.ts';

test('L5 L14 those who wait are served in order, without those who gave up', async () => {
  const waiters = new Waiters<number>();
  const given = new AbortController();
  const waiting = [waiters.wait(undefined), waiters.wait(given.signal), waiters.wait(undefined)];
  given.abort();
  await assert.rejects(waiting[1] as Promise<number>, { name: 'AbortError' });
  assert.deepEqual([waiters.give(1), waiters.give(2), waiters.give(3)], [true, true, false]);
  assert.deepEqual([await waiting[0], await waiting[2]], [1, 2]);
});

test('L14 who gives up, or has no signal to give up by, leaves nothing behind', async () => {
  const waiters = new Waiters<number>();
  for (let i = 0; i < 100; i++) {
    const given = new AbortController();
    const wait = assert.rejects(waiters.wait(given.signal));
    given.abort();
    await wait;
    await assert.rejects(waiters.wait(AbortSignal.abort()));
    await assert.rejects(waiters.wait({} as never), { code: 'ERR_INVALID_ARG_TYPE' });
  }
  assert.equal(waiters.length, 0);
  assert.equal(waiters.give(1), false);
});

test('L7 when nothing will come any more everybody who waits hears why', async () => {
  const waiters = new Waiters<number>();
  const waiting = [waiters.wait(undefined), waiters.wait(new AbortController().signal)];
  waiters.rejectAll(new Error('over'));
  for (const wait of waiting) await assert.rejects(wait, { message: 'over' });
  assert.equal(waiters.length, 0);
});
