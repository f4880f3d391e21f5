import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { QueueEntry, StreamQueue } from '../../../../src/connection/streams/scheduler.ts';
import { describe, pair, parameters } from './pair.ts';

class Item {
  readonly id: number;
  urgency: number;
  incremental: boolean;
  readonly entry: QueueEntry<Item>;

  constructor(id: number, urgency = 127, incremental = true) {
    this.id = id;
    this.urgency = urgency;
    this.incremental = incremental;
    this.entry = new QueueEntry<Item>(this);
  }
}

test('C47 the order agrees with a model: urgency, then whole streams by id, then incremental ones in turn', () => {
  const command = fc.record({
    what: fc.constantFrom('insert', 'remove', 'rotate'),
    id: fc.integer({ min: 0, max: 40 }),
    urgency: fc.constantFrom(0, 3, 127, 255),
    incremental: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
      const queue = new StreamQueue<Item>();
      const items = Array.from({ length: 41 }, (_, id) => new Item(id));
      // In order of their turn; sorting is stable.
      let model: Item[] = [];
      for (const { what, id, urgency, incremental } of commands) {
        const item = items[id];
        if (what === 'insert' && !model.includes(item)) {
          item.urgency = urgency;
          item.incremental = incremental;
          model.push(item);
        }
        if (what === 'insert') queue.insert(item.entry);
        if (what === 'remove') {
          queue.remove(item.entry);
          model = model.filter((each) => each !== item);
        }
        if (what === 'rotate') {
          queue.rotate(item.entry);
          if (model.includes(item) && item.incremental) {
            model = model.filter((each) => each !== item);
            model.push(item);
          }
        }
        const sorted = [...model].sort(
          (a, b) =>
            a.urgency - b.urgency ||
            Number(a.incremental) - Number(b.incremental) ||
            (a.incremental ? 0 : a.id - b.id),
        );
        assert.equal(queue.size, model.length);
        assert.equal(queue.peek(), sorted[0] ?? null);
        assert.deepEqual(queue.toArray(), sorted);
      }
    }),
  );
});

/** Opens streams with much to send and records the order in which frames leave, one packet each. */
function order(priorities: [id: number, urgency: number, incremental: boolean][], packets: number): number[] {
  const { client } = pair(parameters(100_000, 1_000_000));
  for (const [id, urgency, incremental] of priorities) {
    client.streams.streamPriority(id, urgency, incremental);
    client.streams.streamSend(id, new Uint8Array(2000), false);
  }
  const ids: number[] = [];
  for (let i = 0; i < packets; i++)
    for (const text of describe(client.packet(500))) ids.push(Number(text.split(' ')[1]));
  return ids;
}

test('C47 incremental streams of one urgency are served in turn, a frame each', () => {
  assert.deepEqual(
    order(
      [
        [0, 127, true],
        [4, 127, true],
        [8, 127, true],
      ],
      7,
    ),
    [0, 4, 8, 0, 4, 8, 0],
  );
});

test('C47 other streams are served whole, by id', () => {
  const ids = order(
    [
      [8, 127, false],
      [0, 127, false],
    ],
    10,
  );
  assert.deepEqual(
    ids.filter((id, i) => id !== ids[i - 1]),
    [0, 8],
  );
});

test('C47 a lower urgency goes first, and whole streams before incremental ones', () => {
  const ids = order(
    [
      [0, 127, true],
      [4, 127, false],
      [8, 200, false],
      [12, 5, true],
    ],
    20,
  );
  assert.deepEqual(
    ids.filter((id, i) => id !== ids[i - 1]),
    [12, 4, 0, 8],
  );
});

test('C47 a priority can be asked for, changed while data wait, and is 127 and incremental by default', () => {
  const { client } = pair();
  client.streams.streamSend(0, new Uint8Array(5000), false);
  client.streams.streamSend(4, new Uint8Array(5000), false);
  assert.deepEqual(client.streams.getStreamPriority(0), { urgency: 127, incremental: true });
  assert.equal(client.streams.getStreamPriority(8), null);
  client.streams.streamPriority(4, 0, false);
  assert.deepEqual(client.streams.getStreamPriority(4), { urgency: 0, incremental: false });
  assert.match(describe(client.packet())[0], /^STREAM 4 /);
  assert.deepEqual(client.streams.writable(), [4, 0]);
  assert.throws(() => client.streams.streamPriority(0, 256, true), { code: 'ERR_OUT_OF_RANGE' });
});

test('C47 C48 the readable and writable streams come in the order of their priority', () => {
  const { client, server } = pair();
  for (const id of [0, 4, 8, 12]) client.streams.streamSend(id, new Uint8Array(10), false);
  for (let sent = client.packet(); sent !== null; sent = client.packet()) server.receive(sent.bytes);
  server.streams.streamPriority(8, 1, true);
  server.streams.streamPriority(12, 127, false);
  assert.deepEqual(server.streams.readable(), [8, 12, 0, 4]);
  assert.deepEqual(server.streams.writable(), [8, 12, 0, 4]);
  assert.deepEqual(
    [0, 0, 0, 0, 0].map(() => server.streams.nextReadable()),
    [8, 12, 0, 4, null],
  );
});
