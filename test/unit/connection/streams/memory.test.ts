// What streams keep in memory: blocks are used again, and an attack costs no more than the window.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BLOCK_SIZES, BlockPool } from '../../../../src/connection/streams/block-pool.ts';
import { ByteBudget } from '../../../../src/connection/streams/byte-budget.ts';
import { pair, parameters, type Side, settle, streamFrame } from './pair.ts';

test('a pool gives the smallest block that holds what is asked, and the same one again', () => {
  const pool = new BlockPool();
  assert.deepEqual(
    [0, 1, 512, 513, 4096, 4097, 1_000_000].map((bytes) => pool.take(bytes).length),
    [512, 512, 512, 4096, 4096, 16_384, 16_384],
  );
  const block = pool.take(600);
  pool.give(block);
  assert.equal(pool.kept, 4096);
  assert.equal(pool.take(600), block);
  assert.equal(pool.kept, 0);
});

test('a pool keeps no more than it was told', () => {
  const pool = new BlockPool(10_000);
  for (let i = 0; i < 100; i++) pool.give(new Uint8Array(BLOCK_SIZES[1]));
  assert.equal(pool.kept, 8192);
});

test('a budget counts at every level', () => {
  const endpoint = new ByteBudget(100);
  const [a, b] = [new ByteBudget(80, endpoint), new ByteBudget(80, endpoint)];
  a.take(70);
  assert.deepEqual([a.available, b.available, endpoint.available], [10, 30, 30]);
  b.take(50);
  assert.equal(b.available, 0);
  a.release(70);
  assert.deepEqual([a.available, b.available, endpoint.used], [50, 30, 50]);
});

test('RFC 9000 §21.7 one byte at every second offset on 100 streams costs a multiple of the window', () => {
  const window = 8 * 1024;
  const pool = new CountingPool();
  const { server } = pair(parameters(0), parameters(window, 100 * window, 100), { pool });
  const one = new Uint8Array([7]);
  for (let id = 0; id < 400; id += 4)
    for (let offset = 1; offset < window; offset += 2) {
      // Stays under the limit on pieces by closing gaps from time to time, as a patient attacker would.
      server.handle(streamFrame(id, offset, 1), one);
      if (offset % 512 === 1)
        server.handle(streamFrame(id, Math.max(0, offset - 512), 512), new Uint8Array(512));
    }
  assert.ok(pool.out <= 1.1 * 100 * window, `${pool.out} bytes for ${100 * window}`);
  assert.ok(server.streams.bytesUnread <= 100 * window);
});

test('C45 a reader that never reads makes the writer stop', () => {
  const { client, server } = pair(parameters(100_000, 150_000));
  let written = 0;
  for (let i = 0; i < 1000; i++) {
    written += client.streams.streamSend(4 * (i % 50), new Uint8Array(10_000), false) ?? 0;
    settle(client, server);
  }
  assert.equal(written, 150_000);
  assert.equal(server.streams.bytesUnread, 150_000);
  assert.equal(client.streams.bytesHeld, 0);
});

test('blocks of streams that ended serve those that follow', () => {
  const pool = new CountingPool();
  const { client, server } = pair(parameters(100_000), parameters(100_000), { pool });
  const out = new Uint8Array(20_000);
  const once = (side: Side, other: Side): void => {
    const id = side.streams.openStream('uni') as number;
    side.streams.streamSend(id, new Uint8Array(10_000), true);
    settle(side, other);
    assert.equal(other.streams.streamRecv(id, out)?.fin, true);
    settle(side, other);
  };
  once(client, server);
  const made = pool.made;
  for (let i = 0; i < 200; i++) once(client, server);
  assert.equal(pool.made, made);
  assert.equal(pool.out, 0);
});

class CountingPool extends BlockPool {
  out = 0;
  made = 0;

  override take(bytes: number): Uint8Array {
    const before = this.kept;
    const block = super.take(bytes);
    if (this.kept === before) this.made++;
    this.out += block.length;
    return block;
  }

  override give(block: Uint8Array): void {
    this.out -= block.length;
    super.give(block);
  }
}
