import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../../../src/util/bytes.ts';
import {
  isReservedVersion,
  SUPPORTED_VERSIONS,
  VERSION_1,
  VERSION_2,
  versionInfo,
} from '../../../src/wire/versions.ts';

test('the rows are found by number', () => {
  assert.equal(versionInfo(1), VERSION_1);
  assert.equal(versionInfo(0x6b3343cf), VERSION_2);
  assert.equal(versionInfo(0), undefined);
  assert.equal(versionInfo(0xff00001d), undefined);
  assert.deepEqual(SUPPORTED_VERSIONS, [1]);
});

test('RFC 9000 §17.2 type bits map both ways in every version', () => {
  for (const version of [VERSION_1, VERSION_2]) {
    for (let bits = 0; bits < 4; bits++) assert.equal(version.bitsOfType[version.typeOfBits[bits]], bits);
  }
  assert.deepEqual(VERSION_1.typeOfBits, [0, 1, 2, 3]);
  assert.deepEqual(VERSION_2.bitsOfType, [1, 2, 3, 0]);
});

test('RFC 9001 §5.2, §5.8 salts, keys and nonces have their sizes', () => {
  assert.equal(toHex(VERSION_1.initialSalt), '38762cf7f55934b34d179ae6a4c80cadccbb7f0a');
  for (const version of [VERSION_1, VERSION_2]) {
    assert.equal(version.initialSalt.length, 20);
    assert.equal(version.retryKey.length, 16);
    assert.equal(version.retryNonce.length, 12);
  }
});

test('RFC 9000 §15 reserved versions are told by their low half-bytes', () => {
  for (const version of [0x0a0a0a0a, 0xfafafafa, 0x1a2a3a4a]) assert.equal(isReservedVersion(version), true);
  for (const version of [0, 1, 0x0a0a0a0b, 0x6b3343cf]) assert.equal(isReservedVersion(version), false);
});
