import assert from 'node:assert/strict';
import test from 'node:test';
import { KillSwitch } from '../../../src/group.ts';
import { defer } from '../../../src/runtime/deferred.ts';

test('G23 trigger tells everybody who waits, before and afterwards', async () => {
  const killSwitch = new KillSwitch();
  const waits = [killSwitch.wait(), killSwitch.wait()];
  assert.deepEqual([killSwitch.isTriggered, killSwitch.waiters], [false, 2]);
  killSwitch.trigger();
  killSwitch.trigger();
  assert.equal(killSwitch.isTriggered, true);
  await Promise.all(waits);
  await killSwitch.wait();
  assert.equal(killSwitch.waiters, 0);
});

test('G23 the signal is aborted with the reason of the trigger', () => {
  const killSwitch = new KillSwitch();
  const { signal } = killSwitch;
  const reason = new Error('enough');
  killSwitch.trigger(reason);
  assert.equal(signal.aborted, true);
  assert.equal(signal.reason, reason);
});

test('G23 a wait can be given up by a signal, and is no waiter then', async () => {
  const killSwitch = new KillSwitch();
  const controller = new AbortController();
  const wait = killSwitch.wait({ signal: controller.signal });
  controller.abort(new Error('no more'));
  await assert.rejects(wait, /no more/);
  assert.equal(killSwitch.waiters, 0);
});

test('G23 finalize waits for all waiters and rejects if nobody triggered', async () => {
  const killSwitch = new KillSwitch();
  await assert.rejects(killSwitch.finalize(), { code: 'ERR_QUIC_KILL_SWITCH' });
  const work = defer<string>();
  const held = killSwitch.hold(work.promise);
  void killSwitch.wait();
  killSwitch.trigger();
  let isFinal = false;
  const final = killSwitch.finalize().then(() => {
    isFinal = true;
  });
  await new Promise(setImmediate);
  assert.deepEqual([isFinal, killSwitch.waiters], [false, 1]);
  work.resolve('done');
  await final;
  assert.equal(await held, 'done');
  assert.equal(killSwitch.waiters, 0);
  await killSwitch.finalize();
});

test('G23 after reset it is off, with a new signal', async () => {
  const killSwitch = new KillSwitch();
  killSwitch.reset();
  killSwitch.trigger();
  const old = killSwitch.signal;
  killSwitch.reset();
  assert.equal(killSwitch.isTriggered, false);
  assert.notEqual(killSwitch.signal, old);
  let told = false;
  const wait = killSwitch.wait().then(() => {
    told = true;
  });
  await new Promise(setImmediate);
  assert.equal(told, false);
  killSwitch.trigger();
  await wait;
});

test('G23 work that fails is held all the same, and its error is the caller’s', async () => {
  const killSwitch = new KillSwitch();
  const held = killSwitch.hold(Promise.reject(new Error('bad')));
  await assert.rejects(held, /bad/);
  killSwitch.trigger();
  await killSwitch.finalize();
});
