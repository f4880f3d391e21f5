import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import { parseHandshake, parseTransport } from '../../../src/runtime/options.ts';

test('C85 spinBit is off by default and can be switched on', () => {
  assert.equal(parseTransport({}).spinBit, false);
  assert.equal(parseTransport({ spinBit: true }).spinBit, true);
});

test('C29 RFC 9287 greaseQuicBit is off by default and can be switched on', () => {
  assert.equal(parseHandshake({}, nodeProvider).greaseQuicBit, false);
  assert.equal(parseHandshake({ greaseQuicBit: true }, nodeProvider).greaseQuicBit, true);
});
