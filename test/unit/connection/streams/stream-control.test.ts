// RFC 9000 §13.3: what becomes of control frames that are lost, acknowledged, or never acknowledged.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FRAME } from '../../../../src/wire/frame-table.ts';
import { describe, flush, frame, pair, parameters, readAll, type SentFrames, type Side } from './pair.ts';

const none = new Uint8Array(0);

function next(side: Side, room?: number): SentFrames {
  const sent = side.packet(room);
  assert.ok(sent !== null);
  return sent;
}

test('RFC 9000 §13.3 RESET_STREAM is repeated unchanged until acknowledged', () => {
  const { client } = pair();
  client.streams.streamSend(2, new Uint8Array(10), false);
  client.streams.streamShutdown(2, 'write', 4);
  const first = next(client);
  client.lost(first);
  const second = next(client);
  assert.deepEqual(describe(second), ['RESET_STREAM 2 4 0']);
  client.acked(second);
  assert.equal(client.streams.isStreamClosed(2), true);
  client.lost(first);
  assert.equal(client.packet(), null);
});

test('RFC 9000 §13.3 a lost limit is repeated with its current value, an outdated one is not', () => {
  const { client, server } = pair(parameters(1000, 1000));
  const read = (): SentFrames => {
    client.streams.streamSend(0, new Uint8Array(600), false);
    flush(client, server);
    readAll(server, 0);
    return next(server);
  };
  server.now = 0;
  const first = read();
  assert.deepEqual(describe(first), ['MAX_DATA 2600', 'MAX_STREAM_DATA 0 2600']);
  client.receive(first.bytes);
  server.lost(first);
  server.now = 10_000;
  const repeated = next(server);
  // The connection's window has grown with that of the stream meanwhile.
  assert.deepEqual(describe(repeated), ['MAX_DATA 3600', 'MAX_STREAM_DATA 0 2600']);
  for (let i = 0; i < 2; i++) {
    client.streams.streamSend(0, new Uint8Array(600), false);
    flush(client, server);
    readAll(server, 0);
  }
  const newer = next(server);
  assert.notDeepEqual(describe(newer), describe(first));
  server.lost(repeated);
  assert.equal(server.packet(), null);
});

test('RFC 9000 §13.3 MAX_STREAM_DATA is not sent once the final size is known', () => {
  const { client, server } = pair(parameters(1000, 100_000));
  client.streams.streamSend(0, new Uint8Array(1000), false);
  flush(client, server);
  readAll(server, 0);
  const sent = next(server);
  assert.deepEqual(describe(sent), ['MAX_STREAM_DATA 0 3000']);
  client.streams.streamSend(0, none, true);
  flush(client, server);
  server.lost(sent);
  assert.equal(server.packet(), null);
});

test('RFC 9000 §13.3 blocked frames are repeated only while they are true', () => {
  const { client } = pair(parameters(10, 10, 1));
  client.streams.streamSend(0, new Uint8Array(20), false);
  client.streams.openStream('bidi');
  const sent = next(client);
  assert.deepEqual(describe(sent), [
    'DATA_BLOCKED 10',
    'STREAMS_BLOCKED bidi 1',
    'STREAM_DATA_BLOCKED 0 10',
    'STREAM 0 0+10',
  ]);
  client.lost(sent);
  assert.deepEqual(describe(next(client)), describe(sent));
  client.handle(frame({ type: FRAME.MAX_DATA, kind: FRAME.MAX_DATA, limit: 11 }), none);
  client.handle(
    frame({ type: FRAME.MAX_STREAM_DATA, kind: FRAME.MAX_STREAM_DATA, streamId: 0, limit: 11 }),
    none,
  );
  client.handle(frame({ type: FRAME.MAX_STREAMS_BIDI, kind: FRAME.MAX_STREAMS_BIDI, limit: 2 }), none);
  client.lost(sent);
  assert.deepEqual(describe(next(client)), ['STREAM 0 0+10']);
});

test('RFC 9000 §13.3 a blocked frame about an older limit is not repeated', () => {
  const { client } = pair(parameters(1000, 10, 1));
  client.streams.streamSend(0, new Uint8Array(50), false);
  const first = next(client);
  assert.equal(describe(first)[0], 'DATA_BLOCKED 10');
  client.handle(frame({ type: FRAME.MAX_DATA, kind: FRAME.MAX_DATA, limit: 20 }), none);
  client.streams.streamSend(0, new Uint8Array(50), false);
  const second = next(client);
  assert.deepEqual(describe(second), ['DATA_BLOCKED 20', 'STREAM 0 10+10']);
  client.lost(first);
  assert.deepEqual(describe(next(client)), ['STREAM 0 0+10']);
  client.lost(second);
  assert.deepEqual(describe(next(client)), ['DATA_BLOCKED 20', 'STREAM 0 10+10']);
});

test('RFC 9000 §13.3 MAX_STREAMS is repeated if it was the last', () => {
  const { client, server } = pair(parameters(1000, 1000, 1));
  client.streams.streamSend(2, none, true);
  flush(client, server);
  server.streams.streamRecv(2, none);
  const sent = next(server);
  assert.deepEqual(describe(sent), ['MAX_STREAMS uni 2']);
  server.lost(sent);
  assert.deepEqual(describe(next(server)), ['MAX_STREAMS uni 2']);
  client.receive(sent.bytes);
  client.streams.streamSend(6, none, true);
  flush(client, server);
  server.streams.streamRecv(6, none);
  assert.deepEqual(describe(next(server)), ['MAX_STREAMS uni 3']);
  server.lost(sent);
  assert.equal(server.packet(), null);
});

test('RFC 9000 §13.3 a peer that never acknowledges makes nothing queue up', () => {
  const { client, server } = pair(parameters(1000, 1000, 1000));
  // Reading makes limits due again and again; every packet that tells them is lost.
  let sent: SentFrames | null = null;
  for (let i = 0; i < 20_000; i++) {
    if (sent !== null) {
      client.receive(sent.bytes);
      server.lost(sent);
    }
    client.streams.streamSend(0, new Uint8Array(700), false);
    flush(client, server);
    readAll(server, 0);
    sent = next(server);
    assert.ok(describe(sent).length <= 3);
  }
});

test('RFC 9000 §13.3 frames that do not fit wait for the next packet', () => {
  const { client } = pair();
  const ids = Array.from({ length: 40 }, (_, i) => 4 * i);
  for (const id of ids) {
    client.streams.streamSend(id, new Uint8Array(1), false);
    client.streams.streamShutdown(id, 'write', 2n ** 61n);
  }
  const resets: string[] = [];
  let packets = 0;
  for (let sent = client.packet(100); sent !== null; sent = client.packet(100)) {
    assert.ok(sent.bytes.length <= 100);
    resets.push(...describe(sent));
    packets++;
  }
  assert.deepEqual(
    resets,
    ids.map((id) => `RESET_STREAM ${id} ${2n ** 61n} 0`),
  );
  assert.ok(packets >= 5);
  assert.equal(client.pending, 0);
});

test('RFC 9000 §3.1 a blocked stream that is given up says so no more', () => {
  const { client } = pair(parameters(10, 1000));
  client.streams.streamSend(0, new Uint8Array(20), false);
  client.streams.streamShutdown(0, 'write', 0);
  assert.deepEqual(describe(next(client)), ['RESET_STREAM 0 0 0']);
  assert.equal(client.packet(), null);
});
