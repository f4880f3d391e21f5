// What a peer may send about which stream: cases 1, 2, 16, 17, 19 to 24 of h3spec, for both roles.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TransportErrorCode } from '../../../../src/errors.ts';
import type { Frame } from '../../../../src/wire/frame.ts';
import { FRAME } from '../../../../src/wire/frame-table.ts';
import { Writer } from '../../../../src/wire/writer.ts';
import { describe, frame, pair, parameters, type Side, streamFrame, throwsTransport } from './pair.ts';

const { STREAM_STATE_ERROR, STREAM_LIMIT_ERROR, FLOW_CONTROL_ERROR, FRAME_ENCODING_ERROR } =
  TransportErrorCode;
const none = new Uint8Array(0);

/** A frame of each type about a stream. */
const ABOUT: Record<string, { type: number; bySender: boolean; make: (streamId: number) => Frame }> = {
  STREAM: { type: 0x0e, bySender: true, make: (id) => streamFrame(id, 0, 0) },
  RESET_STREAM: {
    type: FRAME.RESET_STREAM,
    bySender: true,
    make: (streamId) =>
      frame({ type: FRAME.RESET_STREAM, kind: FRAME.RESET_STREAM, streamId, errorCode: 1, finalSize: 0 }),
  },
  STREAM_DATA_BLOCKED: {
    type: FRAME.STREAM_DATA_BLOCKED,
    bySender: true,
    make: (streamId) =>
      frame({ type: FRAME.STREAM_DATA_BLOCKED, kind: FRAME.STREAM_DATA_BLOCKED, streamId, limit: 0 }),
  },
  STOP_SENDING: {
    type: FRAME.STOP_SENDING,
    bySender: false,
    make: (streamId) => frame({ type: FRAME.STOP_SENDING, kind: FRAME.STOP_SENDING, streamId, errorCode: 1 }),
  },
  MAX_STREAM_DATA: {
    type: FRAME.MAX_STREAM_DATA,
    bySender: false,
    make: (streamId) =>
      frame({ type: FRAME.MAX_STREAM_DATA, kind: FRAME.MAX_STREAM_DATA, streamId, limit: 1 }),
  },
};

for (const role of ['client', 'server'] as const) {
  const own = role === 'server' ? 1 : 0;
  const peers = 1 - own;
  const side = (): Side => pair(parameters(100, 1000, 10))[role];

  for (const [name, { type, bySender, make }] of Object.entries(ABOUT)) {
    test(`RFC 9000 §19 ${role}: ${name} for an own stream that was not opened is STREAM_STATE_ERROR`, () => {
      throwsTransport(() => side().handle(make(100 + own), none), STREAM_STATE_ERROR, type);
    });

    test(`RFC 9000 §19 ${role}: ${name} in the wrong direction of a unidirectional stream is STREAM_STATE_ERROR`, () => {
      const id = bySender ? 2 + own : 2 + peers;
      throwsTransport(() => side().handle(make(id), none), STREAM_STATE_ERROR, type);
      // The same when the stream exists.
      const opened = side();
      if (bySender) opened.streams.openStream('uni');
      else opened.handle(streamFrame(2 + peers, 0, 0), none);
      throwsTransport(() => opened.handle(make(id), none), STREAM_STATE_ERROR, type);
    });

    test(`RFC 9000 §4.6 ${role}: ${name} above the limit on streams is STREAM_LIMIT_ERROR`, () => {
      const id = 40 + peers;
      throwsTransport(() => side().handle(make(id), none), STREAM_LIMIT_ERROR, type);
      throwsTransport(() => side().handle(make(1_000_000_000 + peers), none), STREAM_LIMIT_ERROR, type);
      side().handle(make(id - 4), none);
    });

    test(`RFC 9000 §3.2 ${role}: ${name} opens a bidirectional stream of the peer`, () => {
      const opened = side();
      opened.handle(make(8 + peers), none);
      assert.equal(opened.streams.isStreamOpen(8 + peers), true);
      assert.equal(opened.streams.isStreamOpen(0 + peers), true);
      assert.equal(opened.streams.nextIncoming('bidi'), peers);
      assert.equal(opened.streams.nextIncoming('bidi'), 4 + peers);
      assert.equal(opened.streams.nextIncoming('bidi'), 8 + peers);
      assert.equal(opened.streams.nextIncoming('bidi'), null);
    });
  }

  test(`RFC 9000 §19.8 ${role}: an offset far above the limit is FLOW_CONTROL_ERROR`, () => {
    throwsTransport(() => side().handle(streamFrame(peers, 100_000_000, 1), none), FLOW_CONTROL_ERROR, 0x0e);
    throwsTransport(
      () => side().handle(streamFrame(peers, Number.MAX_SAFE_INTEGER, 1), none),
      FLOW_CONTROL_ERROR,
    );
  });
}

test('RFC 9000 §19.11 §19.14 more than 2^60 streams is FRAME_ENCODING_ERROR', () => {
  for (const type of [0x12, 0x13, 0x16, 0x17]) {
    const writer = new Writer(new Uint8Array(9));
    writer.u8(type);
    writer.varint(2n ** 60n + 1n);
    throwsTransport(() => pair().server.receive(writer.bytes), FRAME_ENCODING_ERROR, type);
  }
});

test('RFC 9000 §19.11 2^60 streams may be allowed', () => {
  const { client } = pair(parameters(100, 100, 0));
  const writer = new Writer(new Uint8Array(9));
  writer.u8(0x12);
  writer.varint(2n ** 60n);
  client.receive(writer.bytes);
  assert.equal(client.streams.openStream('bidi'), 0);
  assert.ok(client.streams.streamsLeftBidi >= 2 ** 50);
});

test('RFC 9000 §3.3 late frames for streams that are over change nothing', () => {
  const { client, server } = pair();
  client.streams.streamSend(2, new Uint8Array(10), true);
  const sent = client.packet();
  assert.ok(sent !== null);
  server.receive(sent.bytes);
  server.streams.streamRecv(2, new Uint8Array(10));
  assert.equal(server.streams.isStreamClosed(2), true);
  server.receive(sent.bytes);
  server.handle(ABOUT.RESET_STREAM.make(2), none);
  server.handle(ABOUT.STREAM_DATA_BLOCKED.make(2), none);
  client.acked(sent);
  assert.equal(client.streams.isStreamClosed(2), true);
  client.handle(ABOUT.STOP_SENDING.make(2), none);
  client.handle(ABOUT.MAX_STREAM_DATA.make(2), none);
  assert.equal(client.packet(), null);
  assert.equal(server.streams.openCount, 0);
  assert.deepEqual(server.streams.readable(), []);
});

test('RFC 9000 §19.12 a million useless frames hold nothing', () => {
  const { client, server } = pair(parameters(1000, 1000, 10));
  server.handle(streamFrame(0, 0, 0), none);
  const useless = [
    streamFrame(0, 0, 0),
    ABOUT.STREAM_DATA_BLOCKED.make(0),
    frame({ type: 0x10, kind: 0x10, limit: 5 }),
    frame({ type: 0x11, kind: 0x11, streamId: 0, limit: 5 }),
    frame({ type: 0x12, kind: 0x12, limit: 1 }),
    frame({ type: 0x14, kind: 0x14, limit: 5 }),
    frame({ type: 0x16, kind: 0x16, limit: 5 }),
  ];
  for (let i = 0; i < 140_000; i++) for (const each of useless) server.handle(each, none);
  assert.equal(server.packet(), null);
  assert.equal(server.streams.openCount, 1);
  assert.deepEqual(server.streams.readable(), []);
  assert.equal(client.packet(), null);
});

test('C49 RFC 9000 §19.12 to §19.14 a limit that was reached is told once, and counted there', () => {
  const { client, server } = pair(parameters(10, 15, 1));
  client.streams.streamSend(0, new Uint8Array(30), false);
  client.streams.streamSend(2, new Uint8Array(30), false);
  assert.equal(client.streams.streamSend(2, new Uint8Array(30), false), null);
  assert.equal(client.streams.openStream('bidi'), null);
  assert.equal(client.streams.openStream('bidi'), null);
  const sent = client.packet();
  assert.deepEqual(describe(sent), [
    'DATA_BLOCKED 15',
    'STREAMS_BLOCKED bidi 1',
    'STREAM_DATA_BLOCKED 0 10',
    'STREAM 0 0+10',
    'STREAM 2 0+5',
  ]);
  server.receive(sent?.bytes ?? none);
  const { stats } = server.streams;
  assert.equal(stats.streamDataBlockedReceived, 1);
  assert.equal(stats.dataBlockedReceived, 1);
  assert.equal(stats.streamsBlockedReceived, 1);
  assert.equal(client.streams.stats.streamDataBlockedSent, 1);
  assert.equal(client.streams.stats.dataBlockedSent, 1);
  assert.equal(client.streams.stats.streamsBlockedSent, 1);
  assert.equal(client.packet(), null);
});
