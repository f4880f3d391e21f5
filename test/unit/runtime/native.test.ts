import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { loadNative } from '../../../src/runtime/native.ts';
import { withoutNative } from '../../support/native.ts';

describe('loading the addon', () => {
  const folder = mkdtempSync(join(tmpdir(), 'quayside-native-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('QUAYSIDE_NATIVE=0 turns it off', () => {
    const { state, addon, provider, reason } = loadNative('0');
    assert.deepEqual([state, addon, provider], ['off', null, null]);
    assert.match(reason, /QUAYSIDE_NATIVE=0/);
  });

  test('one that was built is loaded, and its packet protection is used', { skip: withoutNative }, () => {
    const { state, file, provider } = loadNative('');
    assert.equal(state, 'loaded');
    assert.match(file ?? '', /quayside\.node$/);
    assert.equal(provider?.name, 'native');
  });

  test('a file that is no addon, or is missing, is told and not used', () => {
    const text = join(folder, 'text.node');
    writeFileSync(text, 'no addon');
    for (const file of [text, join(folder, 'missing.node')]) {
      const { state, addon, reason, file: tried } = loadNative(file);
      assert.deepEqual([state, addon, tried], ['unfit', null, file]);
      assert.notEqual(reason, '');
    }
  });

  test('one of another version of the library is told and not used', () => {
    const other = join(folder, 'other.cjs');
    writeFileSync(other, 'module.exports = { interfaceVersion: 999 };');
    const { state, addon, reason } = loadNative(other);
    assert.deepEqual([state, addon], ['unfit', null]);
    assert.match(reason, /interface 999/);
  });
});
