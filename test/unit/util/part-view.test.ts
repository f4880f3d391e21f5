import assert from 'node:assert/strict';
import test from 'node:test';
import { PartView, PartViews } from '../../../src/util/part-view.ts';

for (const views of [new PartView(), new PartViews()]) {
  test(`${views.constructor.name} gives the part that was asked for, and the same view for the same part`, () => {
    const memory = new Uint8Array(4096).map((_, at) => at & 0xff);
    const datagrams = [0, 1200, 2400].map((at) => memory.subarray(at, at + 1200));
    for (const datagram of datagrams) {
      const part = views.of(datagram, 20, 1000);
      assert.equal(views.of(datagram, 20, 1000), part);
      assert.deepEqual(part, datagram.subarray(20, 1000));
      assert.equal(part.buffer, memory.buffer);
      assert.deepEqual(views.of(datagram, 21, 1000), datagram.subarray(21, 1000));
      assert.deepEqual(views.of(datagram, 21, 999), datagram.subarray(21, 999));
    }
    // Another buffer at the same place.
    assert.deepEqual(views.of(new Uint8Array(1200), 21, 999), new Uint8Array(978));
  });
}

test('datagrams side by side keep their views', () => {
  const memory = new Uint8Array(65_536);
  const datagrams = Array.from({ length: 45 }, (_, i) => memory.subarray(i * 1452, (i + 1) * 1452));
  const views = new PartViews();
  const first = datagrams.map((datagram) => views.of(datagram, 20, 1400));
  const second = datagrams.map((datagram) => views.of(datagram, 20, 1400));
  assert.ok(first.every((view, i) => view === second[i]));
});
