import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  MAX_STORED_PER_SERVER,
  MAX_STORED_SERVERS,
  MemorySessionStore,
} from '../../../src/client/session-store.ts';

test('C25 L72 a store gives out the newest of a server, each once, and keeps a bounded number', () => {
  const store = new MemorySessionStore();
  assert.equal(store.take('a'), undefined);
  for (let i = 0; i <= MAX_STORED_PER_SERVER; i++) store.put('a', Uint8Array.of(i));
  store.put('b', Uint8Array.of(99));
  for (let i = MAX_STORED_PER_SERVER; i > 0; i--) assert.deepEqual(store.take('a'), Uint8Array.of(i));
  assert.equal(store.take('a'), undefined);
  assert.deepEqual(store.take('b'), Uint8Array.of(99));
  assert.equal(store.size, 0);
});

test('a store forgets the server that was not heard of for the longest time', () => {
  const store = new MemorySessionStore();
  for (let i = 0; i < MAX_STORED_SERVERS; i++) store.put(`server ${i}`, Uint8Array.of(1));
  store.put('server 0', Uint8Array.of(2));
  store.put('one more', Uint8Array.of(3));
  assert.equal(store.size, MAX_STORED_SERVERS);
  assert.equal(store.take('server 1'), undefined);
  assert.deepEqual(store.take('server 0'), Uint8Array.of(2));
});
