/** The choice among keys that a hello offers, and what makes 0-RTT impossible whatever anybody decides. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cipherSuite } from '../../../src/crypto/suites.ts';
import { type ClientHello, decodeClientHello } from '../../../src/tls/hello-codec.ts';
import {
  earlyDataOffer,
  type PskPolicy,
  pskTable,
  type SelectedPsk,
  selectPsk,
} from '../../../src/tls/psk-selection.ts';
import { decodeTicketState, encodeTicketState, type TicketState } from '../../../src/tls/ticket-state.ts';
import { Resumption } from '../../support/tls-resumption.ts';

const setup = new Resumption();
const session = setup.first();
const hello: ClientHello = decodeClientHello(setup.again(session).messages[0].bytes.subarray(4));
const policy: PskPolicy = {
  cipherSuites: [0x1301, 0x1302, 0x1303],
  tickets: setup.keys,
  wallTime: setup.time,
  external: null,
  plainPsk: false,
};

test('RFC 8446 §4.2.11 the key of a ticket goes with its own suite, else with one of its hash, else with none', () => {
  assert.equal(selectPsk(hello, policy)?.suite.code, 0x1303);
  assert.equal(selectPsk(hello, { ...policy, cipherSuites: [0x1302, 0x1301] })?.suite.code, 0x1301);
  assert.equal(selectPsk(hello, { ...policy, cipherSuites: [0x1302] }), null);
  assert.equal(selectPsk({ ...hello, cipherSuites: [0x1302] }, policy), null);
});

test('RFC 8446 §4.6.1 a ticket is good until its lifetime is over, and not long before it was made', () => {
  const at = (wallTime: number) => selectPsk(hello, { ...policy, wallTime }) !== null;
  assert.equal(at(setup.time + 86_400_000), true);
  assert.equal(at(setup.time + 86_400_001), false);
  assert.equal(at(setup.time - 60_000), true);
  assert.equal(at(setup.time - 60_001), false);
});

test('RFC 8446 §4.2.9 no key is taken in a mode that the client or the server does not want', () => {
  assert.equal(selectPsk({ ...hello, tickets: false }, policy), null);
  assert.equal(selectPsk({ ...hello, tickets: false, plainPsk: true }, policy), null);
  assert.ok(selectPsk({ ...hello, tickets: false, plainPsk: true }, { ...policy, plainPsk: true }));
  assert.equal(selectPsk({ ...hello, psks: null }, policy), null);
  assert.equal(selectPsk(hello, { ...policy, tickets: null }), null);
});

test('RFC 8446 §4.2.10 0-RTT needs the first key, a ticket that promised it, its suite, its protocol and its age', () => {
  const psk = selectPsk(hello, policy);
  assert.ok(psk?.ticket);
  const ticket = psk.ticket;
  const offer = (over: Partial<SelectedPsk>, alpn = 'echo', wallTime = setup.time) =>
    earlyDataOffer(hello, { ...psk, ...over }, alpn, wallTime, 10_000) !== null;
  const suite = cipherSuite(0x1301);
  assert.ok(suite);
  assert.equal(offer({}), true);
  assert.equal(offer({ index: 1 }), false);
  assert.equal(offer({ ticket: null }), false);
  assert.equal(offer({ ticket: { ...ticket, earlyData: false } }), false);
  assert.equal(offer({ suite }), false);
  assert.equal(offer({}, 'other'), false);
  assert.equal(offer({}, 'echo', setup.time + 10_001), false);
  assert.equal(earlyDataOffer({ ...hello, earlyData: false }, psk, 'echo', setup.time, 10_000), null);
  assert.equal(earlyDataOffer(hello, null, 'echo', setup.time, 10_000), null);
});

test('L87 a table of external keys finds a key by its whole identity', () => {
  const key = (...identity: number[]) => ({ identity: Uint8Array.from(identity), secret: Uint8Array.of(1) });
  const keys = [key(1), key(1, 0), key(0xff)];
  const find = pskTable(keys);
  for (const each of keys) assert.equal(find(each.identity.slice()), each);
  assert.equal(find(Uint8Array.of(1, 0, 0)), null);
});

test('the state in a ticket comes back as it was, and of other bytes nothing does', () => {
  const state: TicketState = {
    cipherSuite: 0x1302,
    secret: new Uint8Array(48).fill(1),
    ageAdd: 0xffffffff,
    issuedAt: 1_700_000_000_000,
    lifetime: 604_800,
    earlyData: true,
    alpn: 'h3',
    serverName: null,
    data: new Uint8Array(300).fill(2),
  };
  const encoded = encodeTicketState(state);
  assert.deepEqual({ ...decodeTicketState(encoded) }, state);
  for (let length = 0; length < encoded.length; length++) {
    assert.equal(decodeTicketState(encoded.subarray(0, length)), null);
  }
  assert.equal(decodeTicketState(Uint8Array.of(...encoded, 0)), null);
  encoded[0]++;
  assert.equal(decodeTicketState(encoded), null);
});
