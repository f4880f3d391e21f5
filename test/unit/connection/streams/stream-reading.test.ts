import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NoticeBit } from '../../../../src/connection/streams/stream.ts';
import { StreamNotice } from '../../../../src/connection/streams/streams.ts';
import { describe, flush, pair, parameters, pattern, settle, streamFrame, throwsQuic } from './pair.ts';

const none = new Uint8Array(0);

test('C42 data come in order, with the end, into buffers of any size', () => {
  const { client, server } = pair();
  client.streams.streamSend(0, pattern(0, 100), true);
  flush(client, server);
  const out = new Uint8Array(60);
  assert.deepEqual(server.streams.streamRecv(0, out), { length: 60, fin: false });
  assert.deepEqual(out, pattern(0, 60));
  assert.equal(server.streams.isStreamFinished(0), false);
  assert.equal(server.streams.streamReadableLength(0), 40);
  assert.deepEqual(server.streams.streamRecv(0, out), { length: 40, fin: true });
  assert.deepEqual(out.subarray(0, 40), pattern(60, 40));
  assert.equal(server.streams.isStreamFinished(0), true);
  assert.equal(server.streams.streamRecv(0, out), null);
});

test('C42 an end without data is a result of no bytes', () => {
  const { client, server } = pair();
  client.streams.streamSend(0, new Uint8Array(5), false);
  flush(client, server);
  assert.deepEqual(server.streams.streamRecv(0, new Uint8Array(5)), { length: 5, fin: false });
  assert.equal(server.streams.streamRecv(0, new Uint8Array(5)), null);
  client.streams.streamSend(0, none, true);
  flush(client, server);
  assert.equal(server.streams.isStreamReadable(0), true);
  assert.deepEqual(server.streams.streamRecv(0, none), { length: 0, fin: true });
});

test('C42 a chunk is given out without a copy, its end with the last one', () => {
  const { client, server } = pair();
  client.streams.streamSend(0, pattern(0, 600), true);
  flush(client, server);
  const first = server.streams.streamRecvChunk(0);
  const second = server.streams.streamRecvChunk(0);
  assert.deepEqual(first, { data: pattern(0, 512), fin: false });
  assert.deepEqual(second, { data: pattern(512, 88), fin: true });
  assert.equal(server.streams.streamRecvChunk(0), null);
});

test('C42 C43 a reset gives its code at every read, and what was not read is lost', () => {
  const { client, server } = pair(parameters(1000), parameters(1000), { notices: true });
  client.streams.streamSend(0, new Uint8Array(500), false);
  flush(client, server);
  assert.equal(server.streams.bytesUnread, 500);
  client.streams.streamShutdown(0, 'write', 77);
  flush(client, server);
  assert.equal(server.streams.bytesUnread, 0);
  assert.deepEqual(server.streams.readable(), [0]);
  assert.equal(server.streams.isStreamFinished(0), true);
  assert.equal(server.streams.streamResetCode(0), 77n);
  const notice = new StreamNotice();
  assert.equal(server.streams.nextNotice(notice), true);
  assert.deepEqual([notice.id, notice.flags, notice.resetCode], [0, NoticeBit.RESET, 77]);
  for (let i = 0; i < 2; i++) {
    const error = throwsQuic(() => server.streams.streamRecv(0, new Uint8Array(9)), 'ERR_QUIC_STREAM_RESET');
    assert.equal(error.errorCode, 77n);
    assert.equal(error.number, -16);
    assert.equal(error.streamId, 0);
  }
  throwsQuic(() => server.streams.streamRecvChunk(0), 'ERR_QUIC_STREAM_RESET');
  assert.deepEqual(server.streams.readable(), []);
  assert.equal(server.streams.stats.resetStreamsRemote, 1);
});

test('C42 a reset wins over data that all came and were not read, and changes nothing after the last byte was', () => {
  const { client, server } = pair();
  for (const id of [0, 4]) client.streams.streamSend(id, new Uint8Array(10), true);
  const sent = client.packet();
  assert.ok(sent !== null);
  server.receive(sent.bytes);
  server.streams.streamRecv(0, new Uint8Array(10));
  for (const id of [0, 4]) client.streams.streamShutdown(id, 'write', 5);
  flush(client, server);
  assert.equal(server.streams.streamRecv(0, new Uint8Array(1)), null);
  throwsQuic(() => server.streams.streamRecv(4, new Uint8Array(1)), 'ERR_QUIC_STREAM_RESET');
});

test('C42 unknown streams, forgotten ones and our own unidirectional ones throw InvalidStreamState', () => {
  const { client, server } = pair();
  client.streams.openStream('uni');
  for (const id of [0, 1, 2, 3]) {
    assert.equal(
      throwsQuic(() => client.streams.streamRecv(id, none), 'ERR_QUIC_INVALID_STREAM_STATE').streamId,
      id,
    );
  }
  client.streams.streamSend(2, none, true);
  flush(client, server);
  assert.deepEqual(server.streams.streamRecv(2, none), { length: 0, fin: true });
  throwsQuic(() => server.streams.streamRecv(2, none), 'ERR_QUIC_INVALID_STREAM_STATE');
});

test('C44 shutdown for reading drops what is there, sends STOP_SENDING, and counts what still comes', () => {
  const { client, server } = pair(parameters(1000, 1500));
  client.streams.streamSend(0, new Uint8Array(600), false);
  flush(client, server);
  assert.equal(server.streams.streamShutdown(0, 'read', 9), true);
  assert.equal(server.streams.streamShutdown(0, 'read', 9), false);
  assert.equal(server.streams.bytesUnread, 0);
  assert.deepEqual(server.streams.readable(), []);
  assert.deepEqual(describe(server.packet()), ['STOP_SENDING 0 9']);
  client.streams.streamSend(0, new Uint8Array(400), false);
  flush(client, server);
  assert.equal(server.streams.streamRecv(0, new Uint8Array(9)), null);
  assert.equal(server.streams.isStreamReadable(0), false);
  // The connection's credit comes back, the stream's does not.
  assert.deepEqual(describe(server.packet()), ['MAX_DATA 4000']);
  assert.equal(server.streams.stats.stoppedStreamsLocal, 1);
});

test('C44 shutdown for reading after all came sends nothing', () => {
  const { client, server } = pair();
  client.streams.streamSend(0, new Uint8Array(10), true);
  flush(client, server);
  assert.equal(server.streams.streamShutdown(0, 'read', 9), true);
  assert.equal(server.packet(), null);
  assert.equal(server.streams.isStreamFinished(0), true);
  assert.equal(server.streams.streamShutdown(0, 'read', 9), false);
});

test('C44 shutdown for reading hears a reset that waits', () => {
  const { client, server } = pair();
  client.streams.streamSend(2, new Uint8Array(10), false);
  client.streams.streamShutdown(2, 'write', 1);
  flush(client, server);
  assert.equal(server.streams.streamShutdown(2, 'read', 9), true);
  assert.equal(server.streams.isStreamClosed(2), true);
  assert.equal(server.packet(), null);
});

test('C48 nextReadable gives each stream once until more can be read', () => {
  const { client, server } = pair();
  client.streams.streamSend(0, new Uint8Array(10), false);
  flush(client, server);
  assert.deepEqual(server.streams.readable(), [0]);
  assert.equal(server.streams.hasReadable, true);
  assert.equal(server.streams.nextReadable(), 0);
  assert.equal(server.streams.nextReadable(), null);
  assert.equal(server.streams.isStreamReadable(0), true);
  // Data beyond a gap cannot be read: no edge.
  server.handle(streamFrame(0, 20, 10), new Uint8Array(10));
  assert.equal(server.streams.nextReadable(), null);
  server.handle(streamFrame(0, 10, 10), new Uint8Array(10));
  assert.equal(server.streams.nextReadable(), 0);
  server.handle(streamFrame(0, 0, 30), new Uint8Array(30));
  assert.equal(server.streams.nextReadable(), null, 'nothing new');
  server.handle(streamFrame(0, 30, 0, true), none);
  assert.equal(server.streams.nextReadable(), 0);
});

test('C48 C103 a partly read stream stays in the snapshot, a drained one does not', () => {
  const { client, server } = pair();
  client.streams.streamSend(0, new Uint8Array(10), false);
  flush(client, server);
  server.streams.streamRecv(0, new Uint8Array(5));
  assert.deepEqual(server.streams.readable(), [0]);
  server.streams.streamRecv(0, new Uint8Array(5));
  assert.deepEqual(server.streams.readable(), []);
  assert.equal(server.streams.hasReadable, false);
});

test('C50 a stream is finished after all data or a reset, and when it is unknown', () => {
  const { client, server } = pair();
  assert.equal(server.streams.isStreamFinished(0), true);
  client.streams.streamSend(4, new Uint8Array(10), true);
  flush(client, server);
  assert.equal(server.streams.isStreamFinished(0), false, 'opened by the higher id');
  assert.equal(server.streams.isStreamFinished(4), false);
  server.streams.streamRecv(4, new Uint8Array(10));
  assert.equal(server.streams.isStreamFinished(4), true);
  client.streams.streamShutdown(0, 'write', 0);
  flush(client, server);
  assert.equal(server.streams.isStreamFinished(0), true);
});

test('C50 a stream is closed when both sides are over', () => {
  const { client, server } = pair();
  assert.equal(client.streams.isStreamClosed(0), false);
  client.streams.streamSend(0, none, true);
  settle(client, server);
  server.streams.streamRecv(0, none);
  assert.equal(server.streams.isStreamClosed(0), false);
  server.streams.streamSend(0, none, true);
  settle(client, server);
  assert.equal(server.streams.isStreamClosed(0), true);
  assert.equal(client.streams.isStreamClosed(0), false, 'the end was not read');
  client.streams.streamRecv(0, none);
  assert.equal(client.streams.isStreamClosed(0), true);
});

test('C54 streams of the peer are given out by direction, in order, each once', () => {
  const { client, server } = pair();
  for (const id of [4, 2]) client.streams.streamSend(id, new Uint8Array(1), true);
  flush(client, server);
  assert.equal(server.streams.nextIncoming('uni'), 2);
  assert.equal(server.streams.nextIncoming('uni'), null);
  assert.equal(server.streams.nextIncoming('bidi'), 0);
  // What is over before it was asked for is not given out.
  server.streams.streamRecv(4, new Uint8Array(1));
  server.streams.streamSend(4, none, true);
  settle(client, server);
  client.streams.streamRecv(4, none);
  settle(client, server);
  assert.equal(server.streams.nextIncoming('bidi'), null);
});

test('C42 bytes can be dropped without being read', () => {
  const { client, server } = pair(parameters(1000));
  client.streams.streamSend(0, pattern(0, 900), true);
  flush(client, server);
  assert.deepEqual(server.streams.streamDiscard(0, 800), { length: 800, fin: false });
  assert.deepEqual(server.streams.streamRecvChunk(0), { data: pattern(800, 100), fin: true });
  assert.equal(server.streams.streamDiscard(0, 1), null);
});

test('RFC 9000 §3.5 STOP_SENDING is not repeated once the final size is known', () => {
  const { client, server } = pair();
  client.streams.streamSend(0, new Uint8Array(10), false);
  flush(client, server);
  server.streams.streamShutdown(0, 'read', 1);
  const stop = server.packet();
  assert.ok(stop !== null);
  server.lost(stop);
  assert.deepEqual(describe(server.packet()), ['STOP_SENDING 0 1']);
  client.streams.streamSend(0, none, true);
  flush(client, server);
  server.lost(stop);
  assert.equal(server.packet(), null);
});
