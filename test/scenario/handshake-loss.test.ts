import assert from 'node:assert/strict';
import { SCENARIOS } from '../../src/sim/scenarios.ts';
import { TestPair } from '../support/core-pair.ts';
import { scenario, withSeed } from '../support/scenario.ts';

const CONNECTIONS = 50;

for (const [name, title] of [
  ['handshakeloss', 'C80 RFC 9002 §6.2 handshakeloss: 50 connections at 30 % loss both ways, 1 KiB each'],
  ['handshakecorruption', 'C4 handshakecorruption: 50 connections at 30 % corruption both ways, 1 KiB each'],
] as const) {
  scenario(title, (first) => {
    let total = 0;
    for (let seed = first; seed < first + CONNECTIONS; seed++) {
      withSeed(seed, () => {
        const pair = new TestPair({ seed, scenario: SCENARIOS[name] });
        pair.fetch([1024], 60_000);
        total += pair.now;
        pair.close();
        assert.deepEqual(pair.pair.client.errors, []);
        assert.deepEqual(pair.pair.server.errors, []);
      });
    }
    // The interop runner gives 300 s for all, one after the other.
    assert.ok(total < 300_000, `took ${total} ms`);
  });
}
