import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changedTransport, DEFAULT_TRANSPORT_CONFIG } from '../../../src/connection/config.ts';

test('C84 options that come with the ClientHello replace others, and leave marks on where sockets set them', () => {
  const changes = { ...DEFAULT_TRANSPORT_CONFIG, maxIdleTimeout: 5 };
  const marked = { ...DEFAULT_TRANSPORT_CONFIG, ecn: true };
  const both = changedTransport(marked, changes);
  assert.deepEqual([both.ecn, both.maxIdleTimeout], [true, 5]);
  assert.equal(changedTransport(marked, changes), both, 'one for all connections');
  assert.equal(changedTransport(DEFAULT_TRANSPORT_CONFIG, changes).ecn, false);
  assert.equal(changedTransport(DEFAULT_TRANSPORT_CONFIG, { ecn: true }).ecn, true);
});
