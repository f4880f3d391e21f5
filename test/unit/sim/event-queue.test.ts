import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EventQueue, type SimEvent } from '../../../src/sim/event-queue.ts';

test('events come out by time, equal ones in the order they went in, cancelled ones never', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ at: fc.nat(20), cancel: fc.boolean() }), { maxLength: 400 }), (rows) => {
      const queue = new EventQueue();
      const events = rows.map(({ at }) => queue.push(at, () => {}, true));
      rows.forEach(({ cancel }, i) => {
        if (cancel) queue.cancel(events[i]);
        if (cancel) queue.cancel(events[i]);
      });
      const expected = events
        .filter((_, i) => !rows[i].cancel)
        .sort((a, b) => a.at - b.at || a.sequence - b.sequence);
      assert.equal(queue.waiting, expected.length);
      const out: SimEvent[] = [];
      for (let event = queue.shift(); event !== null; event = queue.shift()) out.push(event);
      assert.deepEqual(
        out.map(({ sequence }) => sequence),
        expected.map(({ sequence }) => sequence),
      );
      assert.equal(queue.waiting, 0);
      assert.equal(queue.next, null);
    }),
  );
});

test('pushing, taking and cancelling by turns equals a sorted list', () => {
  const step = fc.record({ kind: fc.constantFrom('push', 'push', 'shift', 'cancel'), value: fc.nat(50) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const queue = new EventQueue();
      let model: SimEvent[] = [];
      for (const { kind, value } of steps) {
        if (kind === 'push') {
          model.push(queue.push(value, () => {}, true));
          model.sort((a, b) => a.at - b.at || a.sequence - b.sequence);
        } else if (kind === 'shift') {
          assert.equal(queue.shift(), model.shift() ?? null);
        } else if (model.length > 0) {
          const event = model[value % model.length];
          queue.cancel(event);
          model = model.filter((each) => each !== event);
        }
        assert.equal(queue.next, model[0] ?? null);
        assert.equal(queue.waiting, model.length);
      }
    }),
  );
});

test('an event that is moved again and again leaves little behind', () => {
  const queue = new EventQueue();
  let event = queue.push(0, () => {}, true);
  for (let i = 0; i < 10_000; i++) {
    queue.cancel(event);
    event = queue.push(i, () => {}, true);
  }
  assert.equal(queue.waiting, 1);
  assert.ok(queue.size < 100);
  assert.equal(queue.shift(), event);
});
