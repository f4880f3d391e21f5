/** Questions to the outside: answers given late, twice, wrongly or not at all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import { Alert, TlsAlert } from '../../../src/tls/alerts.ts';
import type { TlsEvent } from '../../../src/tls/engine.ts';
import { Level } from '../../../src/tls/level.ts';
import { MAX_BUFFERED_BYTES } from '../../../src/tls/limits.ts';
import { makeTestIdentity } from '../../support/certificates.ts';
import { type Side, serverIdentity, TlsPair, type TlsPairOptions } from '../../support/tls-pair.ts';

type Question = Extract<TlsEvent, { type: 'client-hello' | 'verify' | 'sign' }>;

const QUESTIONS = new Set(['client-hello', 'verify', 'sign']);

test('answers may come late: the handshake goes on from what has been buffered', () => {
  const open: { side: Side; event: Question }[] = [];
  const pair = new TlsPair({
    ...mutual(),
    onEvent: (side, event) => {
      if (!QUESTIONS.has(event.type)) return undefined;
      open.push({ side, event: event as Question });
      return true;
    },
  }).run();
  const asked: string[] = [];
  for (let question = open.shift(); question !== undefined; question = open.shift()) {
    assert.equal(pair.client.complete && pair.server.complete, false);
    asked.push(`${question.side} ${question.event.type}`);
    answer(pair, question.side, question.event);
    pair.pump();
  }
  assert.deepEqual(asked, [
    'server client-hello',
    'server sign',
    'client verify',
    'client sign',
    'server verify',
  ]);
  assert.ok(pair.client.complete && pair.server.complete);
  assert.equal(pair.server.peerCertificates.length, 1);
});

test('an answer that was not asked for, and a second one, change nothing', () => {
  const pair = new TlsPair({
    ...mutual(),
    onEvent: (side, event, engine) => {
      if (!QUESTIONS.has(event.type)) return undefined;
      const identity = serverIdentity(makeTestIdentity());
      if (event.type !== 'client-hello') engine.provideIdentity({ ...identity, alpn: ['other'] });
      if (event.type !== 'verify') engine.provideVerification(new TlsAlert(Alert.UNKNOWN_CA, 'no'));
      if (event.type !== 'sign') engine.provideSignature(null);
      answer(pair, side, event as Question);
      if (event.type === 'client-hello') engine.provideIdentity(null);
      if (event.type === 'verify') engine.provideVerification(new TlsAlert(Alert.UNKNOWN_CA, 'no'));
      return true;
    },
  });
  pair.run();
  assert.equal(pair.alert?.error, undefined);
  assert.ok(pair.client.complete && pair.server.complete);
});

test('answers and bytes after a failure are ignored, and no question is left to be answered', () => {
  const pair = new TlsPair({
    ...mutual(),
    onEvent: (_side, event) => event.type === 'verify',
  }).run();
  const verify = pair.of('client', 'verify')[0];
  assert.ok(verify);
  assert.throws(() => pair.client.receive(Level.INITIAL, Uint8Array.of(2)), {
    alert: Alert.UNEXPECTED_MESSAGE,
  });
  pair.client.provideVerification(null);
  pair.client.provideSignature(new Uint8Array(64));
  pair.client.provideIdentity(null);
  pair.client.receive(Level.HANDSHAKE, Uint8Array.of(24));
  pair.client.start();
  assert.equal(pair.client.nextEvent(), null);
  assert.equal(pair.client.complete, false);
  assert.deepEqual(pair.client.peerCertificates, []);
});

test('a question that nobody has seen dies with the engine, what was to be sent does not', () => {
  const pair = new TlsPair();
  pair.client.start();
  const hello = pair.client.nextEvent();
  assert.ok(hello?.type === 'send');
  pair.server.receive(Level.INITIAL, hello.bytes);
  assert.throws(() => pair.server.receive(Level.HANDSHAKE, Uint8Array.of(0)), TlsAlert);
  assert.equal(pair.server.nextEvent()?.type, 'peer-transport-parameters');
  assert.equal(pair.server.nextEvent(), null);
});

test('a server without an answer for a client refuses it: unrecognized_name, or handshake_failure without a name', () => {
  for (const [serverName, alert] of [
    ['nobody.example', Alert.UNRECOGNIZED_NAME],
    [null, Alert.HANDSHAKE_FAILURE],
  ] as const) {
    const pair = new TlsPair({
      client: { serverName },
      onEvent: (_side, event, engine) => {
        if (event.type !== 'client-hello') return undefined;
        assert.throws(() => engine.provideIdentity(null), { name: 'TlsAlert', alert });
        return true;
      },
    }).run();
    assert.equal(pair.server.nextEvent(), null);
  }
});

test('a signature that cannot be made ends the handshake with internal_error', () => {
  for (const side of ['client', 'server'] as const) {
    let refused = false;
    new TlsPair({
      ...mutual(),
      onEvent: (at, event, engine) => {
        if (at !== side || event.type !== 'sign') return undefined;
        assert.throws(() => engine.provideSignature(null), { alert: Alert.INTERNAL_ERROR });
        refused = true;
        return true;
      },
    }).run();
    assert.ok(refused);
  }
});

test('an identity that cannot be used is our own fault and says so', () => {
  const pair = new TlsPair({ identity: { cipherSuites: [0x9999] } }).run();
  assert.equal(pair.alert?.side, 'server');
  assert.equal(pair.alert?.error.alert, Alert.INTERNAL_ERROR);
  assert.equal((pair.alert?.error.cause as { code?: string } | undefined)?.code, 'ERR_INVALID_ARG_VALUE');
});

test('what arrives while an answer is awaited is kept up to the limit', () => {
  const pair = new TlsPair({ onEvent: (_side, event) => event.type === 'client-hello' }).run();
  const chunk = new Uint8Array(1024).fill(1);
  for (let sent = 0; sent < MAX_BUFFERED_BYTES; sent += chunk.length) {
    pair.inject('server', Level.INITIAL, chunk);
    assert.equal(pair.alert?.error, undefined);
  }
  pair.inject('server', Level.INITIAL, Uint8Array.of(1));
  assert.equal(pair.alert?.error.alert, Alert.UNEXPECTED_MESSAGE);
});

test('RFC 9001 §4.1.3 what arrived after the hello while the identity was awaited is refused when keys change', () => {
  const pair = new TlsPair({ onEvent: (_side, event) => event.type === 'client-hello' }).run();
  pair.inject('server', Level.INITIAL, Uint8Array.of(1));
  assert.equal(pair.alert, null);
  assert.throws(() => pair.server.provideIdentity(serverIdentity(makeTestIdentity())), {
    alert: Alert.UNEXPECTED_MESSAGE,
  });
});

test('starting twice sends one hello', () => {
  const pair = new TlsPair({ rewrite: () => null });
  pair.client.start();
  pair.client.start();
  pair.pump();
  assert.equal(pair.messages.length, 1);
});

function answer(pair: TlsPair, side: Side, event: Question): void {
  const engine = pair[side];
  if (event.type === 'client-hello') {
    engine.provideIdentity({ ...serverIdentity(makeTestIdentity()), clientCertificate: 'require' });
  } else if (event.type === 'verify') engine.provideVerification(null);
  else engine.provideSignature(nodeProvider.sign(event.key, event.scheme, event.content));
}

function mutual(): TlsPairOptions {
  const made = makeTestIdentity({ names: ['client.example'] });
  return {
    client: {
      identity: { certificates: made.certificates, key: nodeProvider.privateKeyFrom(made.keyPem) },
    },
    identity: { clientCertificate: 'require' },
  };
}
