/** An authenticated peer that abuses streams, flow control and the CRYPTO stream. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { MAX_CRYPTO_BUFFER, MAX_CRYPTO_PIECES } from '../../src/connection/crypto-stream.ts';
import { MAX_CONNECTION_PIECES, MAX_STREAM_PIECES } from '../../src/connection/streams/defaults.ts';
import { TransportErrorCode } from '../../src/errors.ts';
import { concat } from '../../src/util/bytes.ts';
import { FRAME } from '../../src/wire/frame-table.ts';
import { writeCrypto, writeResetStream, writeStreamHeader } from '../../src/wire/frame-writer.ts';
import { Attack, heapUsed } from '../support/attack.ts';
import { echo } from '../support/cores.ts';
import { frame, varints } from '../support/hostile-peer.ts';

const { CRYPTO_BUFFER_EXCEEDED, FLOW_CONTROL_ERROR } = TransportErrorCode;
const one = Uint8Array.of(1);

function stream(id: number, offset: number, data: Uint8Array, fin = false): Uint8Array {
  return concat([frame((w) => writeStreamHeader(w, id, offset, data.length, fin)), data]);
}

function crypto(offset: number, data: Uint8Array): Uint8Array {
  return frame((w) => writeCrypto(w, offset, data));
}

test('T7 RFC 9000 §7.5 CRYPTO at ever higher offsets closes before it costs more than its limit', () => {
  const attack = new Attack();
  const { core } = attack;
  const before = heapUsed();
  let offset = 1;
  // 1 GiB worth of offsets.
  for (; offset < 2 ** 30 && core.state.isOpen; offset += 8192) attack.hit(crypto(offset, one));
  assert.equal(attack.closedWith, CRYPTO_BUFFER_EXCEEDED);
  assert.ok(offset <= MAX_CRYPTO_BUFFER + 8193);
  assert.ok(heapUsed() - before < 2 * MAX_CRYPTO_BUFFER + 2 ** 18);
});

test('T7 RFC 9000 §7.5 CRYPTO in separate pieces closes at a number of them', () => {
  const attack = new Attack();
  const { core } = attack;
  let pieces = 0;
  for (; pieces < 100_000 && core.state.isOpen; pieces++) attack.hit(crypto(1 + 2 * pieces, one));
  assert.equal(attack.closedWith, CRYPTO_BUFFER_EXCEEDED);
  assert.ok(pieces <= MAX_CRYPTO_PIECES + 1);
});

test('T7 a server that sends tickets without end makes a client store a few', () => {
  const attack = new Attack({ role: 'server' });
  const { core } = attack;
  const before = heapUsed();
  let offset = 0;
  for (let i = 0; i < 5000 && core.state.isOpen; i++) {
    const message = ticket(i);
    attack.hit(crypto(offset, message));
    offset += message.length;
    if (i % 50 === 0) attack.wait(10);
  }
  assert.ok(attack.events.length <= 64, `${attack.events.length} events`);
  assert.ok(heapUsed() - before < 2 ** 20);
});

test('T8 RFC 9000 §21.7 every second byte of a stream closes at a number of gaps', () => {
  const attack = new Attack();
  const { core } = attack;
  let offset = 1;
  for (let packet = 0; packet < 1000 && core.state.isOpen; packet++) {
    const frames: Uint8Array[] = [];
    for (let i = 0; i < 100; i++, offset += 2) frames.push(stream(0, offset, one));
    attack.hit(frames);
  }
  assert.notEqual(attack.closedWith, null);
  assert.ok(offset / 2 <= MAX_STREAM_PIECES + 100);
});

test('T8 RFC 9000 §21.7 every second byte on 100 streams is bounded over all of them', () => {
  const attack = new Attack();
  const { core } = attack;
  const before = heapUsed();
  let pieces = 0;
  for (let round = 0; round < 100 && core.state.isOpen; round++) {
    for (let id = 0; id < 100 && core.state.isOpen; id++) {
      const frames: Uint8Array[] = [];
      for (let i = 0; i < 50; i++) frames.push(stream(4 * id, 1 + 2 * (50 * round + i), one));
      attack.hit(frames);
      pieces += 50;
    }
  }
  assert.notEqual(attack.closedWith, null);
  assert.ok(pieces <= MAX_CONNECTION_PIECES + 50);
  // Well under what the connection may hold by its window of 1 MiB.
  assert.ok(heapUsed() - before < 4 * 2 ** 20);
});

test('T8 one byte in a large datagram keeps no more than a block', () => {
  const attack = new Attack();
  const before = heapUsed();
  for (let id = 0; id < 100; id++) {
    attack.hit([stream(4 * id, 0, one), new Uint8Array(1300)]);
  }
  assert.equal(attack.closedWith, null);
  assert.equal(attack.core.streams.bytesUnread, 100);
  assert.ok(heapUsed() - before < 400_000);
});

test('T8 RFC 9000 §4.1 what one byte per block of every stream holds is bounded by the window', () => {
  const attack = new Attack();
  const { core } = attack;
  const before = heapUsed();
  for (let id = 0; id < 100 && core.state.isOpen; id++) {
    for (let offset = 0; offset < 2 ** 18 && core.state.isOpen; offset += 16_384) {
      attack.hit(stream(4 * id, offset, one));
    }
  }
  assert.equal(attack.closedWith, FLOW_CONTROL_ERROR);
  assert.ok(heapUsed() - before < 2 * core.transport.initialMaxData);
});

test('T10 RFC 9000 §4.6 opening the highest stream alone is given no more streams', () => {
  const attack = new Attack();
  const { core, peer } = attack;
  attack.hit([stream(4 * 99, 0, one), stream(4 * 99 + 2, 0, one)]);
  attack.wait(1000);
  for (let i = 0; i < 50; i++) attack.hit(stream(4 * 99, 1 + i, one));
  attack.wait(1000);
  assert.equal(attack.closedWith, null);
  assert.equal(
    peer.frames.filter(({ kind }) => kind === FRAME.MAX_STREAMS_BIDI || kind === FRAME.MAX_STREAMS_UNI)
      .length,
    0,
  );
  assert.equal(core.streams.openCount, 2);
});

test('T10 RFC 9000 §4.2 data that nobody reads is given no more credit', () => {
  const attack = new Attack();
  const { peer } = attack;
  for (let offset = 0; offset < 2 ** 18; offset += 1024) attack.hit(stream(0, offset, new Uint8Array(1024)));
  attack.wait(5000);
  assert.equal(attack.closedWith, null);
  assert.equal(
    peer.frames.filter(({ kind }) => kind === FRAME.MAX_DATA || kind === FRAME.MAX_STREAM_DATA).length,
    0,
  );
});

test('T11 100,000 streams, opened and reset at once, leave nothing behind', () => {
  const attack = new Attack();
  const { core, peer, duel } = attack;
  duel.keepsSent = false;
  duel.onProgress = () => {
    attack.drain();
    echo(core);
  };
  let allowed = 100;
  peer.keepsFrames = false;
  peer.onFrame = ({ kind, limit }) => {
    if (kind === FRAME.MAX_STREAMS_UNI) allowed = Math.max(allowed, limit);
  };
  let before = 0;
  let opened = 0;
  let waits = 0;
  while (opened < 100_000 && core.state.isOpen) {
    if (opened >= 10_000 && before === 0) before = heapUsed();
    const frames: Uint8Array[] = [];
    for (; opened < allowed && frames.length < 60; opened++) {
      const id = 4 * opened + 2;
      frames.push(
        stream(id, 0, one),
        frame((w) => writeResetStream(w, id, 0, 1)),
      );
    }
    if (frames.length > 0) attack.hit(frames);
    else assert.ok(++waits < 100_000, 'no more streams are allowed');
    echo(core);
    assert.ok(core.streams.openCount <= 100);
    attack.wait(1);
  }
  assert.equal(attack.closedWith, null);
  assert.ok(opened >= 100_000);
  assert.ok(heapUsed() - before < 2 ** 20);
});

test('T11 a stream that the peer reset gives its place back only when the application is done with it', () => {
  const attack = new Attack();
  const { core, peer } = attack;
  for (let i = 0; i < 100; i++) {
    const id = 4 * i + 2;
    attack.hit([stream(id, 0, one), frame((w) => writeResetStream(w, id, 0, 1))]);
  }
  attack.wait(1000);
  const raised = (): boolean => peer.frames.some(({ kind }) => kind === FRAME.MAX_STREAMS_UNI);
  assert.equal(raised(), false, 'nothing was read yet');
  echo(core);
  attack.wait(1000);
  assert.equal(raised(), true);
});

test('T22 every number of every frame at the edges of doubles and varints ends in a clean close, if at all', () => {
  const edges = [2n ** 53n - 2n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 60n, 2n ** 62n - 1n];
  const shapes: [type: number, fields: number, rest: Uint8Array][] = [
    [FRAME.ACK, 4, new Uint8Array(0)],
    [FRAME.ACK_ECN, 7, new Uint8Array(0)],
    [FRAME.RESET_STREAM, 3, new Uint8Array(0)],
    [FRAME.STOP_SENDING, 2, new Uint8Array(0)],
    [FRAME.CRYPTO, 2, one],
    [FRAME.STREAM | 0x06, 3, one],
    [FRAME.MAX_DATA, 1, new Uint8Array(0)],
    [FRAME.MAX_STREAM_DATA, 2, new Uint8Array(0)],
    [FRAME.MAX_STREAMS_BIDI, 1, new Uint8Array(0)],
    [FRAME.MAX_STREAMS_UNI, 1, new Uint8Array(0)],
    [FRAME.DATA_BLOCKED, 1, new Uint8Array(0)],
    [FRAME.STREAM_DATA_BLOCKED, 2, new Uint8Array(0)],
    [FRAME.STREAMS_BLOCKED_BIDI, 1, new Uint8Array(0)],
    [FRAME.NEW_CONNECTION_ID, 2, concat([Uint8Array.of(8), new Uint8Array(24)])],
    [FRAME.RETIRE_CONNECTION_ID, 1, new Uint8Array(0)],
    [FRAME.CONNECTION_CLOSE, 2, Uint8Array.of(0)],
    [FRAME.CONNECTION_CLOSE_APPLICATION, 1, Uint8Array.of(0)],
  ];
  for (const [type, fields, rest] of shapes) {
    for (let field = 0; field < fields; field++) {
      for (const edge of edges) {
        const attack = new Attack({ seed: 'edges' });
        const values: (number | bigint)[] = new Array(fields).fill(0);
        values[field] = edge;
        attack.hit(concat([varints(type, ...values), rest]));
        attack.wait(100);
        echo(attack.core);
        const { local, error } = attack.core.closer;
        assert.notEqual(local?.errorCode, 1n, `type ${type} field ${field} of ${edge}: ${local?.reason}`);
        assert.doesNotThrow(() => JSON.stringify(error));
      }
    }
  }
});

/** A NewSessionTicket of 100 bytes or so (RFC 8446 §4.6.1). */
function ticket(n: number): Uint8Array {
  const body = concat([
    Uint8Array.of(0, 0, 14, 16, 0, 0, 0, n & 0xff, 2, (n >> 8) & 0xff, n & 0xff, 0, 64),
    new Uint8Array(64).fill(n & 0xff),
    Uint8Array.of(0, 0),
  ]);
  return concat([Uint8Array.of(4, 0, 0, body.length), body]);
}
