import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BLOCK_SIZES, BlockPool } from '../../../../src/connection/streams/block-pool.ts';
import { ReassemblyMeter, RecvBuffer } from '../../../../src/connection/streams/recv-buffer.ts';
import { pattern } from './pair.ts';

/** Counts the memory that is out. */
class CountingPool extends BlockPool {
  out = 0;

  override take(bytes: number): Uint8Array {
    const block = super.take(bytes);
    this.out += block.length;
    return block;
  }

  override give(block: Uint8Array): void {
    this.out -= block.length;
    super.give(block);
  }
}

function make(): { buffer: RecvBuffer; meter: ReassemblyMeter; pool: CountingPool } {
  const meter = new ReassemblyMeter();
  const pool = new CountingPool();
  return { buffer: new RecvBuffer(pool, meter), meter, pool };
}

test('RFC 9000 §2.2 pieces in any order and overlap give the bytes once, the first of each place', () => {
  const piece = fc.tuple(fc.integer({ min: 0, max: 40_000 }), fc.integer({ min: 1, max: 9000 }));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), fc.integer({ min: 1, max: 5000 }), (pieces, readSize) => {
      const { buffer, meter, pool } = make();
      const model = new Int16Array(60_000).fill(-1);
      let read = 0;
      pieces.forEach(([offset, length], i) => {
        const bytes = new Uint8Array(length + 7).fill(i);
        buffer.insert(bytes, 7, offset, length);
        for (let at = offset; at < offset + length; at++) if (model[at] < 0) model[at] = i;
        let received = 0;
        while (model[received] >= 0) received++;
        assert.equal(buffer.received, received);
        if (i % 3 === 1) {
          const out = new Uint8Array(readSize);
          const taken = buffer.readInto(out);
          assert.equal(taken, Math.min(readSize, received - read));
          assert.deepEqual([...out.subarray(0, taken)], [...model.subarray(read, read + taken)]);
          read += taken;
        } else if (i % 3 === 2) {
          const chunk = buffer.takeChunk();
          if (chunk === null) assert.equal(read, received);
          else {
            assert.deepEqual([...chunk], [...model.subarray(read, read + chunk.length)]);
            read += chunk.length;
          }
        }
        let held = 0;
        for (let at = read; at < model.length; at++) if (model[at] >= 0) held++;
        assert.equal(meter.bytes, held);
        assert.equal(meter.pieces, buffer.pieces);
      });
      buffer.clear();
      assert.equal(meter.bytes, 0);
      assert.equal(meter.pieces, 0);
      assert.ok(pool.out >= 0);
    }),
    { numRuns: 60 },
  );
});

test('RFC 9000 §2.2 data read by chunks is not changed by what comes later', () => {
  const { buffer } = make();
  const chunks: { at: number; data: Uint8Array }[] = [];
  let at = 0;
  for (let offset = 0; offset < 100_000; offset += 1000) {
    buffer.insert(pattern(offset, 1000), 0, offset, 1000);
    for (let data = buffer.takeChunk(); data !== null; data = buffer.takeChunk()) {
      chunks.push({ at, data });
      at += data.length;
    }
  }
  assert.equal(at, 100_000);
  for (const each of chunks) assert.deepEqual(each.data, pattern(each.at, each.data.length));
});

test('RFC 9000 §21.7 one byte at every second offset holds no more than the window', () => {
  const { buffer, pool, meter } = make();
  const window = 64 * 1024;
  const one = new Uint8Array([1]);
  for (let offset = 1; offset < window; offset += 2) buffer.insert(one, 0, offset, 1);
  assert.equal(meter.bytes, window / 2);
  assert.ok(pool.out <= window + BLOCK_SIZES[2], `${pool.out} bytes`);
  // The gaps close and all of it is one piece again.
  for (let offset = 0; offset < window; offset += 2) buffer.insert(one, 0, offset, 1);
  assert.equal(buffer.received, window);
  assert.equal(buffer.pieces, 0);
});

test('RFC 9000 §21.7 a small stream holds a small block, and an idle one none', () => {
  const { buffer, pool } = make();
  buffer.insert(pattern(0, 32), 0, 0, 32);
  assert.equal(pool.out, BLOCK_SIZES[0]);
  assert.equal(buffer.readInto(new Uint8Array(100)), 32);
  assert.equal(pool.out, 0);
  buffer.insert(pattern(32, 100_000), 0, 32, 100_000);
  assert.equal(buffer.readInto(new Uint8Array(200_000)), 100_000);
  assert.equal(pool.out, 0);
});

test('C42 bytes can be dropped unread', () => {
  const { buffer, meter } = make();
  buffer.insert(pattern(0, 30_000), 0, 0, 30_000);
  assert.equal(buffer.skip(29_990), 29_990);
  const out = new Uint8Array(20);
  assert.equal(buffer.readInto(out), 10);
  assert.deepEqual(out.subarray(0, 10), pattern(29_990, 10));
  assert.equal(buffer.skip(5), 0);
  assert.equal(meter.bytes, 0);
});
