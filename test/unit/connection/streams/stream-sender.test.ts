import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BlockPool } from '../../../../src/connection/streams/block-pool.ts';
import { SendStream } from '../../../../src/connection/streams/send-stream.ts';
import { Writer } from '../../../../src/wire/writer.ts';
import { describe, pair, parameters, pattern, type SentFrames, type Side } from './pair.ts';

function next(side: Side, room?: number): SentFrames {
  const sent = side.packet(room);
  assert.ok(sent !== null);
  return sent;
}

test('RFC 9000 §13.3 lost data go before new data, without what was acknowledged meanwhile', () => {
  const { client } = pair();
  client.streams.streamSend(0, pattern(0, 5000), false);
  const sent = [next(client, 1003), next(client, 1004), next(client, 1004)];
  assert.deepEqual(
    sent.map((each) => describe(each)[0]),
    ['STREAM 0 0+999', 'STREAM 0 999+998', 'STREAM 0 1997+998'],
  );
  client.acked(sent[1]);
  for (const each of sent) client.lost(each);
  assert.deepEqual(describe(next(client, 600)), ['STREAM 0 0+596']);
  assert.deepEqual(describe(next(client)), ['STREAM 0 596+403', 'STREAM 0 1997+785']);
  assert.deepEqual(describe(next(client)), ['STREAM 0 2782+213', 'STREAM 0 2995+975']);
  const { stats } = client.streams;
  assert.equal(stats.bytesRetransmitted, 999 + 998);
  assert.equal(stats.bytesSent, 999 + 998 + 998 + 999 + 998 + 975);
});

test('RFC 9000 §13.3 what is acknowledged after it was declared lost is not sent again', () => {
  const { client } = pair();
  client.streams.streamSend(0, pattern(0, 500), true);
  const sent = next(client);
  client.lost(sent);
  assert.notEqual(client.pending, 0);
  client.acked(sent);
  assert.equal(client.pending, 0);
  assert.equal(client.packet(), null);
});

test('RFC 9000 §13.3 a packet that is declared lost when part of it was acknowledged by another leaves the rest to send', () => {
  const { client } = pair();
  client.streams.streamSend(0, pattern(0, 1000), false);
  const whole = next(client, 1010);
  client.lost(whole);
  const half = next(client, 504);
  assert.deepEqual(describe(half), ['STREAM 0 0+500']);
  client.acked(half);
  client.lost(whole);
  assert.deepEqual(describe(next(client)), ['STREAM 0 500+500']);
  assert.equal(client.packet(), null);
});

test('RFC 9000 §3.1 a lost end is sent again, with the data before it if they are lost too', () => {
  const { client } = pair();
  client.streams.streamSend(0, pattern(0, 100), false);
  const data = next(client);
  client.streams.streamSend(0, new Uint8Array(0), true);
  const end = next(client);
  client.lost(end);
  assert.deepEqual(describe(next(client)), ['STREAM 0 100+0 FIN']);
  client.lost(data);
  assert.deepEqual(describe(next(client)), ['STREAM 0 0+100 FIN']);
});

test('RFC 9000 §19.8 small leftovers of a packet are not filled with crumbs of a large stream', () => {
  const { client } = pair();
  client.streams.streamSend(0, pattern(0, 5000), false);
  assert.equal(client.packet(20), null);
  assert.deepEqual(describe(next(client, 100)), ['STREAM 0 0+96']);
});

test('RFC 9000 §19.8 several streams share a packet if they fit', () => {
  const { client } = pair();
  for (const id of [0, 4, 8]) client.streams.streamSend(id, pattern(0, 30), true);
  assert.deepEqual(describe(next(client)), ['STREAM 0 0+30 FIN', 'STREAM 4 0+30 FIN', 'STREAM 8 0+30 FIN']);
});

test('RFC 9000 §4.5 the final size of a reset is what was sent', () => {
  const { client } = pair();
  client.streams.streamSend(0, pattern(0, 3000), false);
  next(client, 1003);
  client.streams.streamShutdown(0, 'write', 1);
  assert.deepEqual(describe(next(client)), ['RESET_STREAM 0 1 999']);
});

test('RFC 9000 §3.1 any order of sending, losing and acknowledging ends with every byte acknowledged', () => {
  const step = fc.record({
    what: fc.constantFrom('write', 'send', 'lose', 'ack'),
    n: fc.integer({ min: 0, max: 5000 }),
    which: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, owned) => {
      const stream = new SendStream(2 ** 40, new BlockPool());
      let written = 0;
      let released = 0;
      let fresh = 0;
      const flight: { offset: number; length: number; fin: boolean }[] = [];
      const send = (most: number): void => {
        if (!stream.hasPending) return;
        const lost = stream.lost !== null && stream.lost.size > 0 ? stream.lost : null;
        const offset = lost?.start(0) ?? stream.sent;
        const length = Math.min(most, (lost?.end(0) ?? stream.buffer.end) - offset);
        const writer = new Writer(new Uint8Array(length));
        stream.buffer.copyTo(writer, offset, length);
        assert.deepEqual(writer.bytes, pattern(offset, length));
        const fin = offset + length === stream.finalSize;
        fresh += stream.onSent(offset, length, fin);
        flight.push({ offset, length, fin });
      };
      const acknowledge = (at: number): void => {
        const { offset, length, fin } = flight.splice(at, 1)[0];
        released += stream.onAcked(offset, length, fin);
      };
      for (const { what, n, which } of steps) {
        if (what === 'write') {
          stream.write(pattern(written, n), n, owned);
          written += n;
        } else if (what === 'send') send(n + 1);
        else if (flight.length > 0) {
          const at = which % flight.length;
          if (what === 'ack') acknowledge(at);
          else {
            const { offset, length, fin } = flight[at];
            if (which % 3 > 0) flight.splice(at, 1);
            stream.onLost(offset, length, fin);
          }
        }
        assert.equal(stream.buffer.base, released);
      }
      stream.finish();
      while (!stream.isTerminal) {
        if (stream.hasPending) send(3000);
        else acknowledge(0);
      }
      assert.equal(released, written);
      assert.equal(fresh, written);
      assert.equal(stream.finAcked, true);
    }),
  );
});

test('C47 C49 writing, sending and acknowledging stay in balance over many streams', () => {
  const { client } = pair(parameters(50_000, 1_000_000, 1000));
  const sent: SentFrames[] = [];
  for (let i = 0; i < 200; i++) client.streams.streamSend(4 * i, pattern(0, 5000), i % 2 === 0);
  assert.equal(client.streams.bytesUnsent, 1_000_000);
  assert.equal(client.streams.capacity, 0);
  for (let each = client.packet(); each !== null; each = client.packet()) sent.push(each);
  assert.equal(client.streams.bytesUnsent, 0);
  assert.equal(client.streams.bytesHeld, 1_000_000);
  for (const each of sent.reverse()) client.acked(each);
  assert.equal(client.streams.bytesHeld, 0);
});
