/** Tickets after the handshake: the client hands them on with their secret and remembers nothing itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Alert } from '../../../src/tls/alerts.ts';
import { Level } from '../../../src/tls/level.ts';
import { MAX_TICKETS } from '../../../src/tls/limits.ts';
import { toHex } from '../../../src/util/bytes.ts';
import { editClientHello, message, number, ticketMessage } from '../../support/tls-messages.ts';
import { handshake, TlsPair } from '../../support/tls-pair.ts';

test('RFC 8446 §4.6.1 a ticket is handed on with its fields and a secret of its own', () => {
  const pair = handshake();
  pair.inject(
    'client',
    Level.APPLICATION,
    ticketMessage({ nonce: 1, earlyData: 0xffffffff, extra: [[0x1a1a, new Uint8Array(3)]] }),
  );
  pair.inject('client', Level.APPLICATION, ticketMessage({ nonce: 2 }));
  pair.pump();
  const [first, second] = pair.of('client', 'ticket');
  assert.deepEqual(first.ticket, {
    lifetime: 7200,
    ageAdd: 0x01020304,
    nonce: Uint8Array.of(1),
    ticket: Uint8Array.of(0xaa, 0xbb),
    earlyData: true,
  });
  assert.equal(second.ticket.earlyData, false);
  assert.equal(first.secret.length, 32);
  assert.notEqual(toHex(first.secret), toHex(second.secret));
});

test('a ticket may arrive in pieces, and several in one', () => {
  const pair = handshake();
  const bytes = Uint8Array.from([...ticketMessage(), ...ticketMessage({ nonce: 3 })]);
  for (const byte of bytes) pair.inject('client', Level.APPLICATION, Uint8Array.of(byte));
  pair.inject('client', Level.APPLICATION, bytes);
  pair.pump();
  assert.equal(pair.of('client', 'ticket').length, 4);
});

test('tickets above the limit are dropped without a word', () => {
  const pair = handshake();
  for (let n = 0; n < MAX_TICKETS + 5; n++)
    pair.inject('client', Level.APPLICATION, ticketMessage({ nonce: n }));
  pair.pump();
  assert.equal(pair.alert, null);
  assert.equal(pair.of('client', 'ticket').length, MAX_TICKETS);
});

test('RFC 9001 §4.6.1 a ticket that limits early data otherwise than by 0xffffffff is refused', () => {
  const pair = handshake();
  pair.inject('client', Level.APPLICATION, ticketMessage({ earlyData: 16384 }));
  assert.equal(pair.alert?.error.alert, Alert.ILLEGAL_PARAMETER);
});

test('RFC 8446 §4.6.1 a ticket is kept for a week at most, and not at all if its lifetime is zero', () => {
  const pair = handshake({ client: { wallTime: () => 5_000_000 } });
  for (const lifetime of [0, 7200, 604_800, 604_801, 0xffffffff]) {
    const raw = ticketMessage();
    raw.set(number(lifetime, 4), 4);
    pair.inject('client', Level.APPLICATION, raw);
  }
  pair.pump();
  assert.deepEqual(
    pair.of('client', 'ticket').map((event) => event.session?.lifetime ?? null),
    [null, 7200, 604_800, 604_800, 604_800],
  );
});

test('RFC 8446 §4.6.1 an empty or malformed ticket is refused', () => {
  const empty = Uint8Array.of(...new Uint8Array(8), 0, 0, 0, 0, 0);
  for (const body of [empty, empty.subarray(0, 5), Uint8Array.of(...empty, 1)]) {
    const pair = handshake();
    pair.inject('client', Level.APPLICATION, message(4, body));
    assert.equal(pair.alert?.error.alert, Alert.DECODE_ERROR);
  }
});

test('RFC 8446 §4.6.1 a ticket before the handshake is complete is refused', () => {
  const pair = new TlsPair({
    rewrite: (sent) => (sent.from === 'server' && sent.type === 20 ? ticketMessage() : undefined),
  }).run();
  assert.equal(pair.alert?.error.alert, Alert.UNEXPECTED_MESSAGE);
});

test('RFC 8446 §4.2.9 a client says that tickets are welcome only if it is told to', () => {
  for (const requestTickets of [true, false]) {
    const pair = handshake({ client: { requestTickets } });
    const codes: number[] = [];
    editClientHello(pair.messages[0].bytes, (hello) => codes.push(...hello.extensions.map(([code]) => code)));
    assert.equal(codes.includes(45), requestTickets);
  }
});
