import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeSession, encodeSession } from '../../src/tls/session.ts';
import { PacketType } from '../../src/wire/header.ts';
import { SessionStage, ticketKeys } from '../support/session-stage.ts';

test('C25 C31 a session that one connection was given resumes in the next: no certificate travels', () => {
  const stage = new SessionStage();
  const before = stage.pair({ seed: 1 });
  before.runUntil(() => before.clientEvents.some(({ type }) => type === 'session'));
  assert.ok(!before.client.handshake.engine.resumed);
  const pair = stage.pair({ seed: 2, session: before.session });
  pair.fetch([1000, 20_000]);
  for (const side of [pair.client, pair.server]) assert.ok(side?.handshake.engine.resumed);
  assert.deepEqual(
    pair.client.handshake.engine.peerCertificates,
    before.client.handshake.engine.peerCertificates,
    'the chain of the first connection still says who the server is',
  );
  assert.ok(!pair.clientEvents.some(({ type }) => type === 'verify'));
  assert.equal(pair.sent[PacketType.ZERO_RTT], 0);
  // RFC 8446 §C.4: each ticket is used once, and there are new ones.
  assert.notDeepEqual(pair.session, before.session);
});

test('L88 another server with the same ticket keys resumes the session, one with other keys makes a full handshake', () => {
  const stage = new SessionStage();
  const session = stage.first({ seed: 3 });
  const same = stage.pair({ seed: 4, session, tickets: ticketKeys('stage') });
  same.runUntil(() => same.isEstablished);
  assert.ok(same.client.handshake.engine.resumed);
  const other = stage.pair({ seed: 5, session, tickets: ticketKeys('another'), earlyData: true });
  other.request(3, 500);
  other.runUntil(() => other.serverApp?.whole === 3);
  assert.ok(!other.client.handshake.engine.resumed);
  assert.equal(other.earlyData, 'rejected');
});

test('C25 a session past its lifetime is not offered', () => {
  const stage = new SessionStage();
  const session = stage.first({ seed: 6 });
  stage.time += 8 * 24 * 3600 * 1000;
  const pair = stage.pair({ seed: 7, session, earlyData: true });
  assert.ok(!pair.client.earlyData.canSend);
  pair.runUntil(() => pair.isEstablished);
  assert.ok(!pair.client.handshake.engine.resumed);
});

test('L87 an external PSK replaces the certificates, and a wrong secret ends the handshake', () => {
  const stage = new SessionStage();
  const identity = new TextEncoder().encode('device 7');
  const secret = new Uint8Array(32).fill(7);
  const answer = {
    identity: null,
    alpn: ['test'],
    clientCertificate: 'none' as const,
    psk: (asked: Uint8Array) => (Buffer.compare(asked, identity) === 0 ? { identity, secret } : null),
  };
  const right = stage.pair({
    seed: 8,
    server: { answer },
    clientSessions: { psks: [{ identity, secret }] },
  });
  right.fetch([1000]);
  assert.deepEqual(right.server?.handshake.engine.pskIdentity, identity);
  const wrong = stage.pair({
    seed: 9,
    server: { answer },
    clientSessions: { psks: [{ identity, secret: new Uint8Array(32).fill(8) }] },
  });
  wrong.runUntil(() => wrong.client.state.value === 'draining' || wrong.client.state.value === 'closed');
  // decrypt_error
  assert.equal(wrong.client.closer.remote?.errorCode, 0x133n);
});

test('S5 a forged ticket costs a full handshake, a binder of another secret the connection', () => {
  const stage = new SessionStage();
  const session = decodeSession(stage.first({ seed: 10 }));
  for (const at of [0, 10, 40, session.ticket.length - 1]) {
    const ticket = session.ticket.slice();
    ticket[at] = (ticket[at] as number) ^ 0x40;
    const forged = stage.pair({
      seed: `forged ${at}`,
      session: encodeSession({ ...session, ticket }),
      earlyData: true,
    });
    forged.request(2, 400);
    forged.runUntil(() => forged.serverApp?.whole === 2 && forged.isEstablished);
    assert.equal(forged.earlyData, 'rejected');
    assert.ok(!forged.client.handshake.engine.resumed);
    assert.equal(forged.serverApp?.bytesRead, 800);
  }
  const secret = session.secret.map((byte) => byte ^ 1);
  const wrong = stage.pair({
    seed: 'binder',
    session: encodeSession({ ...session, secret }),
    earlyData: true,
  });
  wrong.request(2, 400);
  wrong.runUntil(() => !wrong.client.state.isOpen);
  // decrypt_error
  assert.equal(wrong.client.closer.remote?.errorCode, 0x133n);
  assert.equal(wrong.serverApp?.bytesRead ?? 0, 0);
});

test('S5 early data of a session that is older or younger than the client says are rejected', () => {
  const stage = new SessionStage();
  const session = decodeSession(stage.first({ seed: 11 }));
  for (const lie of [-60_000, 60_000]) {
    // Older by having got it earlier; younger by what is added to the age on the wire.
    const aged =
      lie > 0
        ? { ...session, receivedAt: session.receivedAt - lie }
        : { ...session, ageAdd: (session.ageAdd + lie) >>> 0 };
    const pair = stage.pair({ seed: `age ${lie}`, session: encodeSession(aged), earlyData: true });
    pair.request(1, 400);
    pair.runUntil(() => pair.serverApp?.whole === 1 && pair.isEstablished);
    assert.equal(pair.earlyData, 'rejected');
    assert.ok(pair.client.handshake.engine.resumed);
  }
});
