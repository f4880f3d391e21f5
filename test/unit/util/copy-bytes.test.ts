import assert from 'node:assert/strict';
import test from 'node:test';
import { copyBytes } from '../../../src/util/bytes.ts';

test('a copy of a Buffer shares no memory with it', () => {
  const buffer = Buffer.from([1, 2, 3, 4]);
  const copy = copyBytes(buffer, 1, 3);
  buffer.fill(0);
  assert.deepEqual([...copy], [2, 3]);
  assert.deepEqual([...copyBytes(new Uint8Array([5, 6]))], [5, 6]);
});
