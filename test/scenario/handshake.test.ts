import assert from 'node:assert/strict';
import test from 'node:test';
import { TestPair } from '../support/core-pair.ts';

test('C20 RFC 9001 §4.1 two cores complete and confirm a handshake', () => {
  const pair = new TestPair({ seed: 1 });
  pair.runUntil(() => pair.isEstablished, 5_000);
  assert.equal(pair.client.state.value, 'established');
  assert.equal(pair.server?.state.value, 'established');
  assert.deepEqual(pair.pair.client.errors, []);
  assert.deepEqual(pair.pair.server.errors, []);
});
