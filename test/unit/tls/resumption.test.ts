/** Resumption by tickets: what both sides take from the first connection, and every reason not to resume. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import { Alert } from '../../../src/tls/alerts.ts';
import { Level } from '../../../src/tls/level.ts';
import type { TlsSession } from '../../../src/tls/session.ts';
import type { TicketSealer } from '../../../src/tls/ticket-keys.ts';
import { toHex } from '../../../src/util/bytes.ts';
import { makeTestIdentity } from '../../support/certificates.ts';
import {
  editClientHello,
  editServerHello,
  flipBit,
  number,
  setExtension,
} from '../../support/tls-messages.ts';
import { handshake, SERVER_PARAMETERS, type TlsPairOptions } from '../../support/tls-pair.ts';
import { outcome, Resumption, ticketKeys } from '../../support/tls-resumption.ts';

const PRE_SHARED_KEY = 41;
const FULL = { resumed: false, earlyData: 'none' };
/** Without 0-RTT, so that only the resumption is looked at. */
const PLAIN: TlsPairOptions = { client: { earlyData: false } };

test('RFC 8446 §4.6.1 a server sends tickets after the handshake, each with a nonce, a secret and an age of its own', () => {
  const setup = new Resumption();
  const pair = handshake(setup.options({ server: { ticketCount: 3, ticketLifetime: 1234 } }));
  const tickets = pair.of('client', 'ticket');
  assert.equal(tickets.length, 3);
  const distinct = (values: unknown[]): number => new Set(values).size;
  assert.equal(distinct(tickets.map(({ secret }) => toHex(secret))), 3);
  assert.equal(distinct(tickets.map(({ ticket }) => toHex(ticket.nonce))), 3);
  assert.equal(distinct(tickets.map(({ ticket }) => toHex(ticket.ticket))), 3);
  assert.equal(distinct(tickets.map(({ ticket }) => ticket.ageAdd)), 3);
  assert.equal(tickets[0].ticket.lifetime, 1234);
  assert.ok(tickets.every(({ ticket }) => ticket.earlyData));
  const sent = pair.messages.filter((message) => message.type === 4);
  assert.ok(sent.every((message) => message.level === Level.APPLICATION && message.from === 'server'));
});

test('RFC 8446 §4.6.1 no ticket goes out without keys, without a clock, to a client that wants none, or for a week and more', () => {
  const setup = new Resumption();
  const none: TlsPairOptions[] = [
    { server: { tickets: { seal: () => null, open: () => null } } },
    { client: { requestTickets: false } },
    { server: { ticketCount: 0 } },
    { identity: { clientCertificate: 'request' } },
  ];
  for (const over of none) {
    assert.equal(handshake(setup.options(over)).of('client', 'ticket').length, 0);
  }
  assert.equal(handshake().of('client', 'ticket').length, 0);
  const long = handshake(setup.options({ server: { ticketLifetime: 10_000_000 } }));
  assert.equal(long.of('client', 'ticket')[0].ticket.lifetime, 604_800);
});

test('RFC 9001 §4.6.1 a server that takes no 0-RTT says so in its tickets', () => {
  const session = new Resumption().first({ identity: { earlyData: false } });
  assert.equal(session.earlyData, false);
});

test('C25 C31 a ticket comes with the session to keep: names, protocol, parameters, chain and time', () => {
  const setup = new Resumption();
  const session = setup.first();
  assert.equal(session.serverName, 'localhost');
  assert.equal(session.alpn, 'echo');
  assert.equal(session.cipherSuite, 0x1303);
  assert.equal(session.receivedAt, setup.time);
  assert.equal(session.lifetime, 86_400);
  assert.deepEqual(session.transportParameters, SERVER_PARAMETERS);
  assert.deepEqual(session.certificates, makeTestIdentity().certificates);
});

test('without a wall time a client keeps no session and offers none', () => {
  const setup = new Resumption();
  const session = setup.first();
  const options = setup.options();
  const pair = handshake({
    ...options,
    client: { session, earlyData: true, requestTickets: true },
  });
  assert.deepEqual(outcome(pair), FULL);
  assert.equal(pair.of('client', 'ticket')[0].session, null);
});

test('C25 RFC 8446 §2.2 a resumed handshake has no certificate, asks nobody to verify or sign, and keeps the chain', () => {
  const setup = new Resumption();
  const session = setup.first();
  setup.time += 5000;
  const pair = setup.again(session, PLAIN);
  assert.deepEqual(outcome(pair), { resumed: true, earlyData: 'none' });
  assert.deepEqual(
    pair.messages.slice(0, 5).map((message) => `${message.from} ${message.type}`),
    ['client 1', 'server 2', 'server 8', 'server 20', 'client 20'],
  );
  assert.equal(pair.of('client', 'verify').length + pair.of('server', 'sign').length, 0);
  assert.deepEqual(pair.client.peerCertificates, makeTestIdentity().certificates);
  assert.deepEqual(pair.server.peerCertificates, []);
  assert.equal(pair.client.group, 0x1d);
  const context = Uint8Array.of(1);
  assert.deepEqual(pair.client.exporter('x', context, 20), pair.server.exporter('x', context, 20));
});

test('a resumed connection gives tickets that can be resumed again', () => {
  const setup = new Resumption();
  let session = setup.first();
  for (let n = 0; n < 3; n++) {
    setup.time += 1000;
    const pair = setup.again(session, { ...PLAIN, seed: `again ${n}` });
    assert.equal(outcome(pair).resumed, true);
    const next = pair.of('client', 'ticket')[0].session;
    assert.ok(next);
    assert.equal(next.certificates.length, session.certificates.length);
    session = next;
  }
});

test('RFC 8446 §4.2.11 a suite with the hash of the ticket will do, one with another hash does not resume', () => {
  const setup = new Resumption();
  const session = setup.first();
  const with1301 = setup.again(session, { client: { earlyData: false, cipherSuites: [0x1301] } });
  assert.equal(outcome(with1301).resumed, true);
  assert.equal(with1301.client.suite?.code, 0x1301);
  const with1302 = setup.again(session, { client: { earlyData: false, cipherSuites: [0x1302] } });
  assert.deepEqual(outcome(with1302), FULL);
  // Offered by the client, but the server is down to the other hash.
  const server1302 = setup.again(session, { ...PLAIN, server: { cipherSuites: [0x1302] } });
  assert.deepEqual(outcome(server1302), FULL);
});

test('resumption works with each suite', () => {
  for (const code of [0x1301, 0x1302, 0x1303]) {
    const setup = new Resumption();
    const session = setup.first({ client: { cipherSuites: [code] } });
    assert.equal(session.cipherSuite, code);
    const pair = setup.again(session);
    assert.deepEqual(outcome(pair), { resumed: true, earlyData: 'accepted' });
    assert.equal(pair.server.suite?.code, code);
  }
});

test('RFC 8446 §4.2.11.2 a wrong binder ends the handshake with decrypt_error', () => {
  const setup = new Resumption();
  const session = setup.first();
  const wrongBinder = setup.again(session, {
    ...PLAIN,
    rewrite: (sent) => (sent.type === 1 ? flipBit(sent.bytes, -1) : undefined),
  });
  const wrongSecret = setup.again({ ...session, secret: new Uint8Array(32).fill(9) }, PLAIN);
  const changedHello = setup.again(session, {
    ...PLAIN,
    // The random of the hello, which the binder covers.
    rewrite: (sent) => (sent.type === 1 ? flipBit(sent.bytes, 10) : undefined),
  });
  for (const pair of [wrongBinder, wrongSecret, changedHello]) {
    assert.equal(pair.alert?.side, 'server');
    assert.equal(pair.alert?.error.alert, Alert.DECRYPT_ERROR);
    assert.equal(pair.server.resumed, false);
  }
});

test('RFC 8446 §4.6.1 an expired ticket is not offered, and not taken if it is', () => {
  const setup = new Resumption();
  const session = setup.first();
  setup.time += session.lifetime * 1000;
  assert.equal(codesOf(setup, session).includes(PRE_SHARED_KEY), false);
  assert.deepEqual(outcome(setup.again(session, PLAIN)), FULL);
  // A client with a wrong clock, or one that means to try.
  setup.time += 1;
  const late = { wallTime: () => session.receivedAt + 1000 };
  const over = { client: { ...PLAIN.client, ...late } };
  assert.ok(codesOf(setup, session, over).includes(PRE_SHARED_KEY));
  assert.deepEqual(outcome(setup.again(session, over)), FULL);
});

test('a ticket for another server name is not offered, and not taken if it is', () => {
  const setup = new Resumption();
  const session = setup.first();
  const client = { ...PLAIN.client, serverName: 'other.example' };
  assert.equal(codesOf(setup, session, { client }).includes(PRE_SHARED_KEY), false);
  const forged = { ...session, serverName: 'other.example' };
  assert.ok(codesOf(setup, forged, { client }).includes(PRE_SHARED_KEY));
  assert.deepEqual(outcome(setup.again(forged, { client })), FULL);
});

test('RFC 8446 §4.2.11 a ticket of an unknown key, a damaged one and one of a broken sealer lead to a full handshake', () => {
  const setup = new Resumption();
  const session = setup.first();
  assert.deepEqual(outcome(setup.again(session, { ...PLAIN, server: { tickets: ticketKeys(2) } })), FULL);
  const damaged = { ...session, ticket: flipBit(session.ticket, 30) };
  assert.deepEqual(outcome(setup.again(damaged, PLAIN)), FULL);
  for (const state of [new Uint8Array(0), new Uint8Array(10), new Uint8Array(200).fill(1)]) {
    const tickets: TicketSealer = { seal: () => null, open: () => state };
    assert.deepEqual(outcome(setup.again(session, { ...PLAIN, server: { tickets } })), FULL);
  }
});

test('L88 another server with the same key resumes, before and after a rotation', () => {
  const setup = new Resumption();
  const session = setup.first();
  for (const tickets of [ticketKeys(1), ticketKeys(5, [1])]) {
    assert.equal(outcome(setup.again(session, { ...PLAIN, server: { tickets } })).resumed, true);
  }
});

test('where client certificates are asked for, tickets are not taken', () => {
  const setup = new Resumption();
  const session = setup.first();
  const made = makeTestIdentity({ kind: 'ed25519', names: ['client.example'] });
  const identity = { certificates: made.certificates, key: nodeProvider.privateKeyFrom(made.keyPem) };
  const pair = setup.again(session, {
    client: { ...PLAIN.client, identity },
    identity: { clientCertificate: 'require' },
  });
  assert.deepEqual(outcome(pair), FULL);
  assert.equal(pair.server.peerCertificates.length, 1);
});

test('RFC 8446 §4.2.11 another protocol can be negotiated when a session is resumed', () => {
  const setup = new Resumption();
  const session = setup.first();
  const pair = setup.again(session, { client: { alpn: ['other'] }, identity: { alpn: ['other'] } });
  assert.deepEqual(outcome(pair), { resumed: true, earlyData: 'none' });
  assert.equal(pair.client.alpn, 'other');
});

test('RFC 8446 §4.2.11 after a HelloRetryRequest the binder covers the retried transcript', () => {
  const setup = new Resumption();
  const session = setup.first();
  const retry: TlsPairOptions = {
    client: { earlyData: false, groups: [0x1d, 0x17] },
    server: { groups: [0x17] },
  };
  const pair = setup.again(session, retry);
  assert.equal(outcome(pair).resumed, true);
  assert.equal(pair.messages.filter((message) => message.type === 1).length, 2);
  let hellos = 0;
  const broken = setup.again(session, {
    ...retry,
    rewrite: (sent) => (sent.type === 1 && ++hellos === 2 ? flipBit(sent.bytes, -1) : undefined),
  });
  assert.equal(broken.alert?.error.alert, Alert.DECRYPT_ERROR);
});

test('RFC 8446 §4.2.11 a selected_identity out of range, or for a suite with another hash, is refused', () => {
  const setup = new Resumption();
  const session = setup.first();
  const outOfRange = setup.again(session, {
    ...PLAIN,
    rewrite: (sent) =>
      sent.type === 2
        ? editServerHello(sent.bytes, (hello) => setExtension(hello.extensions, PRE_SHARED_KEY, number(1, 2)))
        : undefined,
  });
  const otherHash = setup.again(session, {
    ...PLAIN,
    rewrite: (sent) =>
      sent.type === 2
        ? editServerHello(sent.bytes, (hello) => {
            hello.suite = 0x1302;
          })
        : undefined,
  });
  for (const pair of [outOfRange, otherHash]) {
    assert.equal(pair.alert?.side, 'client');
    assert.equal(pair.alert?.error.alert, Alert.ILLEGAL_PARAMETER);
  }
});

test('a server that selects a PSK where none was offered is refused', () => {
  const setup = new Resumption();
  const pair = setup.again(setup.first(), {
    client: { wallTime: () => 0, serverName: 'other.example' },
    rewrite: (sent) =>
      sent.type === 2
        ? editServerHello(sent.bytes, (hello) => hello.extensions.push([PRE_SHARED_KEY, number(0, 2)]))
        : undefined,
  });
  assert.equal(pair.alert?.error.alert, Alert.UNSUPPORTED_EXTENSION);
});

test('RFC 8446 §4.2.11 pre_shared_key has to be the last extension and to have its modes with it', () => {
  const setup = new Resumption();
  const session = setup.first();
  const edit = (change: Parameters<typeof editClientHello>[1]) =>
    setup.again(session, {
      ...PLAIN,
      rewrite: (sent) => (sent.type === 1 ? editClientHello(sent.bytes, change) : undefined),
    }).alert?.error.alert;
  assert.equal(
    edit((hello) => hello.extensions.push([0x1a1a, new Uint8Array(0)])),
    Alert.ILLEGAL_PARAMETER,
  );
  assert.equal(
    edit((hello) => {
      hello.extensions = hello.extensions.filter(([code]) => code !== 45);
    }),
    Alert.MISSING_EXTENSION,
  );
});

test('RFC 8446 §4.2.11 malformed lists of identities and binders are refused', () => {
  const setup = new Resumption();
  const session = setup.first();
  const alertFor = (body: number[]) =>
    setup.again(session, {
      ...PLAIN,
      rewrite: (sent) =>
        sent.type === 1
          ? editClientHello(sent.bytes, (hello) =>
              setExtension(hello.extensions, PRE_SHARED_KEY, Uint8Array.from(body)),
            )
          : undefined,
    }).alert?.error.alert;
  const binder = [32, ...new Uint8Array(32)];
  const identity = [0, 1, 9, 0, 0, 0, 0];
  assert.equal(alertFor([0, 7, ...identity, 0, 66, ...binder, ...binder]), Alert.ILLEGAL_PARAMETER);
  assert.equal(alertFor([0, 0, 0, 33, ...binder]), Alert.DECODE_ERROR);
  assert.equal(alertFor([0, 6, 0, 0, 0, 0, 0, 0, 0, 33, ...binder]), Alert.DECODE_ERROR);
  assert.equal(alertFor([0, 7, ...identity, 0, 32, 31, ...new Uint8Array(31)]), Alert.DECODE_ERROR);
  assert.equal(alertFor([0, 7, ...identity, 0, 33, ...binder, 0]), Alert.DECODE_ERROR);
});

test('only so many identities are looked at', () => {
  const setup = new Resumption();
  let opened = 0;
  const tickets: TicketSealer = {
    seal: () => null,
    open: () => {
      opened++;
      return null;
    },
  };
  const psks = Array.from({ length: 30 }, (_, i) => ({
    identity: Uint8Array.of(i),
    secret: new Uint8Array(32),
  }));
  const pair = handshake(setup.options({ client: { psks }, server: { tickets } }));
  assert.deepEqual(outcome(pair), FULL);
  assert.equal(opened, 8);
});

function codesOf(setup: Resumption, session: TlsSession, over: TlsPairOptions = PLAIN): number[] {
  const codes: number[] = [];
  const [hello] = setup.again(session, over).messages;
  editClientHello(hello.bytes, ({ extensions }) => codes.push(...extensions.map(([code]) => code)));
  return codes;
}
