import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../../../src/crypto/random.ts';
import { IdTable } from '../../../src/routing/id-table.ts';
import { toHex } from '../../../src/util/bytes.ts';

describe('the table of ids', () => {
  test('L60 does what a Map over the same keys does, through any additions and removals', () => {
    const key = fc.uint8Array({ minLength: 0, maxLength: 3, max: 3 });
    const step = fc.record({ key, add: fc.boolean(), value: fc.nat() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.nat(), (steps, seed) => {
        const table = new IdTable<number>(seededRandom(seed));
        const model = new Map<string, number>();
        const keys: Uint8Array[] = [];
        for (const { key, add, value } of steps) {
          keys.push(key);
          if (add) {
            table.set(key, value);
            model.set(toHex(key), value);
          } else assert.equal(table.delete(key), model.delete(toHex(key)));
          assert.equal(table.size, model.size);
          // What was found last is found again, as long as it is there.
          assert.equal(table.get(key), model.get(toHex(key)));
        }
        for (const key of keys) assert.equal(table.get(key), model.get(toHex(key)));
      }),
    );
  });

  test('L60 finds a key inside a datagram', () => {
    const table = new IdTable<string>(seededRandom(1));
    table.set(Uint8Array.of(1, 2, 3, 4, 5), 'a');
    assert.equal(table.get(Uint8Array.of(0, 1, 2, 3, 4, 5, 6), 1, 5), 'a');
    assert.equal(table.get(Uint8Array.of(0, 1, 2, 3, 4, 5, 6), 1, 4), undefined);
    assert.equal(table.get(Uint8Array.of(9, 2, 3, 4, 5)), undefined);
  });

  test('L60 holds 20,000 keys that differ in few bits and forgets them all', () => {
    const table = new IdTable<number>(seededRandom(2));
    const keyOf = (i: number) => Uint8Array.of(0, 0, i >> 8, 0, 0, 0, i & 255, 0);
    for (let i = 0; i < 20_000; i++) table.set(keyOf(i), i);
    for (let i = 0; i < 20_000; i++) assert.equal(table.get(keyOf(i)), i);
    for (let i = 0; i < 20_000; i++) assert.ok(table.delete(keyOf(i)));
    assert.equal(table.size, 0);
  });

  test('places are used again: a table that turns over does not grow', () => {
    const table = new IdTable<number>(seededRandom(3));
    for (let i = 0; i < 5000; i++) {
      table.set(Uint8Array.of(i >> 8, i), i);
      if (i >= 4) assert.ok(table.delete(Uint8Array.of((i - 4) >> 8, i - 4)));
    }
    assert.equal(table.size, 4);
    assert.equal(table.get(Uint8Array.of(4999 >> 8, 4999)), 4999);
  });
});
