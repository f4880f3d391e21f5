import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlockPool } from '../../../../src/connection/streams/block-pool.ts';
import { ReassemblyMeter } from '../../../../src/connection/streams/recv-buffer.ts';
import { RecvStream } from '../../../../src/connection/streams/recv-stream.ts';
import { SendStream } from '../../../../src/connection/streams/send-stream.ts';
import { Stream } from '../../../../src/connection/streams/stream.ts';
import { StreamTable } from '../../../../src/connection/streams/stream-table.ts';

function table(): StreamTable {
  const pool = new BlockPool();
  return new StreamTable(
    (id) => new Stream(id, new SendStream(0, pool), new RecvStream(0, 0, pool, new ReassemblyMeter())),
  );
}

test('RFC 9000 §2.1 using an id opens all lower ids of its type, and of no other', () => {
  const streams = table();
  streams.open(12);
  assert.equal(streams.openedCount(0), 4);
  assert.equal(streams.size, 1);
  for (const id of [0, 4, 8, 12]) assert.equal(streams.isOpened(id), true);
  for (const id of [16, 1, 2, 3]) assert.equal(streams.isOpened(id), false);
  for (const id of [0, 4, 8]) assert.equal(streams.isClosed(id), false);
});

test('RFC 9000 §2.1 a stream opened by a higher id is made when it is used', () => {
  const streams = table();
  streams.open(12);
  assert.equal(streams.peek(4), undefined);
  const stream = streams.get(4);
  assert.equal(stream?.id, 4);
  assert.equal(streams.get(4), stream);
  assert.equal(streams.size, 2);
  assert.equal(streams.get(16), undefined);
});

test('a stream that is over is known as closed and cannot come back', () => {
  const streams = table();
  streams.delete(streams.open(8));
  assert.equal(streams.isClosed(8), true);
  assert.equal(streams.get(8), undefined);
  assert.equal(streams.isClosed(4), false);
  streams.delete(streams.get(4) as Stream);
  assert.equal(streams.isClosed(4), true);
  assert.equal(streams.isClosed(12), false);
  assert.equal(streams.size, 0);
});

test('ids beyond 32 bits keep their type', () => {
  const streams = table();
  const id = 2 ** 45 + 3;
  streams.open(id);
  assert.equal(streams.openedCount(3), 2 ** 43 + 1);
  assert.equal(streams.isClosed(id - 4), false);
  assert.equal(streams.isOpened(id + 4), false);
});
