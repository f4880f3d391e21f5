import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RangeSet } from '../../src/util/range-set.ts';

test('the range set equals a naive model', () => {
  const step = fc.tuple(fc.constantFrom('add', 'add', 'add', 'remove', 'dropFirst'), fc.nat(60), fc.nat(25));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const set = new RangeSet();
      const model = new Set<number>();
      for (const [kind, start, length] of steps) {
        const end = start + length;
        const before = model.size;
        if (kind === 'dropFirst') {
          set.dropFirst();
          dropFirstRun(model);
        } else {
          for (let value = start; value < end; value++)
            kind === 'add' ? model.add(value) : model.delete(value);
          const changed = kind === 'add' ? set.add(start, end) : set.remove(start, end);
          assert.equal(changed, Math.abs(model.size - before));
        }
        compare(set, model);
        let covered = true;
        for (let value = start; value < end; value++) covered &&= model.has(value);
        assert.equal(set.covers(start, end), covered);
      }
    }),
    { numRuns: 500 },
  );
});

function dropFirstRun(model: Set<number>): void {
  if (model.size === 0) return;
  for (let value = Math.min(...model); model.has(value); value++) model.delete(value);
}

function compare(set: RangeSet, model: Set<number>): void {
  const flat: number[] = [];
  for (let i = 0; i < set.size; i++) {
    assert.ok(set.start(i) < set.end(i));
    // Disjoint and not even touching: else they would be one range.
    if (i > 0) assert.ok(set.start(i) > set.end(i - 1));
    for (let value = set.start(i); value < set.end(i); value++) flat.push(value);
  }
  assert.deepEqual(
    flat,
    [...model].sort((a, b) => a - b),
  );
  assert.equal(set.isEmpty(), model.size === 0);
  assert.equal(set.min, model.size === 0 ? 0 : Math.min(...model));
  assert.equal(set.max, model.size === 0 ? 0 : Math.max(...model) + 1);
  for (let value = 0; value < 90; value++) {
    assert.equal(set.contains(value), model.has(value));
    const i = set.indexOf(value);
    assert.equal(i >= 0, model.has(value));
    if (i >= 0) assert.ok(set.start(i) <= value && value < set.end(i));
  }
}
