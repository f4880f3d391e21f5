/** External pre-shared keys, with and without certificates next to them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Alert } from '../../../src/tls/alerts.ts';
import type { ExternalPsk } from '../../../src/tls/engine.ts';
import { pskTable } from '../../../src/tls/psk-selection.ts';
import { editClientHello, editServerHello, removeExtension } from '../../support/tls-messages.ts';
import { expectAlert, handshake, TlsPair, type TlsPairOptions } from '../../support/tls-pair.ts';
import { outcome, Resumption } from '../../support/tls-resumption.ts';

const identityOf = (name: string): Uint8Array => Uint8Array.from(name, (c) => c.charCodeAt(0));
const KEY: ExternalPsk = { identity: identityOf('device 7'), secret: new Uint8Array(20).fill(5) };
const OTHER: ExternalPsk = { identity: identityOf('device 8'), secret: new Uint8Array(32).fill(6) };
const PSK_ONLY = { certificates: [], key: null };

test('L87 a key from a fixed table or a function stands for the certificates, which may be there or not', () => {
  const asked: Uint8Array[] = [];
  const lookup = (identity: Uint8Array): ExternalPsk | null => {
    asked.push(identity.slice());
    return KEY;
  };
  for (const psk of [pskTable([OTHER, KEY]), lookup]) {
    for (const certificates of [{}, PSK_ONLY]) {
      const pair = handshake({ client: { psks: [KEY] }, identity: { psk, ...certificates } });
      for (const side of ['client', 'server'] as const) {
        assert.deepEqual(pair[side].pskIdentity, KEY.identity);
        assert.equal(pair[side].resumed, false);
        assert.deepEqual(pair[side].peerCertificates, []);
      }
      assert.equal(pair.client.group, 0x1d);
      assert.ok(pair.messages.every((sent) => ![11, 13, 15].includes(sent.type)));
    }
  }
  assert.deepEqual(asked, [KEY.identity, KEY.identity]);
});

test('L87 a wrong secret is a wrong binder, which is fatal', () => {
  expectAlert('server', Alert.DECRYPT_ERROR, {
    client: { psks: [{ ...KEY, secret: new Uint8Array(20).fill(4) }] },
    identity: { psk: pskTable([KEY]) },
  });
});

test('RFC 8446 §4.2.11 binders of tickets and of external keys are not interchangeable', () => {
  const setup = new Resumption();
  const session = setup.first();
  expectAlert('server', Alert.DECRYPT_ERROR, {
    client: { psks: [{ identity: session.ticket, secret: session.secret }] },
    server: { wallTime: () => setup.time, tickets: setup.keys },
  });
});

test('L87 an unknown identity leads to the certificate, or to unknown_psk_identity where there is none', () => {
  const options: TlsPairOptions = { client: { psks: [OTHER] }, identity: { psk: pskTable([KEY]) } };
  const pair = handshake(options);
  assert.equal(pair.client.pskIdentity, null);
  assert.equal(pair.client.peerCertificates.length > 0, true);
  expectAlert('server', Alert.UNKNOWN_PSK_IDENTITY, {
    ...options,
    identity: { ...options.identity, ...PSK_ONLY },
  });
  expectAlert('server', Alert.HANDSHAKE_FAILURE, { identity: { psk: pskTable([KEY]), ...PSK_ONLY } });
});

test('RFC 8446 §4.2.11 a key is used with suites of its hash only', () => {
  const hashed: ExternalPsk = { ...KEY, hash: 'sha384' };
  const pair = handshake({ client: { psks: [hashed] }, identity: { psk: pskTable([hashed]) } });
  assert.equal(pair.server.suite?.code, 0x1302);
  assert.deepEqual(pair.client.pskIdentity, KEY.identity);
  const full = handshake({
    client: { psks: [hashed] },
    server: { cipherSuites: [0x1301] },
    identity: { psk: pskTable([hashed]) },
  });
  assert.equal(full.client.pskIdentity, null);
});

test('of several keys the first that is known is taken; the session comes before all', () => {
  const pair = handshake({ client: { psks: [OTHER, KEY] }, identity: { psk: pskTable([KEY]) } });
  assert.deepEqual(pair.server.pskIdentity, KEY.identity);
  const setup = new Resumption();
  const session = setup.first();
  const over: TlsPairOptions = { client: { psks: [KEY] }, identity: { psk: pskTable([KEY]) } };
  const resumed = setup.again(session, over);
  assert.deepEqual(outcome(resumed), { resumed: true, earlyData: 'accepted' });
  assert.equal(resumed.client.pskIdentity, null);
});

test('a connection with an external key gives tickets, which resume without a certificate', () => {
  const setup = new Resumption();
  const over: TlsPairOptions = {
    client: { psks: [KEY] },
    identity: { psk: pskTable([KEY]), ...PSK_ONLY },
  };
  const session = setup.first(over);
  assert.deepEqual(session.certificates, []);
  assert.equal(outcome(setup.again(session, { identity: over.identity ?? {} })).resumed, true);
});

test('RFC 8446 §4.2.11 after a HelloRetryRequest keys of another hash are left out and the others have new binders', () => {
  const hashed: ExternalPsk = { ...OTHER, hash: 'sha384' };
  const pair = handshake({
    client: { psks: [hashed, KEY], groups: [0x1d, 0x17] },
    server: { groups: [0x17] },
    identity: { psk: pskTable([KEY]) },
  });
  assert.deepEqual(pair.client.pskIdentity, KEY.identity);
  const offered: number[] = [];
  for (const hello of pair.messages.filter((sent) => sent.type === 1)) {
    editClientHello(hello.bytes, ({ extensions }) => {
      offered.push(extensions.find(([code]) => code === 41)?.[1].length ?? 0);
    });
  }
  assert.ok(offered[0] > offered[1]);
});

test('RFC 8446 §4.2.9 a PSK without a key share is refused unless it was configured', () => {
  const identity = { psk: pskTable([KEY]) };
  // A client that wants it without is served with a certificate.
  const refused = handshake({ client: { psks: [KEY], plainPsk: 'only' }, identity });
  assert.equal(refused.server.pskIdentity, null);
  assert.ok(refused.messages.some((sent) => sent.type === 11));
  // With both modes the key share stays.
  const both = handshake({
    client: { psks: [KEY], plainPsk: 'allow' },
    server: { plainPsk: true },
    identity,
  });
  assert.equal(both.server.group, 0x1d);
  // A server that leaves the share out all the same.
  expectAlert('client', Alert.ILLEGAL_PARAMETER, {
    client: { psks: [KEY] },
    identity,
    rewrite: (sent) =>
      sent.type === 2
        ? editServerHello(sent.bytes, (hello) => removeExtension(hello.extensions, 51))
        : undefined,
  });
});

test('RFC 8446 §7.1 a PSK without a key share works where both sides were told to', () => {
  const pair = handshake({
    client: { psks: [KEY], plainPsk: 'only' },
    server: { plainPsk: true },
    identity: { psk: pskTable([KEY]), ...PSK_ONLY },
  });
  assert.equal(pair.server.group, null);
  assert.equal(pair.client.group, null);
  assert.deepEqual(pair.client.pskIdentity, KEY.identity);
});

test('an external key without an identity or a secret is refused at once', () => {
  for (const wrong of [{ identity: new Uint8Array(0) }, { secret: new Uint8Array(0) }]) {
    assert.throws(() => new TlsPair({ client: { psks: [{ ...KEY, ...wrong }] } }), {
      code: 'ERR_INVALID_ARG_VALUE',
    });
  }
});
