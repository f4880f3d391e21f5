import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpinBit } from '../../../src/connection/spin-bit.ts';

test('C85 RFC 9000 §17.4 a server gives back the bit of the newest packet, a client the inverse', () => {
  const server = new SpinBit(true);
  const client = new SpinBit(false);
  assert.deepEqual([server.value, client.value], [0, 0]);
  client.onReceived(0, 0);
  assert.equal(client.value, 1);
  server.onReceived(5, 1);
  assert.equal(server.value, 1);
  // Older packets say nothing.
  server.onReceived(4, 0);
  assert.equal(server.value, 1);
  server.onReceived(6, 0);
  assert.equal(server.value, 0);
  client.onReceived(1, 1);
  assert.equal(client.value, 0);
});

test('C85 RFC 9000 §17.4 with another connection id the value begins at 0 again', () => {
  const client = new SpinBit(false);
  client.onReceived(0, 0);
  client.onIdChanged();
  assert.equal(client.value, 0);
});
