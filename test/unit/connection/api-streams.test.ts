import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Connection } from '../../../src/connection/api.ts';
import { ApiLink, insideOf, quic } from '../../support/api-link.ts';

const CLIENT_BIDI = 0;
const SERVER_BIDI = 1;
const CLIENT_UNI = 2;
const SERVER_UNI = 3;

describe('Connection: streams', () => {
  test('C40 streams of both kinds go in both directions, and the peer has a limit on each', () => {
    const link = ApiLink.established({ server: { initialMaxStreamsBidi: 1, initialMaxStreamsUni: 1 } });
    const { client, server } = link;
    assert.equal(client.openStream('bidi'), CLIENT_BIDI);
    assert.equal(server.openStream('uni'), SERVER_UNI);
    for (const [from, id] of [
      [client, CLIENT_BIDI],
      [client, CLIENT_UNI],
      [server, SERVER_BIDI],
      [server, SERVER_UNI],
    ] as const) {
      assert.equal(from.streamSend(id, bytes(10), true), 10);
    }
    link.flush();
    assert.deepEqual(readAll(server, CLIENT_BIDI), { size: 10, fin: true });
    assert.deepEqual(readAll(server, CLIENT_UNI), { size: 10, fin: true });
    assert.deepEqual(readAll(client, SERVER_BIDI), { size: 10, fin: true });
    assert.deepEqual(readAll(client, SERVER_UNI), { size: 10, fin: true });
    const limit = quic('ERR_QUIC_STREAM_LIMIT', { number: -12, streamId: 4 });
    assert.throws(() => client.streamSend(4, bytes(1), false), limit);
    assert.equal(client.openStream('bidi'), null);
    assert.throws(() => client.streamSend(SERVER_UNI, bytes(1), false), streamState(SERVER_UNI));
    assert.throws(() => client.streamSend(9, bytes(1), false), streamState(9));
  });

  test('C41 a partial write reports what was taken, without capacity it is null, 0 only for empty input', () => {
    const link = ApiLink.established({ server: { initialMaxStreamDataBidiRemote: 100 } });
    const { client } = link;
    assert.equal(client.streamSend(0, bytes(150), true), 100);
    assert.equal(client.streamSend(0, bytes(50), true), null);
    assert.equal(client.streamSend(0, bytes(0), false), 0);
    link.flush();
    // The end was not taken with the first write.
    assert.deepEqual(readAll(link.server, 0), { size: 100, fin: false });
    link.flush();
    assert.equal(client.streamSend(0, bytes(0), true), 0);
    link.flush();
    assert.deepEqual(readAll(link.server, 0), { size: 0, fin: true });
    assert.equal(client.streamSendOwned(4, bytes(20), true), 20);
    link.flush();
    assert.deepEqual(readAll(link.server, 4), { size: 20, fin: true });
  });

  test('C42 reading gives data in order with the end, a reset as its code, and refuses unknown streams', () => {
    const link = ApiLink.established();
    const { client, server } = link;
    assert.equal(client.streamSend(0, Uint8Array.of(1, 2, 3, 4, 5), true), 5);
    client.streamSend(4, bytes(10), false);
    link.flush();
    const out = new Uint8Array(3);
    assert.deepEqual(server.streamRecv(0, out), { length: 3, fin: false });
    assert.deepEqual(out, Uint8Array.of(1, 2, 3));
    assert.deepEqual(server.streamRecv(0, out), { length: 2, fin: true });
    assert.deepEqual(out.subarray(0, 2), Uint8Array.of(4, 5));
    assert.equal(server.streamReadableLength(4), 10);
    assert.deepEqual(server.streamDiscard(4, 4), { length: 4, fin: false });
    client.streamShutdown(4, 'write', 77);
    link.flush();
    assert.throws(
      () => server.streamRecv(4, out),
      quic('ERR_QUIC_STREAM_RESET', { errorCode: 77n, number: -16, streamId: 4 }),
    );
    assert.throws(() => server.streamRecv(80, out), streamState(80));
    assert.throws(() => client.streamRecv(CLIENT_UNI, out), streamState(CLIENT_UNI));
    client.streamSend(8, bytes(1), false);
    link.flush();
    readAll(server, 8);
    assert.equal(server.streamRecv(8, out), null);
  });

  test('C43 STOP_SENDING makes writes throw its code', () => {
    const link = ApiLink.established();
    const { client, server } = link;
    client.streamSend(0, bytes(10), false);
    link.flush();
    assert.equal(server.streamShutdown(0, 'read', 99), true);
    link.flush();
    assert.ok(client.writable().includes(0));
    const stopped = quic('ERR_QUIC_STREAM_STOPPED', { errorCode: 99n, number: -15, streamId: 0 });
    assert.throws(() => client.streamCapacity(0), stopped);
    assert.throws(() => client.streamSend(0, bytes(1), false), stopped);
  });

  test('C44 a shutdown works once in each direction that the stream has', () => {
    const link = ApiLink.established();
    const { client, server } = link;
    client.streamSend(0, bytes(10), false);
    client.streamSend(CLIENT_UNI, bytes(10), false);
    link.flush();
    assert.equal(client.streamShutdown(0, 'write', 1), true);
    assert.equal(client.streamShutdown(0, 'write', 1), false);
    assert.equal(client.streamShutdown(0, 'read', 2), true);
    assert.equal(client.streamShutdown(0, 'read', 2), false);
    assert.equal(client.streamShutdown(40, 'write', 1), false);
    assert.throws(() => client.streamShutdown(CLIENT_UNI, 'read', 1), streamState(CLIENT_UNI));
    assert.throws(() => server.streamShutdown(CLIENT_UNI, 'write', 1), streamState(CLIENT_UNI));
    link.flush();
    assert.throws(() => server.streamRecv(0, bytes(1)), quic('ERR_QUIC_STREAM_RESET', { errorCode: 1n }));
    assert.throws(
      () => server.streamSend(0, bytes(1), false),
      quic('ERR_QUIC_STREAM_STOPPED', { errorCode: 2n }),
    );
  });

  test('C45 the peer of a full stream may not send more: FLOW_CONTROL_ERROR', () => {
    const link = ApiLink.established({ server: { initialMaxStreamDataBidiRemote: 100 } });
    link.client.streamSend(0, bytes(100), false);
    // The client believes that it has more credit than it was given.
    const { streams, remoteParameters } = insideOf(link.client);
    streams.setPeerParameters({ ...remoteParameters, initialMaxStreamDataBidiRemote: 1000 });
    link.client.streamSend(0, bytes(1), false);
    link.flush();
    assert.equal(link.server.localError?.errorCode, 3n);
    assert.equal(link.client.peerError?.errorCode, 3n);
  });

  test('C45 credit comes back as the application reads', () => {
    const link = ApiLink.established({
      server: { initialMaxStreamDataBidiRemote: 1000, initialMaxData: 1500 },
    });
    const { client, server } = link;
    let sent = 0;
    let read = 0;
    for (let round = 0; round < 100 && read < 20_000; round++) {
      sent += client.streamSend(0, bytes(20_000 - sent), true) ?? 0;
      link.flush();
      read += readAll(server, 0).size;
      link.flush();
    }
    assert.equal(read, 20_000);
    assert.ok(server.isStreamFinished(0));
  });

  test('C46 C51 streams left go down with each stream and up as streams end', () => {
    const link = ApiLink.established({ server: { initialMaxStreamsBidi: 2, initialMaxStreamsUni: 1 } });
    const { client, server } = link;
    assert.deepEqual([client.streamsLeftBidi, client.streamsLeftUni], [2, 1]);
    client.streamSend(0, bytes(1), true);
    client.streamSend(CLIENT_UNI, bytes(1), true);
    assert.deepEqual([client.streamsLeftBidi, client.streamsLeftUni], [1, 0]);
    client.streamSend(4, bytes(1), true);
    assert.equal(client.streamsLeftBidi, 0);
    link.flush();
    for (const id of [0, 4]) {
      readAll(server, id);
      server.streamSend(id, bytes(0), true);
    }
    readAll(server, CLIENT_UNI);
    link.flush();
    link.advance(200);
    assert.deepEqual([client.streamsLeftBidi, client.streamsLeftUni], [2, 1]);
    assert.equal(client.streamSend(8, bytes(1), true), 1);
  });

  test('C47 a lower urgency goes first, and the default is 127', () => {
    const link = ApiLink.established();
    const { client } = link;
    client.streamSend(0, bytes(3000), true);
    client.streamSend(4, bytes(3000), true);
    assert.deepEqual(client.getStreamPriority(0), { urgency: 127, incremental: true });
    client.streamPriority(4, 0, false);
    assert.deepEqual(client.getStreamPriority(4), { urgency: 0, incremental: false });
    for (let i = 0; i < 2; i++) link.deliver(link.takeOne(client).datagram, true);
    assert.ok(link.server.streamReadableLength(4) > link.server.streamReadableLength(0));
    assert.throws(() => client.streamPriority(0, 256, true), { code: 'ERR_OUT_OF_RANGE' });
    assert.equal(client.getStreamPriority(400), null);
  });

  test('C48 snapshots list what can be read and written; the next-calls report each once', () => {
    const link = ApiLink.established();
    const { client, server } = link;
    client.streamSend(0, bytes(10), false);
    client.streamSend(4, bytes(10), false);
    link.flush();
    assert.deepEqual(server.readable(), [0, 4]);
    assert.deepEqual(client.writable(), [0, 4]);
    assert.deepEqual([server.nextReadable(), server.nextReadable(), server.nextReadable()], [0, 4, null]);
    assert.deepEqual([client.nextWritable(), client.nextWritable(), client.nextWritable()], [0, 4, null]);
    client.streamSend(4, bytes(1), false);
    link.flush();
    assert.equal(server.nextReadable(), 4);
    assert.equal(server.isStreamReadable(4), true);
    assert.equal(server.isStreamReadable(44), false);
  });

  test('C49 capacity is the least of all limits, and a stream that lacks room is writable again only with enough', () => {
    const link = ApiLink.established({
      server: { initialMaxStreamDataBidiRemote: 1000, initialMaxData: 1 << 20 },
    });
    const { client, server } = link;
    client.streamSend(0, bytes(400), false);
    assert.equal(client.streamCapacity(0), 600);
    assert.equal(client.isStreamWritable(0, 600), true);
    assert.equal(client.isStreamWritable(0, 1000), false);
    assert.deepEqual(client.writable(), []);
    link.flush();
    assert.equal(server.stats().streamDataBlockedReceivedCount, 1);
    readAll(server, 0);
    link.flush();
    client.streamSend(0, bytes(600), false);
    link.flush();
    readAll(server, 0);
    link.flush();
    assert.ok(client.streamCapacity(0) >= 1000);
    assert.deepEqual(client.writable(), [0]);
    assert.throws(() => client.streamCapacity(44), streamState(44));
    assert.throws(() => client.isStreamWritable(44, 1), streamState(44));
  });

  test('C50 finished is true after the end, after a reset, and for unknown streams', () => {
    const link = ApiLink.established();
    const { client, server } = link;
    client.streamSend(0, bytes(10), true);
    client.streamSend(4, bytes(10), false);
    link.flush();
    assert.equal(server.isStreamFinished(0), false);
    readAll(server, 0);
    assert.equal(server.isStreamFinished(0), true);
    assert.equal(server.isStreamFinished(4), false);
    client.streamShutdown(4, 'write', 1);
    link.flush();
    assert.equal(server.isStreamFinished(4), true);
    assert.equal(server.isStreamFinished(4000), true);
    assert.equal(server.isStreamClosed(4000), false);
    assert.equal(server.isStreamClosed(0), false);
    server.streamSend(0, bytes(0), true);
    link.flush();
    link.advance(100);
    assert.equal(server.isStreamClosed(0), true);
    assert.equal(server.isStreamFinished(0), true);
  });

  test('C52 anything can be attached to a stream, once', () => {
    const link = ApiLink.established();
    const { client } = link;
    client.streamSend(0, bytes(1), false);
    assert.equal(client.getStreamData(0), undefined);
    const thing = { any: 'thing' };
    assert.equal(client.setStreamData(0, thing), true);
    assert.equal(client.setStreamData(0, 'other'), false);
    assert.equal(client.getStreamData(0), thing);
    assert.equal(client.getStreamData(44), undefined);
    assert.throws(() => client.setStreamData(44, thing), streamState(44));
  });

  test('C103 a connection is readable while any stream is', () => {
    const link = ApiLink.established();
    assert.equal(link.server.isReadable(), false);
    link.client.streamSend(0, bytes(1), true);
    link.flush();
    assert.equal(link.server.isReadable(), true);
    readAll(link.server, 0);
    assert.equal(link.server.isReadable(), false);
  });

  test('C104 writing after a shutdown, or after the end, throws FinalSize', () => {
    const { client } = ApiLink.established();
    client.streamSend(0, bytes(10), false);
    client.streamShutdown(0, 'write', 5);
    assert.throws(
      () => client.streamSend(0, bytes(1), false),
      quic('ERR_QUIC_FINAL_SIZE', { number: -13, streamId: 0 }),
    );
    client.streamSend(4, bytes(10), true);
    assert.throws(() => client.streamSend(4, bytes(1), false), quic('ERR_QUIC_FINAL_SIZE'));
  });
});

function bytes(length: number): Uint8Array {
  return new Uint8Array(length).fill(length & 0xff);
}

function readAll(from: Connection, id: number): { size: number; fin: boolean } {
  let size = 0;
  for (let chunk = from.streamRecvChunk(id); chunk !== null; chunk = from.streamRecvChunk(id)) {
    size += chunk.data.length;
    if (chunk.fin) return { size, fin: true };
  }
  return { size, fin: false };
}

function streamState(streamId: number): Record<string, unknown> {
  return quic('ERR_QUIC_INVALID_STREAM_STATE', { number: -7, streamId });
}
