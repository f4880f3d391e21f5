/**
 * Random and mutated datagrams from strangers into a listening endpoint with a living connection. QUAYSIDE_HOSTILE says
 * how many in all hostile tests (default 10,000; a fifth of them here), QUAYSIDE_SEED which ones.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { seededRandom } from '../../src/crypto/random.ts';
import { MAX_DECIDED_INCOMING, MAX_PENDING_INCOMING } from '../../src/routing/limits.ts';
import type { VirtualHost } from '../../src/sim/virtual-host.ts';
import { heapUsed } from '../support/attack.ts';
import { echoListener } from '../support/echo-listener.ts';
import { HEALTHY, HOSTILE, HostileStage, SERVER } from '../support/hostile-stage.ts';
import { mutate } from '../support/mutations.ts';

const TOTAL = Number(process.env.QUAYSIDE_HOSTILE ?? 10_000);
const SEED = Number(process.env.QUAYSIDE_SEED ?? 1);

for (const addressValidation of ['never', 'always'] as const) {
  test(`mutated datagrams into a listening endpoint (address validation ${addressValidation}) harm no connection`, () =>
    run(addressValidation));
}

async function run(addressValidation: 'never' | 'always'): Promise<void> {
  const seed = `endpoint ${SEED} ${addressValidation}`;
  const random = seededRandom(seed);
  let host: VirtualHost | null = null;
  const pool: Uint8Array[] = [];
  const stage = new HostileStage(seed, {}, (server) => {
    host = server;
    server.network.tap(({ kind, bytes }) => {
      if (kind === 'sent' && pool.length < 100) pool.push(bytes.slice());
    });
  });
  assert.ok(host !== null);
  const listener = await echoListener(host, SERVER, { addressValidation });
  const { endpoint } = listener;
  const { healthy, network, healthyDriver, hostileDriver } = stage;
  const { clock } = network;
  const say = async (text: string): Promise<void> => {
    healthy.say(text);
    healthyDriver.wake();
    await clock.runAsync(clock.now() + 3000);
    assert.ok(healthy.isAnswered, `${text}, at ${clock.now()} ms`);
  };
  await say('before');
  // A conversation of the other client too, for its packets; then it is gone.
  hostileDriver.close();
  const before = heapUsed();
  const total = Math.ceil(TOTAL / 10);
  for (let sent = 0; sent < total; ) {
    for (let i = 0; i < 200 && sent < total; i++, sent++) {
      const bytes = mutate(pool, random);
      const from = random.integer(4) === 0 ? HEALTHY : { ...HOSTILE, port: 1024 + random.integer(60_000) };
      network.transmit(stage.hostileHost, from, SERVER, bytes, 0, bytes.length, 0);
      if (i % 20 === 0) await clock.runAsync(clock.now() + 5);
    }
    await say(`after ${sent}`);
    const { sizes } = endpoint;
    assert.ok(sizes.pending <= MAX_PENDING_INCOMING);
    assert.ok(sizes.decided <= MAX_DECIDED_INCOMING);
  }
  assert.equal(endpoint.counters.dropped['internal-error'], 0);
  // What strangers began ends with the handshake timeout.
  await clock.runAsync(clock.now() + 25_000);
  await say('at last');
  assert.equal(endpoint.connections.length, 1);
  assert.equal(endpoint.sizes.pending, 0);
  assert.ok(heapUsed() - before < 8 * 2 ** 20, `${heapUsed() - before} bytes more`);
  await clock.until(listener.close());
}
