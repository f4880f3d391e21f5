/** 0-RTT: its keys on both sides, who decides about it, and every reason to reject it without giving up resumption. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Alert } from '../../../src/tls/alerts.ts';
import { Level } from '../../../src/tls/level.ts';
import { pskTable } from '../../../src/tls/psk-selection.ts';
import { toHex } from '../../../src/util/bytes.ts';
import {
  editClientHello,
  editExtensions,
  editServerHello,
  message,
  removeExtension,
} from '../../support/tls-messages.ts';
import type { TlsPair, TlsPairOptions } from '../../support/tls-pair.ts';
import { outcome, Resumption } from '../../support/tls-resumption.ts';

const EARLY_DATA = 42;
const ACCEPTED = { resumed: true, earlyData: 'accepted' };
const REJECTED = { resumed: true, earlyData: 'rejected' };

test('C26 RFC 9001 §4.6.1 both sides have the 0-RTT keys at once, and know that it was accepted', () => {
  const setup = new Resumption();
  const session = setup.first();
  setup.time += 2000;
  const pair = setup.again(session);
  assert.deepEqual(outcome(pair), ACCEPTED);
  const [client, server] = [earlyKeys(pair, 'client'), earlyKeys(pair, 'server')];
  assert.equal(client.direction, 'send');
  assert.equal(server.direction, 'receive');
  assert.equal(toHex(client.secret), toHex(server.secret));
  assert.equal(client.suite.code, session.cipherSuite);
  assert.deepEqual(
    kinds(pair, 'client')
      .slice(0, 3)
      .filter((kind) => kind !== 'keylog'),
    ['send 0', 'keys 1'],
  );
  // Before ServerHello, so that packets that came with the hello can be read at once.
  const order = kinds(pair, 'server').filter((kind) => kind !== 'keylog');
  assert.deepEqual(order.slice(0, 6), [
    'peer-transport-parameters',
    'client-hello',
    'early-data',
    'early-data-result',
    'keys 1',
    'send 0',
  ]);
  for (const side of ['client', 'server'] as const) {
    assert.deepEqual(
      pair.of(side, 'early-data-result').map((event) => event.accepted),
      [true],
    );
    assert.equal(
      pair.of(side, 'keylog').filter((event) => event.line.startsWith('CLIENT_EARLY_TRAFFIC_SECRET ')).length,
      1,
    );
  }
  assert.equal(new Set(pair.of('client', 'keylog').map((event) => event.line)).size, 6);
});

test('RFC 9001 §8.3 nobody sends EndOfEarlyData, and one that comes is refused', () => {
  const setup = new Resumption();
  const session = setup.first();
  assert.ok(setup.again(session).messages.every((sent) => sent.type !== 5));
  const pair = setup.again(session, {
    rewrite: (sent) =>
      sent.from === 'client' && sent.type === 20 ? message(5, new Uint8Array(0)) : undefined,
  });
  assert.equal(pair.alert?.error.alert, Alert.UNEXPECTED_MESSAGE);
});

test('C26 RFC 8446 §8 the server is asked with all that tells a first hello from a copy', () => {
  const setup = new Resumption();
  const session = setup.first();
  setup.time += 60_000;
  const client = { wallTime: () => setup.time - 700 };
  const pair = setup.again(session, { client });
  const [offer] = pair.of('server', 'early-data');
  assert.deepEqual(offer.ticketData, setup.ticketData);
  assert.deepEqual(offer.ticket, session.ticket);
  assert.equal(offer.helloId.length, 32);
  assert.equal(offer.ageError, 700);
  assert.equal(offer.window, 10_000);
  // The same hello has the same id, another one of the same session another.
  assert.deepEqual(setup.again(session, { client }).of('server', 'early-data')[0].helloId, offer.helloId);
  const other = setup.again(session, { client, seed: 'other' }).of('server', 'early-data')[0];
  assert.notDeepEqual(other.helloId, offer.helloId);
});

test('C26 a server that says no goes on with the resumption, and the answer may come late', () => {
  const setup = new Resumption();
  const session = setup.first();
  const refusing = setup.again(session, {
    onEvent: (_side, event, engine) => {
      if (event.type !== 'early-data') return false;
      engine.provideEarlyData(false);
      return true;
    },
  });
  assert.deepEqual(outcome(refusing), REJECTED);
  assert.equal(
    refusing.of('server', 'keys').some((event) => event.level === Level.EARLY),
    false,
  );
  assert.deepEqual(
    refusing.of('client', 'early-data-result').map((event) => event.accepted),
    [false],
  );

  const pair = setup.again(session, { onEvent: (_side, event) => event.type === 'early-data' });
  assert.equal(pair.client.complete, false);
  assert.equal(pair.server.earlyData, 'offered');
  assert.equal(pair.messages.length, 1);
  pair.server.provideEarlyData(true);
  pair.server.provideEarlyData(false);
  pair.pump();
  assert.deepEqual(outcome(pair), ACCEPTED);
});

test('C26 nobody is asked, and 0-RTT is rejected, where it cannot be right', () => {
  const setup = new Resumption();
  const session = setup.first();
  const off: [string, TlsPairOptions, object][] = [
    ['the server takes none', { identity: { earlyData: false } }, REJECTED],
    ['another protocol', { client: { alpn: ['echo', 'b'] }, identity: { alpn: ['b', 'echo'] } }, REJECTED],
    [
      'another suite',
      { client: { cipherSuites: [0x1301, 0x1303] }, server: { cipherSuites: [0x1301] } },
      REJECTED,
    ],
    ['another group', { client: { groups: [0x1d, 0x17] }, server: { groups: [0x17] } }, REJECTED],
    [
      'no tickets any more',
      { server: { tickets: { seal: () => null, open: () => null } } },
      { ...REJECTED, resumed: false },
    ],
    ['client certificates', { identity: { clientCertificate: 'request' } }, { ...REJECTED, resumed: false }],
  ];
  for (const [reason, over, expected] of off) {
    const pair = setup.again(session, over);
    assert.deepEqual(outcome(pair), expected, reason);
    assert.equal(pair.of('server', 'early-data').length, 0, reason);
    for (const side of ['client', 'server'] as const) {
      assert.deepEqual(
        pair.of(side, 'early-data-result').map((event) => event.accepted),
        [false],
        reason,
      );
    }
    assert.equal(earlyKeys(pair, 'client').direction, 'send');
  }
});

test('RFC 8446 §8.3 a ticket that is older or younger than the client says leads to a handshake without 0-RTT', () => {
  const setup = new Resumption();
  const session = setup.first();
  setup.time += 3_600_000;
  for (const [error, expected] of [
    [-10_001, REJECTED],
    [-9_999, ACCEPTED],
    [9_999, ACCEPTED],
    [10_001, REJECTED],
  ] as const) {
    const pair = setup.again(session, { client: { wallTime: () => setup.time - error } });
    assert.deepEqual(outcome(pair), expected, `${error} ms`);
  }
  const narrow = setup.again(session, {
    client: { wallTime: () => setup.time - 50 },
    server: { earlyDataWindow: 40 },
  });
  assert.deepEqual(outcome(narrow), REJECTED);
});

test('RFC 8446 §4.2.11.1 the age of a ticket is told modulo 2^32', () => {
  const setup = new Resumption();
  // Some of these age_add values pass 2^32 with a week's age on top.
  for (let n = 0; n < 8; n++) {
    const session = setup.first({ seed: `age ${n}`, server: { ticketLifetime: 604_800 } });
    setup.time += 604_000_000;
    assert.deepEqual(outcome(setup.again(session)), ACCEPTED);
  }
});

test('C26 a client offers no 0-RTT unless it is told to and the session allows it', () => {
  const setup = new Resumption();
  const session = setup.first();
  const none: TlsPairOptions[] = [
    { client: { earlyData: false } },
    { client: { session: { ...session, earlyData: false } } },
    { client: { alpn: ['b'] }, identity: { alpn: ['b'] } },
    { client: { cipherSuites: [0x1301] } },
  ];
  for (const over of none) {
    const pair = setup.again(session, over);
    assert.deepEqual(outcome(pair), { resumed: true, earlyData: 'none' });
    assert.equal(pair.of('client', 'early-data-result').length, 0);
    assert.equal(
      pair.of('client', 'keys').some((event) => event.level === Level.EARLY),
      false,
    );
  }
});

test('RFC 8446 §4.2.10 a hello that offers 0-RTT without a PSK is answered without it', () => {
  const pair = new Resumption().again(new Resumption().first(), {
    client: { serverName: 'other.example' },
    rewrite: (sent) =>
      sent.type === 1
        ? editClientHello(sent.bytes, (hello) => hello.extensions.push([EARLY_DATA, new Uint8Array(0)]))
        : undefined,
  });
  // The transcripts differ, so only the server's view counts.
  assert.equal(pair.server.earlyData, 'rejected');
});

test('RFC 8446 §4.1.2 a second hello that still offers 0-RTT is refused', () => {
  const setup = new Resumption();
  let first: Uint8Array | null = null;
  const pair = setup.again(setup.first(), {
    client: { groups: [0x1d, 0x17] },
    server: { groups: [0x17] },
    rewrite: (sent) => {
      if (sent.type !== 1) return undefined;
      if (first === null) {
        first = sent.bytes;
        return undefined;
      }
      return editClientHello(sent.bytes, (hello) => {
        const last = hello.extensions.length - 1;
        hello.extensions.splice(last, 0, [EARLY_DATA, new Uint8Array(0)]);
      });
    },
  });
  assert.equal(pair.alert?.side, 'server');
  assert.equal(pair.alert?.error.alert, Alert.ILLEGAL_PARAMETER);
});

test('RFC 8446 §4.2.10 a server that accepts 0-RTT and changes suite, protocol or key is refused', () => {
  const setup = new Resumption();
  const session = setup.first();
  const psks = [{ identity: Uint8Array.of(1), secret: new Uint8Array(32).fill(1) }];
  const cases: TlsPairOptions[] = [
    {
      client: { cipherSuites: [0x1301, 0x1303] },
      server: { cipherSuites: [0x1301] },
    },
    { client: { alpn: ['echo', 'b'] }, identity: { alpn: ['b'] } },
    {
      client: { psks },
      server: { tickets: { seal: () => null, open: () => null } },
      identity: { psk: pskTable(psks) },
    },
    { server: { tickets: { seal: () => null, open: () => null } } },
  ];
  for (const over of cases) {
    const pair = setup.again(session, {
      ...over,
      rewrite: (sent) =>
        sent.type === 8
          ? editExtensions(sent.bytes, (extensions) => extensions.push([EARLY_DATA, new Uint8Array(0)]))
          : undefined,
    });
    assert.equal(pair.alert?.side, 'client');
    assert.equal(pair.alert?.error.alert, Alert.ILLEGAL_PARAMETER);
  }
});

test('RFC 8446 §4.2 an acceptance that nobody asked for is refused, so is one after a HelloRetryRequest or with contents', () => {
  const setup = new Resumption();
  const session = setup.first();
  const accept = (body: Uint8Array): Required<Pick<TlsPairOptions, 'rewrite'>> => ({
    rewrite: (sent) =>
      sent.type === 8
        ? editExtensions(sent.bytes, (extensions) => {
            if (extensions.some(([code]) => code === EARLY_DATA)) removeExtension(extensions, EARLY_DATA);
            extensions.push([EARLY_DATA, body]);
          })
        : undefined,
  });
  const unasked = setup.again(session, { client: { earlyData: false }, ...accept(new Uint8Array(0)) });
  assert.equal(unasked.alert?.error.alert, Alert.UNSUPPORTED_EXTENSION);
  const retried = setup.again(session, {
    client: { groups: [0x1d, 0x17] },
    server: { groups: [0x17] },
    ...accept(new Uint8Array(0)),
  });
  assert.equal(retried.alert?.error.alert, Alert.UNSUPPORTED_EXTENSION);
  const filled = setup.again(session, accept(new Uint8Array(1)));
  assert.equal(filled.alert?.error.alert, Alert.DECODE_ERROR);
});

test('a server that takes the ticket but hides it is found out', () => {
  const setup = new Resumption();
  const pair = setup.again(setup.first(), {
    rewrite: (sent) =>
      sent.type === 2
        ? editServerHello(sent.bytes, (hello) => removeExtension(hello.extensions, 41))
        : undefined,
  });
  assert.equal(pair.client.complete, false);
  assert.equal(pair.client.resumed, false);
});

function earlyKeys(pair: TlsPair, side: 'client' | 'server') {
  const keys = pair.of(side, 'keys').filter((event) => event.level === Level.EARLY);
  assert.equal(keys.length, 1, `one 0-RTT key on the ${side}`);
  return keys[0];
}

function kinds(pair: TlsPair, side: 'client' | 'server'): string[] {
  return pair.events[side].map((event) =>
    event.type === 'send' || event.type === 'keys' ? `${event.type} ${event.level}` : event.type,
  );
}
