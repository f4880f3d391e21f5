import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TransportErrorCode } from '../../src/errors.ts';
import { SCENARIOS } from '../../src/sim/scenarios.ts';
import { PacketType } from '../../src/wire/header.ts';
import { coreIdentity, serverCore } from '../support/cores.ts';
import { type SessionPair, SessionStage, type StageOptions } from '../support/session-stage.ts';

const NAME = 250;
const COUNT = 40;

/** Every request arrived once and whole. */
function assertDelivered(pair: SessionPair, count: number, size: number): void {
  const app = pair.serverApp;
  assert.equal(app?.whole, count);
  assert.equal(app?.bytesRead, count * size, 'no byte was delivered twice');
}

test('C26 zerortt: 40 requests with names of 250 characters go out in 0-RTT, in two handshakes', () => {
  const stage = new SessionStage();
  const session = stage.first({ seed: 'first' });
  let handshakes = 1;
  const pair = stage.pair({
    seed: 'second',
    session,
    earlyData: true,
    accept: () => {
      handshakes++;
      return {};
    },
  });
  pair.onAccept = (server, app) => {
    app.onEnd = (id) => {
      assert.ok(server.earlyData.isStreamEarly(id));
      app.write(id, 32);
    };
  };
  pair.request(COUNT, NAME);
  pair.runUntil(() => pair.clientApp.whole === COUNT);
  assertDelivered(pair, COUNT, NAME);
  assert.equal(pair.earlyData, 'accepted');
  assert.ok(pair.client.handshake.engine.resumed);
  pair.close();
  assert.equal(handshakes, 2);
  assert.ok((pair.sent[PacketType.ZERO_RTT] as number) >= COUNT * NAME);
  const oneRtt = pair.sent[PacketType.ONE_RTT] as number;
  assert.ok(oneRtt <= (COUNT * NAME) / 2, `${oneRtt} bytes in 1-RTT packets`);
  for (const { type } of pair.clientEvents) assert.notEqual(type, 'verify');
});

const REJECTIONS: readonly [string, Partial<StageOptions>][] = [
  ['the strike register knows the hello', { onEarlyData: 'reject' }],
  [
    'the server speaks another protocol first',
    { serverAlpn: ['other', 'test'], client: { alpn: ['test', 'other'] } },
  ],
  ['the server takes none any more', { serverEarlyData: false }],
  ['the server has lowered a limit', { serverTransport: { initialMaxStreamDataBidiRemote: 100_000 } }],
  [
    'the server has lowered its limits below what was sent',
    {
      serverTransport: {
        initialMaxData: 1500,
        initialMaxStreamDataBidiRemote: 100,
        initialMaxStreamsBidi: 3,
      },
    },
  ],
  ['the server wants a share of another group', { server: { groups: [0x0018] } }],
];

for (const [why, options] of REJECTIONS) {
  test(`C26 rejected 0-RTT, because ${why}: every byte arrives once, in 1-RTT`, () => {
    const stage = new SessionStage();
    const session = stage.first({ seed: why });
    const pair = stage.pair({ seed: `${why} again`, session, earlyData: true, ...options });
    pair.onAccept = (_server, app) => {
      app.onEnd = (id) => app.write(id, 32);
    };
    pair.request(COUNT, NAME);
    pair.runUntil(() => pair.clientApp.whole === COUNT);
    assertDelivered(pair, COUNT, NAME);
    assert.ok((pair.sent[PacketType.ZERO_RTT] as number) >= COUNT * NAME);
    assert.equal(pair.earlyData, 'rejected');
    // RFC 9002 §6.4: the early packets count as never sent, not as lost.
    assert.equal(pair.client.recovery.counters.packetsLost, 0);
    assert.deepEqual(
      pair.clientEvents.filter(({ type }) => type === 'early-data-result'),
      [{ type: 'early-data-result', accepted: false }],
    );
    pair.close();
    assert.equal(pair.client.closer.local?.isApplication, true);
  });
}

test('C26 T18 copies of the 0-RTT datagrams are delivered once, to the same server and to another', () => {
  const stage = new SessionStage();
  const session = stage.first({ seed: 'replay' });
  const pair = stage.pair({ seed: 'original', session, earlyData: true });
  const copies: Uint8Array[] = [];
  const send = pair.client.send.bind(pair.client);
  pair.client.send = (out, now, ...rest) => {
    const info = send(out, now, ...rest);
    if (info !== null && copies.length < 12) copies.push(out.slice(0, info.length));
    return info;
  };
  pair.request(COUNT, NAME);
  pair.runUntil(() => pair.serverApp?.whole === COUNT);
  const { server } = pair;
  assert.ok(server !== null && copies.length >= 9);
  const info = { from: pair.pair.clientAddress, to: pair.pair.serverAddress };
  for (const copy of copies) server.recv(copy.slice(), info, pair.now);
  pair.wake();
  pair.pair.run(1000);
  assertDelivered(pair, COUNT, NAME);

  // As a new connection, to a server that has the same ticket keys and knows the hello: nothing of it is read. One that
  // does not know it reads everything, which is what the register is for.
  for (const isKnown of [true, false]) {
    const other = serverCore(copies[0] as Uint8Array, {
      seed: 'other',
      local: info.to,
      remote: info.from,
      changes: {
        sessions: { wallTime: () => stage.time, tickets: stage.keys },
        answer: { identity: coreIdentity(), alpn: ['test'], clientCertificate: 'none', earlyData: true },
      },
    });
    assert.ok(other);
    for (const copy of copies) {
      other.recv(copy.slice(), info, 0);
      for (let event = other.nextEvent(); event !== null; event = other.nextEvent()) {
        if (event.type !== 'early-data') continue;
        const original = pair.serverEvents.find(({ type }) => type === 'early-data');
        assert.deepEqual(original?.type === 'early-data' && original.helloId, event.helloId);
        other.answerEarlyData(!isKnown, 0);
      }
    }
    assert.equal(other.streams.nextIncoming('bidi') === null, isKnown);
  }
});

test('C26 0-RTT packets wait for a decision that takes its time, and are read once it is there', () => {
  for (const accept of [true, false]) {
    const stage = new SessionStage();
    const session = stage.first({ seed: 'wait' });
    const pair = stage.pair({ seed: 'waits', session, earlyData: true, onEarlyData: 'later' });
    pair.request(8, 300);
    pair.runUntil(() => pair.decide !== null);
    pair.pair.run(200);
    assert.equal(pair.serverApp?.bytesRead, 0);
    assert.ok(!pair.client.handshake.isComplete, 'the handshake waits too');
    pair.decide?.(accept);
    pair.runUntil(() => pair.serverApp?.whole === 8 && pair.isEstablished);
    assertDelivered(pair, 8, 300);
    assert.equal(pair.earlyData, accept ? 'accepted' : 'rejected');
  }
});

test('C26 accepted and rejected 0-RTT lose and repeat no byte on lossy paths', () => {
  for (let seed = 0; seed < 12; seed++) {
    const stage = new SessionStage();
    const session = stage.first({ seed: `lossy ${seed}` });
    const accept = seed % 2 === 0;
    const pair = stage.pair({
      seed: `lossy again ${seed}`,
      session,
      earlyData: true,
      scenario: seed % 3 === 0 ? SCENARIOS.handshakecorruption : SCENARIOS.handshakeloss,
      onEarlyData: accept ? 'accept' : 'reject',
    });
    pair.request(20, 400);
    pair.runUntil(() => pair.serverApp?.whole === 20 && pair.isEstablished, 300_000);
    assertDelivered(pair, 20, 400);
    assert.equal(pair.client.handshake.engine.earlyData, accept ? 'accepted' : 'rejected');
  }
});

test('RFC 9000 §12.4 a CRYPTO frame in a 0-RTT packet is a PROTOCOL_VIOLATION (case 34)', () => {
  const stage = new SessionStage();
  const session = stage.first({ seed: 'case 34' });
  const pair = stage.pair({ seed: 'case 34 again', session, earlyData: true });
  const space = pair.client.spaces[2];
  assert.ok(space?.isEarly);
  space.crypto.push(Uint8Array.of(1, 2, 3, 4));
  pair.runUntil(() => pair.server !== null && !pair.server.state.isOpen);
  assert.deepEqual(
    [pair.server?.closer.local?.isApplication, pair.server?.closer.local?.errorCode],
    [false, BigInt(TransportErrorCode.PROTOCOL_VIOLATION)],
  );
  assert.ok((pair.sent[PacketType.ZERO_RTT] as number) > 0);
});

test('RFC 9000 §7.4.1 a server that takes 0-RTT and then offers less is a PROTOCOL_VIOLATION', () => {
  const stage = new SessionStage();
  const session = stage.first({ seed: 'shrinks' });
  const pair = stage.pair({ seed: 'shrinks again', session, earlyData: true });
  pair.onAccept = (server) => {
    // A server that forgot what it promised.
    server.earlyData.onOffer = (_offer, now) => server.handshake.answerEarlyData(true, now);
    server.transport = { ...server.transport, initialMaxData: 5000 };
  };
  pair.request(1, 100);
  pair.runUntil(() => !pair.client.state.isOpen);
  assert.equal(pair.client.closer.local?.errorCode, BigInt(TransportErrorCode.PROTOCOL_VIOLATION));
  assert.match(pair.client.closer.local?.reason ?? '', /initialMaxData/);
});
