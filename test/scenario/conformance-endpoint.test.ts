/** The cases of conformance.test.ts against a real listener on virtual sockets: router, loop and application included. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { transportErrorName } from '../../src/errors.ts';
import type { VirtualHost } from '../../src/sim/virtual-host.ts';
import { CONFORMANCE_CASES, type ConformanceCase } from '../support/conformance-cases.ts';
import { echoListener } from '../support/echo-listener.ts';
import { HostileStage, SERVER } from '../support/hostile-stage.ts';

for (const each of CONFORMANCE_CASES) {
  test(`${each.number} ${each.title} closes a real listener's connection with ${transportErrorName(each.code)}`, () =>
    run(each));
}

async function run(each: ConformanceCase): Promise<void> {
  let host: VirtualHost | null = null;
  const stage = new HostileStage(`${each.number} endpoint`, each.options ?? {}, (server) => {
    host = server;
  });
  assert.ok(host !== null);
  const listener = await echoListener(host, SERVER);
  const { healthy, peer, network } = stage;
  const { clock } = network;
  healthy.say('before');
  await clock.runAsync(500);
  assert.ok(healthy.isAnswered, 'the healthy connection works before');
  if (each.run !== undefined) {
    assert.ok(peer.isEstablished, 'the handshake is complete');
    assert.equal(peer.close, null);
    each.run(peer);
    stage.hostileDriver.wake();
    await clock.runAsync(1000);
  }
  assert.notEqual(peer.close, null, 'the server closed');
  assert.equal(transportErrorName(peer.close?.code ?? 0), transportErrorName(each.code), peer.close?.reason);
  healthy.say('after');
  stage.healthyDriver.wake();
  await clock.runAsync(2000);
  assert.ok(healthy.isAnswered, 'the healthy connection works after');
  await clock.runAsync(20_000);
  assert.equal(listener.endpoint.connections.length, 1);
  const closed = listener.close();
  await clock.until(closed);
}
