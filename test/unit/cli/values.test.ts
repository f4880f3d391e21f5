import assert from 'node:assert/strict';
import test from 'node:test';
import {
  parseAddresses,
  parseBytes,
  parseCount,
  parseList,
  parsePins,
  parsePort,
  parseSeconds,
} from '../../../src/cli/values.ts';

const invalid = { code: 'commander.invalidArgument' };

test('bytes come with units of 1000 and of 1024', () => {
  const rows: [string, number][] = [
    ['0', 0],
    ['1500', 1500],
    ['10k', 10_000],
    ['1.5M', 1_500_000],
    ['2G', 2e9],
    ['64Ki', 65_536],
    ['1MiB', 1_048_576],
    ['3kb', 3000],
  ];
  for (const [text, bytes] of rows) assert.equal(parseBytes(text), bytes, text);
  for (const text of ['', '-1', '1e9', 'k', '1 M', '1.2.3', '100T', '0x10', '1Kib7']) {
    assert.throws(() => parseBytes(text), invalid, text);
  }
});

test('ports, counts and seconds have ranges', () => {
  assert.deepEqual(['0', '4433', '65535'].map(parsePort), [0, 4433, 65_535]);
  for (const text of ['', '-1', '65536', '1.5', '0x1', ' 1', 'http'])
    assert.throws(() => parsePort(text), invalid);
  assert.deepEqual(['1', '1000000'].map(parseCount), [1, 1_000_000]);
  for (const text of ['', '0', '-1', '1000001', '1.5']) assert.throws(() => parseCount(text), invalid);
  assert.deepEqual(['0.5', '10', '0.0001'].map(parseSeconds), [500, 10_000, 1]);
  for (const text of ['', '0', '-1', '86401', '1s', 'Infinity'])
    assert.throws(() => parseSeconds(text), invalid);
});

test('lists collect, and each of their values is checked', () => {
  assert.deepEqual(parseAddresses('::1', parseAddresses('127.0.0.1', undefined)), ['127.0.0.1', '::1']);
  for (const text of ['', 'localhost', '127.0.0.1:1', '[::1]', '256.1.1.1']) {
    assert.throws(() => parseAddresses(text, undefined), invalid);
  }
  assert.deepEqual(parseList('b', ['a']), ['a', 'b']);
  assert.throws(() => parseList('', undefined), invalid);
  const pin = 'ab'.repeat(32);
  assert.deepEqual(parsePins(pin, undefined), [pin]);
  assert.throws(() => parsePins(pin.slice(1), undefined), invalid);
});
