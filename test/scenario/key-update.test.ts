import assert from 'node:assert/strict';
import type { ConnectionCore } from '../../src/connection/connection.ts';
import { SCENARIOS } from '../../src/sim/scenarios.ts';
import { NO_TRACE } from '../../src/trace/trace.ts';
import { TestPair } from '../support/core-pair.ts';
import { scenario } from '../support/scenario.ts';

const MIB = 1024 * 1024;

const generation = (core: ConnectionCore | null): number | undefined => core?.spaces[2]?.phases?.generation;

for (const side of ['client', 'server'] as const) {
  scenario(`C24 RFC 9001 §6 keyupdate by the ${side}: 3 MiB, both sides go to the next phase`, (seed) => {
    const pair = new TestPair({ seed });
    let started = false;
    const update = (core: ConnectionCore, now: number): void => {
      started ||= core.updateKeys(now);
    };
    pair.runUntil(() => pair.isEstablished);
    if (side === 'server') pair.onServer = update;
    else pair.pair.clock.schedule(pair.now + 100, () => update(pair.client, pair.now));
    pair.fetch([3 * MIB]);
    assert.equal(started, true);
    for (const core of [pair.client, pair.server]) {
      assert.equal(generation(core), 1);
      assert.equal(core?.spaces[2]?.phases?.sendPhase, 1);
    }
    pair.close();
  });
}

scenario('C24 RFC 9001 §6.2 one update after the other, by both sides, at 2 % loss', (seed) => {
  const pair = new TestPair({ seed, scenario: SCENARIOS.transferloss });
  let updates = 0;
  const update = (core: ConnectionCore, now: number): void => {
    if (core.updateKeys(now)) updates++;
  };
  pair.onServer = update;
  pair.runUntil(() => pair.isEstablished);
  const again = (): void => {
    update(pair.client, pair.now);
    pair.pair.clock.schedule(pair.now + 70, again);
  };
  again();
  pair.fetch([3 * MIB]);
  assert.ok(updates > 8, `${updates} updates`);
  assert.ok(Math.abs((generation(pair.client) as number) - (generation(pair.server) as number)) <= 1);
});

scenario(
  'C24 RFC 9001 §6.1 no update before the handshake is confirmed or the last one acknowledged',
  (seed) => {
    const pair = new TestPair({ seed });
    assert.equal(pair.client.updateKeys(0), false);
    pair.runUntil(() => pair.client.state.value === 'established');
    assert.equal(pair.client.updateKeys(pair.now), false);
    pair.runUntil(() => pair.isEstablished);
    pair.pair.run(500);
    assert.equal(pair.client.updateKeys(pair.now), true);
    assert.equal(pair.client.updateKeys(pair.now), false);
    pair.wake();
    pair.pair.run(30);
    assert.equal(pair.client.updateKeys(pair.now), false, 'not acknowledged yet');
    pair.pair.run(2000);
    assert.equal(pair.client.updateKeys(pair.now), true);
  },
);

scenario('C24 RFC 9001 §6.6 an update begins by itself before a key was used too often', (seed) => {
  const updated: string[] = [];
  const trace = {
    ...NO_TRACE,
    keyUpdated: (_now: number, _generation: number, initiator: string) => void updated.push(initiator),
  };
  const pair = new TestPair({ seed, server: { trace } });
  pair.runUntil(() => pair.isEstablished);
  const phases = pair.server?.spaces[2]?.phases;
  if (phases == null) throw new Error('no keys');
  phases.confidentialityLimit = 600;
  pair.fetch([3 * MIB]);
  assert.ok(updated.length >= 5, `${updated.length} updates`);
  assert.ok(updated.every((initiator) => initiator === 'local'));
});

scenario('C24 RFC 9001 §6.6 who cannot update in time closes with AEAD_LIMIT_REACHED', (seed) => {
  const pair = new TestPair({ seed });
  pair.runUntil(() => pair.isEstablished);
  const phases = pair.server?.spaces[2]?.phases;
  if (phases == null) throw new Error('no keys');
  // So few that the round trip of an update is too long.
  phases.confidentialityLimit = 120;
  assert.throws(() => pair.fetch([3 * MIB]));
  assert.equal(pair.server?.closer.local?.errorCode, 0x0fn);
  assert.equal(pair.client.closer.remote?.errorCode, 0x0fn, 'the client is told');
});

scenario('C24 RFC 9001 §6.6 too many packets that fail to open close with AEAD_LIMIT_REACHED', (seed) => {
  const pair = new TestPair({ seed });
  pair.fetch([1000]);
  const phases = pair.client.spaces[2]?.phases;
  if (phases == null) throw new Error('no keys');
  phases.integrityLimit = 20;
  const { serverAddress, clientAddress } = pair.pair;
  const forged = new Uint8Array(100).fill(0x41);
  forged.set(pair.client.localIds.current, 1);
  for (let i = 0; i < 19; i++)
    pair.client.recv(forged.slice(), { from: serverAddress, to: clientAddress }, pair.now);
  assert.equal(pair.client.state.isOpen, true);
  assert.throws(() => pair.client.recv(forged.slice(), { from: serverAddress, to: clientAddress }, pair.now));
  assert.equal(pair.client.closer.local?.errorCode, 0x0fn);
  pair.wake();
  pair.runUntil(() => pair.server?.closer.remote !== null);
  assert.equal(pair.server?.closer.remote?.errorCode, 0x0fn);
});
