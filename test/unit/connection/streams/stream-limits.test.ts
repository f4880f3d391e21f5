import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  IncomingStreamLimit,
  OutgoingStreamLimit,
  raiseAsStreamsComplete,
} from '../../../../src/connection/streams/stream-limits.ts';
import { TransportErrorCode } from '../../../../src/errors.ts';
import { describe, flush, pair, parameters, readAll, settle, streamFrame, throwsTransport } from './pair.ts';

test('C46 the limit follows completed streams, once half of it is used up', () => {
  const limit = new IncomingStreamLimit(10, raiseAsStreamsComplete);
  limit.completed = 3;
  assert.equal(limit.reconsider(4), false);
  assert.equal(limit.reconsider(5), true);
  assert.equal(limit.announce(), 13);
  assert.equal(limit.reconsider(5), false);
});

test('C46 opening streams asks again: slots that became free before are not forgotten', () => {
  const limit = new IncomingStreamLimit(100, raiseAsStreamsComplete);
  limit.completed = 10;
  assert.equal(limit.reconsider(10), false);
  assert.equal(limit.reconsider(100), true);
  assert.equal(limit.announce(), 110);
});

test('C46 slots that became free early are announced when the peer runs short', () => {
  const { client, server } = pair(parameters(1000, 10_000, 20));
  const use = (id: number) => client.streams.streamSend(id, new Uint8Array(1), true);
  for (let i = 0; i < 5; i++) use(4 * i + 2);
  flush(client, server);
  for (let i = 0; i < 5; i++) readAll(server, 4 * i + 2);
  assert.deepEqual(describe(server.packet()), []);
  use(4 * 9 + 2);
  flush(client, server);
  assert.deepEqual(describe(server.packet()), ['MAX_STREAMS uni 25']);
});

test('C46 a strategy of one’s own decides', () => {
  const calls: number[][] = [];
  const limit = new IncomingStreamLimit(2, (...numbers) => {
    calls.push(numbers);
    return 7;
  });
  limit.completed = 1;
  assert.equal(limit.reconsider(2), true);
  assert.equal(limit.announce(), 7);
  assert.deepEqual(calls, [[2, 2, 2, 1]]);
});

test('RFC 9000 §4.6 a limit of the peer that does not rise is ignored', () => {
  const limit = new OutgoingStreamLimit();
  assert.equal(limit.raise(5), true);
  assert.equal(limit.raise(5), false);
  assert.equal(limit.raise(4), false);
  assert.equal(limit.limit, 5);
});

test('C46 RFC 9000 §4.6 opening only the highest allowed stream gives no new credit', () => {
  const { client, server } = pair(parameters(1000, 10_000, 100));
  client.streams.streamSend(4 * 99, new Uint8Array(1), false);
  flush(client, server);
  readAll(server, 4 * 99);
  assert.deepEqual(describe(server.packet()), []);
  // All 99 streams below count as open, but hold nothing.
  assert.equal(server.streams.openCount, 1);
  assert.equal(server.streams.limits.maxStreamsBidi, 100);
  throwsTransport(
    () => server.handle(streamFrame(400, 0, 0), new Uint8Array(0)),
    TransportErrorCode.STREAM_LIMIT_ERROR,
  );
});

test('C46 a reset gives its slot back only when the application has heard of it', () => {
  const { client, server } = pair(parameters(1000, 10_000, 2));
  for (const id of [2, 6]) {
    client.streams.streamSend(id, new Uint8Array(10), false);
    client.streams.streamShutdown(id, 'write', 1);
  }
  settle(client, server);
  assert.equal(client.streams.streamsLeftUni, 0);
  for (const id of [2, 6]) assert.throws(() => server.streams.streamRecv(id, new Uint8Array(10)));
  settle(client, server);
  assert.equal(client.streams.streamsLeftUni, 2);
});

test('C46 C51 a bidirectional stream counts until both sides are over', () => {
  const { client, server } = pair(parameters(1000, 10_000, 1));
  assert.equal(client.streams.streamsLeftBidi, 1);
  client.streams.streamSend(0, new Uint8Array(10), true);
  assert.equal(client.streams.streamsLeftBidi, 0);
  settle(client, server);
  assert.equal(readAll(server, 0).fin, true);
  settle(client, server);
  assert.equal(client.streams.streamsLeftBidi, 0, 'the server has not ended its side');
  server.streams.streamSend(0, new Uint8Array(0), true);
  settle(client, server);
  assert.equal(client.streams.streamsLeftBidi, 1, 'the end of the server’s side is acknowledged');
});

test('C46 unidirectional and bidirectional streams have limits of their own', () => {
  const { client } = pair(parameters(1000, 10_000, 0, { initialMaxStreamsUni: 3 }));
  assert.equal(client.streams.openStream('bidi'), null);
  assert.equal(client.streams.openStream('uni'), 2);
  assert.equal(client.streams.streamsLeftUni, 2);
});

test('RFC 9000 §4.6 a hundred thousand streams, opened and reset or finished, leave nothing', () => {
  const { client, server } = pair(parameters(1000, 10_000, 50));
  const data = new Uint8Array(20);
  const out = new Uint8Array(100);
  let inFlight = 0;
  let highest = 0;
  for (let i = 0; i < 100_000; ) {
    const id = client.streams.openStream('bidi');
    if (id !== null) {
      client.streams.streamSend(id, data, i % 3 !== 0);
      if (i % 3 === 0) client.streams.streamShutdown(id, 'write', 0);
      i++;
      inFlight++;
      if (inFlight < 40) continue;
    }
    flush(client, server);
    for (let next = server.streams.nextReadable(); next !== null; next = server.streams.nextReadable()) {
      try {
        server.streams.streamRecv(next, out);
      } catch {
        // Reset.
      }
      server.streams.streamSend(next, data, true);
    }
    settle(server, client);
    for (let next = client.streams.nextReadable(); next !== null; next = client.streams.nextReadable())
      client.streams.streamRecv(next, out);
    settle(client, server);
    highest = Math.max(highest, server.streams.openCount, client.streams.openCount);
    inFlight = 0;
  }
  assert.ok(highest <= 50, `${highest} streams at once`);
  for (const { streams } of [client, server]) {
    streams.writable();
    assert.ok(streams.openCount <= 50);
    assert.equal(streams.bytesUnread, 0);
  }
  assert.equal(client.streams.isStreamOpen(0), false);
  assert.equal(client.streams.isStreamClosed(4 * 50_000), true);
});
