import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type HeapItem, TimerHeap } from '../../../src/util/heap.ts';

class Item implements HeapItem {
  heapIndex = -1;
  heapDeadline = Infinity;
}

test('the earliest deadline is always in front, whatever was set, moved and deleted', () => {
  const heap = new TimerHeap<Item>();
  const items = Array.from({ length: 40 }, () => new Item());
  const deadlines = new Map<Item, number>();
  let state = 1;
  const random = (below: number): number => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
  for (let step = 0; step < 3000; step++) {
    const item = items[random(items.length)];
    const choice = random(10);
    if (choice < 2) {
      heap.delete(item);
      deadlines.delete(item);
    } else if (choice === 2) {
      heap.set(item, Infinity);
      deadlines.delete(item);
    } else {
      const deadline = random(1000);
      heap.set(item, deadline);
      deadlines.set(item, deadline);
    }
    assert.equal(heap.size, deadlines.size);
    assertOrdered(items);
    const front = heap.peek();
    assert.equal(front?.heapDeadline, deadlines.size === 0 ? undefined : Math.min(...deadlines.values()));
  }
});

/** No item is due before the one above it, and each knows its place. */
function assertOrdered(items: readonly Item[]): void {
  const inside: Item[] = [];
  for (const item of items) if (item.heapIndex >= 0) inside[item.heapIndex] = item;
  inside.forEach((item, i) => {
    if (i > 0) assert.ok(inside[(i - 1) >> 1].heapDeadline <= item.heapDeadline);
  });
}

test('a deleted item can be put back', () => {
  const heap = new TimerHeap<Item>();
  const item = new Item();
  heap.set(item, 5);
  heap.delete(item);
  heap.delete(item);
  assert.equal(item.heapIndex, -1);
  assert.equal(heap.peek(), undefined);
  heap.set(item, 7);
  assert.equal(heap.peek(), item);
  assert.equal(item.heapDeadline, 7);
});
