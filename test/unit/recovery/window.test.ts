import assert from 'node:assert/strict';
import { test } from 'node:test';
import { initialWindow } from '../../../src/recovery/window.ts';

test('RFC 9002 §7.2 the first window is ten packets, at most 14,720 bytes, at least two packets', () => {
  assert.equal(initialWindow(1200), 12_000);
  assert.equal(initialWindow(1472), 14_720);
  assert.equal(initialWindow(1500), 14_720);
  assert.equal(initialWindow(9000), 18_000);
  assert.equal(initialWindow(1200, 4), 4_800);
});
