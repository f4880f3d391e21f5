/**
 * Every case of test/support/conformance-cases.ts against our server on the virtual network: it closes with exactly the
 * named code, and another client's connection to the same server does not notice.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { transportErrorName } from '../../src/errors.ts';
import { CONFORMANCE_CASES, type ConformanceCase } from '../support/conformance-cases.ts';
import { coreServer, HostileStage } from '../support/hostile-stage.ts';
import { TestServer } from '../support/test-server.ts';

for (const each of CONFORMANCE_CASES) {
  test(`${each.number} ${each.title} closes with ${transportErrorName(each.code)}`, () => run(each));
}

function run(each: ConformanceCase): void {
  const server = new TestServer(each.number);
  const stage = new HostileStage(each.number, each.options ?? {}, coreServer(server));
  const { healthy, peer } = stage;
  healthy.say('before');
  runUntil(stage, () => healthy.isAnswered);
  assert.ok(healthy.isAnswered, 'the healthy connection works before');
  runFor(stage, 300);
  if (each.run !== undefined) {
    assert.ok(peer.isEstablished, 'the handshake is complete');
    assert.equal(peer.close, null);
    each.run(peer);
    stage.hostileDriver.wake();
    runFor(stage, 300);
  }
  assert.notEqual(peer.close, null, 'the server closed');
  assert.equal(transportErrorName(peer.close?.code ?? 0), transportErrorName(each.code), peer.close?.reason);
  assert.equal(peer.close?.isApplication, false);
  healthy.say('after');
  stage.healthyDriver.wake();
  runUntil(stage, () => healthy.isAnswered);
  assert.ok(healthy.isAnswered, 'the healthy connection works after');
  runFor(stage, 20_000);
  const [first, second] = server.members.map(({ core }) => core.state.value).sort();
  assert.deepEqual([first, second], ['closed', 'established']);
}

function runFor(stage: HostileStage, duration: number): void {
  stage.network.clock.run(stage.now + duration);
}

function runUntil(stage: HostileStage, isDone: () => boolean): void {
  const end = stage.now + 5000;
  while (!isDone() && stage.now < end && stage.step());
}
