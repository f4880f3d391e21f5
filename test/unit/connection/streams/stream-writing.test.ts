import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteBudget } from '../../../../src/connection/streams/byte-budget.ts';
import { NoticeBit } from '../../../../src/connection/streams/stream.ts';
import { StreamNotice } from '../../../../src/connection/streams/streams.ts';
import { FRAME } from '../../../../src/wire/frame-table.ts';
import {
  describe,
  flush,
  frame,
  pair,
  parameters,
  pattern,
  readAll,
  type Side,
  settle,
  streamFrame,
  throwsQuic,
} from './pair.ts';

const none = new Uint8Array(0);

function stopSending(streamId: number, errorCode: number | bigint) {
  return frame({ type: FRAME.STOP_SENDING, kind: FRAME.STOP_SENDING, streamId, errorCode });
}

function maxStreamData(streamId: number, limit: number) {
  return frame({ type: FRAME.MAX_STREAM_DATA, kind: FRAME.MAX_STREAM_DATA, streamId, limit });
}

function maxData(limit: number) {
  return frame({ type: FRAME.MAX_DATA, kind: FRAME.MAX_DATA, limit });
}

test('C40 RFC 9000 §2.1 ids of each side and direction rise by four', () => {
  const { client, server } = pair();
  const open = (side: Side, direction: 'bidi' | 'uni') =>
    [1, 2, 3].map(() => side.streams.openStream(direction));
  assert.deepEqual(open(client, 'bidi'), [0, 4, 8]);
  assert.deepEqual(open(client, 'uni'), [2, 6, 10]);
  assert.deepEqual(open(server, 'bidi'), [1, 5, 9]);
  assert.deepEqual(open(server, 'uni'), [3, 7, 11]);
});

test('C40 data go both ways on bidirectional streams and one way on unidirectional ones', () => {
  const { client, server } = pair();
  for (const [from, to, id] of [
    [client, server, 0],
    [client, server, 2],
    [server, client, 1],
    [server, client, 3],
  ] as const) {
    assert.equal(from.streams.streamSend(id, pattern(0, 3000, id), true), 3000);
    flush(from, to);
    assert.deepEqual(readAll(to, id), { data: pattern(0, 3000, id), fin: true });
    if (id < 2) {
      to.streams.streamSend(id, pattern(0, 50), true);
      flush(to, from);
      assert.deepEqual(readAll(from, id).data, pattern(0, 50));
    } else throwsQuic(() => to.streams.streamSend(id, none, true), 'ERR_QUIC_INVALID_STREAM_STATE');
  }
});

test('C40 C51 at the peer’s limit opening gives null, writing throws, and the peer is told', () => {
  const { client, server } = pair(parameters(100, 1000, 2));
  assert.equal(client.streams.openStream('bidi'), 0);
  assert.equal(client.streams.openStream('bidi'), 4);
  assert.equal(client.streams.streamsLeftBidi, 0);
  assert.equal(client.streams.openStream('bidi'), null);
  throwsQuic(() => client.streams.streamSend(8, none, false), 'ERR_QUIC_STREAM_LIMIT');
  throwsQuic(() => client.streams.streamPriority(8, 1, true), 'ERR_QUIC_STREAM_LIMIT');
  assert.deepEqual(describe(client.packet()), ['STREAMS_BLOCKED bidi 2']);
  assert.equal(client.streams.takeStreamsAvailable('bidi'), false);
  client.handle(frame({ type: FRAME.MAX_STREAMS_BIDI, kind: FRAME.MAX_STREAMS_BIDI, limit: 3 }), none);
  assert.equal(client.streams.takeStreamsAvailable('bidi'), true);
  assert.equal(client.streams.takeStreamsAvailable('bidi'), false);
  assert.equal(client.streams.streamsLeftBidi, 1);
  assert.equal(client.streams.openStream('bidi'), 8);
  assert.equal(server.streams.streamsLeftBidi, 2);
});

test('C40 the application may choose ids, which open all lower ones', () => {
  const { client, server } = pair();
  client.streams.streamSend(8, new Uint8Array(1), false);
  assert.equal(client.streams.streamsLeftBidi, 97);
  assert.equal(client.streams.openStream('bidi'), 12);
  assert.equal(client.streams.streamSend(4, new Uint8Array(1), false), 1);
  flush(client, server);
  assert.deepEqual(
    [0, 0, 0, 0].map(() => server.streams.nextIncoming('bidi')),
    [0, 4, 8, null],
  );
});

test('C41 a partial write reports what was taken, and then the end was not', () => {
  const { client, server } = pair(parameters(100, 1000));
  assert.equal(client.streams.streamSend(0, pattern(0, 150), true), 100);
  flush(client, server);
  assert.deepEqual(readAll(server, 0), { data: pattern(0, 100), fin: false });
  flush(server, client);
  assert.equal(client.streams.streamSend(0, pattern(100, 50), true), 50);
  flush(client, server);
  assert.deepEqual(readAll(server, 0), { data: pattern(100, 50), fin: true });
});

test('C41 without capacity a write gives null, an empty one 0', () => {
  const { client } = pair(parameters(10, 1000));
  assert.equal(client.streams.streamSend(0, new Uint8Array(10), false), 10);
  assert.equal(client.streams.streamSend(0, new Uint8Array(1), false), null);
  assert.equal(client.streams.streamSend(0, none, false), 0);
  assert.equal(client.streams.streamSend(0, none, true), 0);
});

test('C41 an empty end is sent alone, also on a stream that never had data', () => {
  const { client, server } = pair();
  assert.equal(client.streams.streamSend(0, none, true), 0);
  assert.deepEqual(describe(client.packet()), ['STREAM 0 0+0 FIN']);
  client.streams.streamSend(4, new Uint8Array(5), false);
  flush(client, server);
  client.streams.streamSend(4, none, true);
  const end = client.packet();
  assert.deepEqual(describe(end), ['STREAM 4 5+0 FIN']);
  server.receive(end?.bytes ?? none);
  assert.equal(readAll(server, 4).fin, true);
});

test('C41 an empty write without an end creates the stream and sends nothing', () => {
  const { client } = pair();
  assert.equal(client.streams.streamSend(0, none, false), 0);
  assert.equal(client.streams.isStreamOpen(0), true);
  assert.equal(client.packet(), null);
});

test('C41 a write after the end throws FinalSize, the end itself may be said again', () => {
  const { client } = pair();
  client.streams.streamSend(0, new Uint8Array(5), true);
  assert.equal(
    throwsQuic(() => client.streams.streamSend(0, new Uint8Array(1), false), 'ERR_QUIC_FINAL_SIZE').number,
    -13,
  );
  throwsQuic(() => client.streams.streamSend(0, none, false), 'ERR_QUIC_FINAL_SIZE');
  assert.equal(client.streams.streamSend(0, none, true), 0);
});

test('C41 a write to a stream that is over and forgotten gives null', () => {
  const { client, server } = pair();
  client.streams.streamSend(2, new Uint8Array(5), true);
  flush(client, server);
  assert.equal(client.streams.isStreamClosed(2), true);
  assert.equal(client.streams.streamSend(2, new Uint8Array(5), false), null);
  assert.equal(client.streams.isStreamAcked(2), true);
});

test('C41 writing to streams that are not ours to write throws InvalidStreamState', () => {
  const { client, server } = pair();
  for (const id of [1, 3]) {
    const error = throwsQuic(
      () => client.streams.streamSend(id, none, true),
      'ERR_QUIC_INVALID_STREAM_STATE',
    );
    assert.equal(error.streamId, id);
    assert.equal(error.number, -7);
  }
  server.streams.streamSend(5, none, true);
  flush(server, client);
  // Opened by the higher id.
  assert.equal(client.streams.streamSend(1, none, true), 0);
});

test('C41 wrong arguments are refused', () => {
  const { client } = pair();
  const send = client.streams.streamSend.bind(client.streams) as (...values: unknown[]) => unknown;
  assert.throws(() => send(0, 'text', true), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.throws(() => send(-1, none, true), { code: 'ERR_OUT_OF_RANGE' });
  assert.throws(() => send(0.5, none, true), { code: 'ERR_OUT_OF_RANGE' });
  assert.throws(() => client.streams.streamShutdown(0, 'read', -1), { code: 'ERR_OUT_OF_RANGE' });
  assert.throws(() => client.streams.streamShutdown(0, 'read', 2n ** 62n), { code: 'ERR_OUT_OF_RANGE' });
  assert.throws(() => client.streams.streamShutdown(0, 'read', 1.5), { code: 'ERR_OUT_OF_RANGE' });
});

test('C41 a copied buffer may be changed at once, an owned one is kept as it is until acknowledged', () => {
  const { client, server } = pair();
  const copied = pattern(0, 3000);
  client.streams.streamSend(0, copied, false);
  copied.fill(0);
  const owned = pattern(0, 3000, 1);
  client.streams.streamSendOwned(4, owned, true);
  const before = client.packet();
  assert.ok(before !== null);
  client.lost(before);
  flush(client, server);
  assert.deepEqual(readAll(server, 0).data, pattern(0, 3000));
  assert.deepEqual(readAll(server, 4), { data: pattern(0, 3000, 1), fin: true });
  assert.equal(client.streams.bytesHeld, 0);
});

test('C43 after STOP_SENDING writes throw StreamStopped with the code, and RESET_STREAM repeats it', () => {
  const { client, server } = pair(parameters(1000, 10_000), parameters(1000, 10_000), { notices: true });
  client.streams.streamSend(0, new Uint8Array(500), false);
  flush(client, server);
  client.streams.streamSend(0, new Uint8Array(300), false);
  assert.equal(server.streams.streamShutdown(0, 'read', 2n ** 60n), true);
  flush(server, client);
  assert.deepEqual(client.streams.writable(), [0]);
  assert.equal(client.streams.nextWritable(), 0);
  const error = throwsQuic(() => client.streams.streamSend(0, none, true), 'ERR_QUIC_STREAM_STOPPED');
  assert.equal(error.errorCode, 2n ** 60n);
  assert.equal(error.number, -15);
  throwsQuic(() => client.streams.streamCapacity(0), 'ERR_QUIC_STREAM_STOPPED');
  throwsQuic(() => client.streams.isStreamWritable(0, 1), 'ERR_QUIC_STREAM_STOPPED');
  assert.equal(client.streams.streamStopCode(0), 2n ** 60n);
  const notice = new StreamNotice();
  assert.equal(client.streams.nextNotice(notice), true);
  assert.deepEqual([notice.id, notice.flags, notice.stopCode], [0, NoticeBit.STOPPED, 2n ** 60n]);
  // The 300 bytes never left: their credit is the connection's again.
  assert.deepEqual(describe(client.packet()), [`RESET_STREAM 0 ${2n ** 60n} 500`]);
  assert.equal(client.streams.capacity, 9500);
  assert.equal(client.streams.bytesHeld, 0);
  assert.equal(client.streams.stats.stoppedStreamsRemote, 1);
});

test('C43 a stopped stream is kept until the application has heard of it, then forgotten', () => {
  const { client, server } = pair();
  client.streams.streamSend(2, new Uint8Array(5), false);
  flush(client, server);
  server.streams.streamShutdown(2, 'read', 3);
  settle(server, client);
  assert.equal(server.streams.isStreamClosed(2), true);
  assert.equal(client.streams.isStreamOpen(2), true);
  throwsQuic(() => client.streams.streamSend(2, none, false), 'ERR_QUIC_STREAM_STOPPED');
  assert.equal(client.streams.isStreamOpen(2), false);
  assert.equal(client.streams.streamSend(2, new Uint8Array(1), false), null);
});

test('C43 STOP_SENDING after the end needs nobody to hear it, and one after the acknowledgement does nothing', () => {
  const { client, server } = pair();
  client.streams.streamSend(2, new Uint8Array(5), true);
  client.packet();
  client.handle(stopSending(2, 1), none);
  const reset = client.packet();
  assert.deepEqual(describe(reset), ['RESET_STREAM 2 1 5']);
  assert.ok(reset !== null);
  client.acked(reset);
  assert.equal(client.streams.isStreamClosed(2), true);
  client.streams.streamSend(0, new Uint8Array(5), true);
  flush(client, server);
  assert.equal(client.streams.isStreamAcked(0), true);
  client.handle(stopSending(0, 1), none);
  assert.equal(client.packet(), null);
  assert.deepEqual(client.streams.writable(), []);
});

test('C43 RFC 9000 §3.5 a second STOP_SENDING changes neither code nor frame', () => {
  const { client } = pair();
  client.streams.streamSend(0, new Uint8Array(5), false);
  client.handle(stopSending(0, 1), none);
  client.packet();
  client.handle(stopSending(0, 2), none);
  assert.equal(client.streams.streamStopCode(0), 1n);
  assert.equal(client.packet(), null);
});

test('C44 C104 after shutdown for writing, writes throw FinalSize and the peer gets RESET_STREAM', () => {
  const { client, server } = pair(parameters(1000, 10_000));
  client.streams.streamSend(0, new Uint8Array(400), false);
  const first = client.packet();
  assert.ok(first !== null);
  client.streams.streamSend(0, new Uint8Array(100), false);
  assert.equal(client.streams.streamShutdown(0, 'write', 42n), true);
  assert.equal(client.streams.streamShutdown(0, 'write', 43), false);
  throwsQuic(() => client.streams.streamSend(0, new Uint8Array(1), false), 'ERR_QUIC_FINAL_SIZE');
  assert.equal(client.streams.streamSend(0, none, true), 0);
  assert.equal(client.streams.capacity, 9600);
  assert.equal(client.streams.bytesUnsent, 0);
  assert.equal(client.streams.bytesHeld, 0);
  assert.equal(client.streams.streamCapacity(0), 0);
  client.lost(first);
  const sent = client.packet();
  assert.deepEqual(describe(sent), ['RESET_STREAM 0 42 400']);
  assert.deepEqual(
    client.streams.writable(),
    [4].filter(() => false),
  );
  server.receive(sent?.bytes ?? none);
  const error = throwsQuic(() => server.streams.streamRecv(0, new Uint8Array(10)), 'ERR_QUIC_STREAM_RESET');
  assert.equal(error.errorCode, 42n);
  assert.equal(client.streams.stats.resetStreamsLocal, 1);
});

test('C44 shutdown after STOP_SENDING keeps the reset that went out', () => {
  const { client } = pair();
  client.streams.streamSend(0, new Uint8Array(5), false);
  client.handle(stopSending(0, 1), none);
  assert.equal(client.streams.streamShutdown(0, 'write', 9), true);
  assert.equal(client.streams.streamShutdown(0, 'write', 9), false);
  assert.deepEqual(describe(client.packet()), ['RESET_STREAM 0 1 0']);
  assert.deepEqual(client.streams.writable(), []);
  throwsQuic(() => client.streams.streamSend(0, new Uint8Array(1), false), 'ERR_QUIC_FINAL_SIZE');
});

test('C44 shutdown of the direction that a stream lacks throws, of an unknown stream does nothing', () => {
  const { client } = pair();
  throwsQuic(() => client.streams.streamShutdown(2, 'read', 0), 'ERR_QUIC_INVALID_STREAM_STATE');
  throwsQuic(() => client.streams.streamShutdown(3, 'write', 0), 'ERR_QUIC_INVALID_STREAM_STATE');
  assert.equal(client.streams.streamShutdown(0, 'write', 0), false);
  assert.equal(client.streams.streamShutdown(0, 'read', 0), false);
  client.streams.streamSend(0, none, true);
  const end = client.packet();
  assert.ok(end !== null);
  client.acked(end);
  assert.equal(client.streams.streamShutdown(0, 'write', 0), false, 'all is acknowledged already');
});

test('C45 credit of stream and connection is obeyed', () => {
  const { client } = pair(parameters(1000, 1500));
  assert.equal(client.streams.streamSend(0, new Uint8Array(2000), false), 1000);
  assert.equal(client.streams.streamSend(4, new Uint8Array(2000), false), 500);
  assert.equal(client.streams.streamSend(8, new Uint8Array(2000), false), null);
  client.handle(maxData(1600), none);
  assert.equal(client.streams.streamSend(8, new Uint8Array(2000), false), 100);
});

test('C49 the capacity is the least of stream, connection, congestion window and send buffer', () => {
  const sendBudget = new ByteBudget(1_000_000);
  const { client } = pair(parameters(1000, 1500), parameters(1000, 1500), {
    sendBudget,
    maxSendBuffer: 1400,
  });
  throwsQuic(() => client.streams.streamCapacity(0), 'ERR_QUIC_INVALID_STREAM_STATE');
  throwsQuic(() => client.streams.streamCapacity(3), 'ERR_QUIC_INVALID_STREAM_STATE');
  for (const id of [0, 4, 8]) client.streams.streamSend(id, none, false);
  assert.equal(client.streams.streamCapacity(0), 1000);
  client.streams.setSendCapacity(300);
  assert.equal(client.streams.streamCapacity(0), 300);
  assert.equal(client.streams.streamSend(0, new Uint8Array(500), false), 300);
  assert.equal(client.streams.streamCapacity(0), 0);
  // Sending takes the bytes out of what waits, and as many out of the window.
  client.packet();
  client.streams.setSendCapacity(0);
  assert.equal(client.streams.streamCapacity(0), 0);
  client.streams.setSendCapacity(Number.POSITIVE_INFINITY);
  assert.equal(client.streams.streamCapacity(0), 700);
  client.streams.streamSend(0, new Uint8Array(1000), false);
  assert.equal(client.streams.streamCapacity(4), 400, 'the send buffer');
  sendBudget.take(998_700);
  assert.equal(client.streams.streamCapacity(4), 300, 'the budget of the endpoint');
  sendBudget.release(998_700);
  client.streams.streamSend(4, new Uint8Array(400), false);
  assert.equal(client.streams.streamCapacity(8), 0);
});

test('C49 acknowledged bytes make room in the send buffer, and only those at the front', () => {
  const { client } = pair(parameters(10_000, 100_000), parameters(10_000, 100_000), { maxSendBuffer: 3000 });
  assert.equal(client.streams.streamSend(0, new Uint8Array(5000), false), 3000);
  const [first, second, third] = [client.packet(1000), client.packet(1000), client.packet(2000)];
  assert.ok(first !== null && second !== null && third !== null);
  client.acked(second);
  assert.equal(client.streams.streamCapacity(0), 0);
  client.acked(first);
  const freed = client.streams.streamCapacity(0);
  assert.ok(freed > 1900 && freed < 2000);
  client.acked(third);
  assert.equal(client.streams.streamCapacity(0), 3000);
});

test('C49 a low watermark keeps the stream from being reported too early, and the peer is told', () => {
  const { client } = pair(parameters(100, 10_000));
  client.streams.streamSend(0, none, false);
  assert.equal(client.streams.isStreamWritable(0, 100), true);
  assert.equal(client.streams.isStreamWritable(0, 150), false);
  assert.deepEqual(describe(client.packet()), ['STREAM_DATA_BLOCKED 0 100']);
  assert.deepEqual(client.streams.writable(), []);
  client.handle(maxStreamData(0, 149), none);
  assert.equal(client.streams.nextWritable(), null);
  client.handle(maxStreamData(0, 150), none);
  assert.equal(client.streams.nextWritable(), 0);
  assert.equal(client.streams.nextWritable(), null);
});

test('C49 a watermark waits for the connection too', () => {
  const { client } = pair(parameters(1000, 120));
  client.streams.streamSend(0, none, false);
  client.streams.streamSend(4, none, false);
  assert.equal(client.streams.isStreamWritable(0, 200), false);
  assert.deepEqual(describe(client.packet()), ['DATA_BLOCKED 120']);
  assert.deepEqual(client.streams.writable(), [4]);
  assert.equal(client.streams.nextWritable(), 4);
  assert.equal(client.streams.nextWritable(), null);
  client.handle(maxData(200), none);
  assert.equal(client.streams.nextWritable(), 0);
});

test('C49 a watermark above the send buffer is met when the buffer is empty', () => {
  const { client, server } = pair(parameters(10_000), parameters(10_000), { maxSendBuffer: 500 });
  client.streams.streamSend(0, new Uint8Array(500), false);
  assert.equal(client.streams.isStreamWritable(0, 5000), false);
  assert.equal(client.streams.nextWritable(), null);
  flush(client, server);
  assert.equal(client.streams.nextWritable(), 0);
});

test('C48 nextWritable gives each stream once until it was full and has room again', () => {
  const { client, server } = pair(parameters(100, 1000));
  client.streams.openStream('bidi');
  client.streams.openStream('bidi');
  assert.deepEqual(client.streams.writable(), [0, 4]);
  assert.equal(client.streams.nextWritable(), 0);
  assert.equal(client.streams.nextWritable(), 4);
  assert.equal(client.streams.nextWritable(), null);
  client.streams.streamSend(0, new Uint8Array(60), false);
  flush(client, server);
  readAll(server, 0);
  flush(server, client);
  assert.equal(client.streams.nextWritable(), null, 'it could be written all the time');
  client.streams.streamSend(0, new Uint8Array(500), false);
  flush(client, server);
  readAll(server, 0);
  flush(server, client);
  assert.equal(client.streams.nextWritable(), 0);
});

test('C48 without capacity of the connection no stream is writable', () => {
  const { client } = pair(parameters(100, 50));
  client.streams.openStream('bidi');
  client.streams.streamSend(4, new Uint8Array(100), false);
  assert.deepEqual(client.streams.writable(), []);
  assert.equal(client.streams.nextWritable(), null);
  client.handle(stopSending(4, 0), none);
  assert.deepEqual(client.streams.writable(), [0, 4], 'the reset gave the credit back');
  client.streams.streamSend(0, new Uint8Array(100), false);
  assert.deepEqual(client.streams.writable(), [4], 'stopped streams are always reported');
  assert.equal(client.streams.nextWritable(), 4);
  assert.equal(client.streams.nextWritable(), null);
});

test('C48 a stream that the connection’s limit stopped is reported when that rises', () => {
  const { client } = pair(parameters(100, 50));
  client.streams.openStream('bidi');
  assert.equal(client.streams.nextWritable(), 0);
  assert.equal(client.streams.streamSend(0, new Uint8Array(80), false), 50);
  assert.equal(client.streams.nextWritable(), null);
  client.handle(maxData(60), none);
  assert.equal(client.streams.nextWritable(), 0);
});

test('C53 the end is acknowledged when every byte and the end are, in any order', () => {
  const { client } = pair(parameters(10_000), parameters(10_000), { notices: true });
  client.streams.streamSend(2, new Uint8Array(2000), true);
  client.streams.setStreamData(2, 'mine');
  const [first, second] = [client.packet(), client.packet()];
  assert.ok(first !== null && second !== null);
  client.acked(second);
  const notice = new StreamNotice();
  assert.equal(client.streams.isStreamAcked(2), false);
  assert.equal(client.streams.nextNotice(notice), false);
  client.acked(first);
  assert.equal(client.streams.isStreamAcked(2), true);
  assert.equal(client.streams.nextNotice(notice), true);
  assert.deepEqual([notice.id, notice.flags, notice.data], [2, NoticeBit.ACKED | NoticeBit.CLOSED, 'mine']);
  assert.equal(client.streams.nextNotice(notice), false);
});

test('C52 anything can be attached to a stream once', () => {
  const { client } = pair();
  throwsQuic(() => client.streams.setStreamData(0, 1), 'ERR_QUIC_INVALID_STREAM_STATE');
  client.streams.openStream('bidi');
  assert.equal(client.streams.getStreamData(0), undefined);
  assert.equal(client.streams.setStreamData(0, undefined), true);
  assert.equal(client.streams.setStreamData(0, 2), false);
  assert.equal(client.streams.getStreamData(0), undefined);
  client.streams.openStream('bidi');
  const mine = {};
  client.streams.setStreamData(4, mine);
  assert.equal(client.streams.getStreamData(4), mine);
  assert.equal(client.streams.getStreamData(400), undefined);
});

test('RFC 9000 §7.4.1 remembered limits of the peer are raised by the real ones, never lowered', () => {
  const { client } = pair(parameters(100), parameters(100, 300, 1));
  client.streams.streamSend(0, new Uint8Array(500), false);
  assert.equal(client.streams.nextWritable(), null);
  client.streams.setPeerParameters(parameters(250, 400, 5));
  assert.equal(client.streams.streamsLeftBidi, 4);
  assert.equal(client.streams.nextWritable(), 0);
  assert.equal(client.streams.streamCapacity(0), 150);
  client.streams.setPeerParameters(parameters(10, 10, 1));
  assert.equal(client.streams.streamCapacity(0), 150);
  assert.equal(client.streams.streamsLeftBidi, 4);
});

test('RFC 9000 §18.2 local and remote limits are seen from the side that announced them', () => {
  const { client, server } = pair(
    parameters(0, 10_000, 10, { initialMaxStreamDataBidiLocal: 1, initialMaxStreamDataBidiRemote: 2 }),
    parameters(0, 10_000, 10, {
      initialMaxStreamDataBidiLocal: 30,
      initialMaxStreamDataBidiRemote: 40,
      initialMaxStreamDataUni: 50,
    }),
  );
  const big = new Uint8Array(100);
  assert.equal(client.streams.streamSend(0, big, false), 40);
  assert.equal(client.streams.streamSend(2, big, false), 50);
  server.streams.streamSend(1, new Uint8Array(1), false);
  flush(server, client);
  assert.equal(client.streams.streamSend(1, big, false), 30);
  flush(client, server);
  assert.equal(server.streams.streamSend(0, big, false), 1);
  client.handle(streamFrame(1, 0, 2), new Uint8Array(2));
  assert.throws(() => client.handle(streamFrame(1, 2, 1), new Uint8Array(1)), /FLOW_CONTROL_ERROR/);
});
