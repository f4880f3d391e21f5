/** An authenticated peer that wastes our time: floods without data, silence, packets after the end, odd texts. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { MAX_REASON_KEPT, MAX_REASON_LENGTH } from '../../src/connection/closer.ts';
import { DEFAULT_TRANSPORT_CONFIG } from '../../src/connection/config.ts';
import { MAX_TOKENS_TAKEN } from '../../src/connection/control.ts';
import { MAX_TOKEN_LENGTH } from '../../src/connection/first-flight.ts';
import { FREE_USELESS_FRAMES, MAX_USELESS_FRAMES } from '../../src/connection/useless-frames.ts';
import { TransportErrorCode } from '../../src/errors.ts';
import { concat } from '../../src/util/bytes.ts';
import { FRAME } from '../../src/wire/frame-table.ts';
import {
  writeConnectionClose,
  writeNewToken,
  writePing,
  writeStreamHeader,
} from '../../src/wire/frame-writer.ts';
import { Attack, heapUsed } from '../support/attack.ts';
import { checkedQlog } from '../support/checked-qlog.ts';
import { ROOMY } from '../support/core-pair.ts';
import { echo } from '../support/cores.ts';
import { APPLICATION, frame, varints } from '../support/hostile-peer.ts';

const { PROTOCOL_VIOLATION, NO_ERROR } = TransportErrorCode;
const ping = frame(writePing);

function stream(id: number, offset: number, data: Uint8Array): Uint8Array {
  return concat([frame((w) => writeStreamHeader(w, id, offset, data.length, false)), data]);
}

const FLOODS: [name: string, frame: Uint8Array][] = [
  ['PING', ping],
  ['PING between PADDING', Uint8Array.of(FRAME.PING, FRAME.PADDING)],
  ['empty STREAM', stream(0, 0, new Uint8Array(0))],
  ['the same byte of a STREAM', stream(0, 0, Uint8Array.of(1))],
  ['DATA_BLOCKED', varints(FRAME.DATA_BLOCKED, 5)],
  ['STREAMS_BLOCKED', varints(FRAME.STREAMS_BLOCKED_BIDI, 5)],
  ['STREAM_DATA_BLOCKED', varints(FRAME.STREAM_DATA_BLOCKED, 0, 5)],
  ['a MAX_DATA that repeats', varints(FRAME.MAX_DATA, 5)],
  ['a MAX_STREAMS that repeats', varints(FRAME.MAX_STREAMS_BIDI, 5)],
  ['a MAX_STREAM_DATA that repeats', varints(FRAME.MAX_STREAM_DATA, 0, 5)],
  ['a RESET_STREAM that repeats', varints(FRAME.RESET_STREAM, 2, 0, 0)],
  ['a STOP_SENDING that repeats', varints(FRAME.STOP_SENDING, 0, 0)],
  ['a RETIRE_CONNECTION_ID that repeats', varints(FRAME.RETIRE_CONNECTION_ID, 1)],
  ['a PATH_RESPONSE that nobody asked for', concat([Uint8Array.of(FRAME.PATH_RESPONSE), new Uint8Array(8)])],
  ['an ACK that repeats', varints(FRAME.ACK, 0, 0, 0, 0)],
  ['empty CRYPTO', varints(FRAME.CRYPTO, 0, 0)],
];

for (const [name, each] of FLOODS) {
  test(`T13 RFC 9000 §21.9 a flood of ${name} costs no memory and ends in PROTOCOL_VIOLATION`, () => {
    const attack = new Attack({ peer: { acknowledges: false } });
    const { core, duel, peer } = attack;
    duel.keepsSent = false;
    peer.keepsFrames = false;
    const perPacket = Math.floor(1300 / each.length);
    const packet = concat(new Array<Uint8Array>(perPacket).fill(each));
    const before = heapUsed();
    let frames = 0;
    while (frames < 1_000_000 && core.state.isOpen) {
      attack.hit(packet);
      frames += perPacket;
      if (frames % 10 === 0) attack.wait(1);
    }
    assert.equal(attack.closedWith, PROTOCOL_VIOLATION, core.closer.local?.reason);
    const free = (frames / perPacket) * FREE_USELESS_FRAMES;
    assert.ok(frames <= MAX_USELESS_FRAMES + free + 2 * perPacket, `after ${frames} frames`);
    assert.ok(heapUsed() - before < 2 ** 20);
  });
}

test('T13 a few frames without effect in every packet are no attack', () => {
  const attack = new Attack();
  attack.duel.keepsSent = false;
  attack.peer.keepsFrames = false;
  const packet = concat(new Array<Uint8Array>(FREE_USELESS_FRAMES).fill(ping));
  for (let i = 0; i < 5000; i++) {
    attack.hit(packet);
    if (i % 10 === 0) attack.wait(1);
  }
  assert.equal(attack.closedWith, null);
});

test('T13 NEW_TOKEN without end is heeded a number of times', () => {
  const attack = new Attack({ role: 'server' });
  for (let i = 0; i < 1000; i++) attack.hit(frame((w) => writeNewToken(w, Uint8Array.of(i & 0xff, i >> 8))));
  assert.equal(attack.closedWith, null);
  assert.equal(attack.events.filter(({ type }) => type === 'new-token').length, MAX_TOKENS_TAKEN);
});

test('T13 a NEW_TOKEN that no Initial could carry is not handed on', () => {
  const attack = new Attack({ role: 'server' });
  attack.hit(frame((w) => writeNewToken(w, new Uint8Array(MAX_TOKEN_LENGTH + 1))));
  assert.equal(attack.events.filter(({ type }) => type === 'new-token').length, 0);
  attack.hit(frame((w) => writeNewToken(w, new Uint8Array(MAX_TOKEN_LENGTH))));
  assert.equal(attack.events.filter(({ type }) => type === 'new-token').length, 1);
});

test('T17 RFC 9221 §5.3 100,000 datagrams that nobody reads keep what the queue holds, and tell how many were dropped', () => {
  const limits = {
    maxDatagramFrameSize: 65_535,
    datagramRecvQueueLen: 1024,
    datagramRecvQueueBytes: 100_000,
  };
  const attack = new Attack({
    changes: { transport: { ...DEFAULT_TRANSPORT_CONFIG, ...ROOMY, ...limits } },
  });
  attack.duel.keepsSent = false;
  attack.peer.keepsFrames = false;
  const datagram = concat([varints(FRAME.DATAGRAM_LENGTH, 100), new Uint8Array(100)]);
  const packet = concat(new Array<Uint8Array>(10).fill(datagram));
  const before = heapUsed();
  for (let i = 0; i < 10_000; i++) {
    attack.hit(packet);
    if (i % 100 === 0) attack.wait(1);
  }
  assert.equal(attack.closedWith, null);
  const { counters } = attack.core.datagrams;
  assert.equal(counters.received, 100_000);
  assert.ok(counters.dropped >= 99_000);
  assert.ok(heapUsed() - before < 2 ** 20);
});

test('T14 a peer that acknowledges nothing for five minutes under load piles nothing up', () => {
  const attack = new Attack({ peer: { acknowledges: false } });
  const { core, duel, peer } = attack;
  duel.keepsSent = false;
  peer.keepsFrames = false;
  duel.onProgress = () => {
    attack.drain();
    echo(core);
  };
  let limit = 2 ** 18;
  peer.onFrame = ({ kind, limit: raised }) => {
    if (kind === FRAME.MAX_STREAM_DATA) limit = Math.max(limit, raised);
  };
  let offset = 0;
  let before = 0;
  const data = new Uint8Array(1000);
  for (let second = 0; second < 300; second++) {
    if (second === 30) before = heapUsed();
    for (let i = 0; i < 40 && core.state.isOpen; i++) {
      // Read and, if it is bidirectional, echoed: MAX_DATA, MAX_STREAM_DATA and data want to be acknowledged.
      if (offset + 1000 <= Math.min(limit, 900_000)) {
        attack.hit(stream(2, offset, data));
        offset += 1000;
      } else attack.hit([ping, stream(0, 0, data)]);
      echo(core);
    }
    attack.wait(1000);
  }
  assert.equal(attack.closedWith, null);
  assert.ok(heapUsed() - before < 2 * 2 ** 20, `${heapUsed() - before} bytes more`);
  const sent = duel.count;
  // Then silence: the idle timeout ends it.
  attack.wait(200_000);
  assert.equal(core.state.value, 'closed');
  assert.equal(core.closer.error?.code, 'ERR_QUIC_IDLE_TIMEOUT');
  assert.ok(duel.count - sent < 100);
});

test('T20 RFC 9000 §10.2.1 100,000 packets after the close get few answers', () => {
  const attack = new Attack();
  const { core, duel, peer } = attack;
  core.close(true, 1, 'bye', duel.now);
  duel.collect();
  const before = duel.count;
  const packet = peer.packet(APPLICATION, ping);
  for (let i = 0; i < 100_000; i++) {
    duel.give(true, packet);
    duel.collect();
  }
  assert.ok(duel.count - before <= 17, `${duel.count - before} answers`);
  assert.equal(core.state.value, 'closing');
  attack.wait(10_000);
  assert.equal(core.state.value, 'closed');
  duel.give(true, packet);
  duel.collect();
  assert.equal(core.timeoutAt(), null);
});

test('T20 RFC 9000 §10.2.2 100,000 packets to a draining connection get no answer', () => {
  const attack = new Attack();
  const { core, duel, peer } = attack;
  attack.hit(varints(FRAME.CONNECTION_CLOSE, NO_ERROR, 0, 0));
  assert.equal(core.state.value, 'draining');
  const before = duel.count;
  const packet = peer.packet(APPLICATION, ping);
  for (let i = 0; i < 100_000; i++) {
    duel.give(true, packet);
    duel.collect();
  }
  assert.equal(duel.count - before, 0);
  attack.wait(10_000);
  assert.equal(core.state.value, 'closed');
});

test('T24 a reason of a thousand odd bytes is cut, decoded and kept out of messages', () => {
  const texts = [
    new Uint8Array(1000).fill(0x41),
    new Uint8Array(1000).fill(0xff),
    new TextEncoder().encode('\u001b]0;owned\u0007\u001b[2J%s%n{x}\r\nfake: line\u202e\u0000'),
    new Uint8Array(0),
    Uint8Array.of(0xe2, 0x82),
  ];
  for (const application of [false, true]) {
    for (const reason of texts) {
      const attack = new Attack();
      attack.hit(
        frame((w) => writeConnectionClose(w, { application, code: 2n ** 62n - 1n, frameType: 0, reason })),
      );
      const { error, remote } = attack.core.closer;
      assert.equal(attack.core.state.value, 'draining');
      assert.ok((remote?.reason.length ?? 0) <= MAX_REASON_KEPT);
      assert.doesNotMatch(error?.message ?? '', /[\p{Cc}\p{Cf}]/u);
      assert.equal(error?.errorCode, 2n ** 62n - 1n);
      assert.doesNotThrow(() => JSON.stringify(error));
    }
  }
});

test('T24 T6 what a peer says goes into qlog as data, on one line', () => {
  const qlog = checkedQlog();
  const attack = new Attack({ changes: { trace: qlog.trace } });
  const reason = new TextEncoder().encode('\u001b[2J"}\n\u001e{"name":"forged"}%s\u0000\u2028');
  const before = qlog.records();
  attack.hit(frame((w) => writeConnectionClose(w, { application: true, code: 1, frameType: 0, reason })));
  attack.wait(10_000);
  qlog.check();
  assert.ok(qlog.records() > before);
});

test('T24 RFC 9000 §19.19 a long reason of ours is cut to one packet', () => {
  const attack = new Attack();
  attack.core.close(true, 5, '\u20ac'.repeat(10_000), attack.duel.now);
  attack.settle();
  assert.equal(attack.peer.close?.code, 5);
  assert.ok((attack.peer.close?.reason.length ?? 0) <= MAX_REASON_LENGTH);
  assert.doesNotMatch(attack.peer.close?.reason ?? '', /\ufffd/, 'no character is cut in two');
});
