/** Two engines that complete handshakes: every suite, group and kind of certificate, and the order of their events. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import { seededRandom } from '../../../src/crypto/random.ts';
import { createTlsClient } from '../../../src/tls/client.ts';
import type { TlsEvent } from '../../../src/tls/engine.ts';
import { Level } from '../../../src/tls/level.ts';
import { createTlsServer } from '../../../src/tls/server.ts';
import { equal, toHex } from '../../../src/util/bytes.ts';
import { makeChain, makeTestIdentity } from '../../support/certificates.ts';
import { byteByByte } from '../../support/tls-messages.ts';
import {
  CLIENT_PARAMETERS,
  handshake,
  SERVER_PARAMETERS,
  type Side,
  TlsPair,
} from '../../support/tls-pair.ts';

const SUITES = [0x1301, 0x1302, 0x1303] as const;
const GROUPS = [0x001d, 0x0017, 0x0018] as const;
const KINDS = ['ec-p256', 'ec-p384', 'rsa', 'ed25519'] as const;

for (const suite of SUITES) {
  for (const group of GROUPS) {
    for (const kind of KINDS) {
      test(`a handshake completes with suite 0x${suite.toString(16)}, group 0x${group.toString(16)} and ${kind}`, () => {
        const pair = handshake({
          client: { cipherSuites: [suite], groups: [group] },
          certificate: makeTestIdentity({ kind }),
        });
        assert.equal(pair.client.suite?.code, suite);
        assert.equal(pair.server.suite?.code, suite);
        assert.equal(pair.client.group, group);
        assert.equal(pair.server.group, group);
        assertSameKeys(pair);
      });
    }
  }
}

test('RFC 9001 §4.1.4 the server has its 1-RTT send keys with its Finished and its receive keys with that of the client', () => {
  const pair = handshake();
  assert.deepEqual(outline(pair, 'server'), [
    'peer-transport-parameters',
    'client-hello',
    'send INITIAL ServerHello',
    'keys HANDSHAKE send',
    'keys HANDSHAKE receive',
    'send HANDSHAKE EncryptedExtensions',
    'send HANDSHAKE Certificate',
    'sign',
    'send HANDSHAKE CertificateVerify',
    'send HANDSHAKE Finished',
    'keys APPLICATION send',
    'keys APPLICATION receive',
    'complete',
  ]);
  assert.deepEqual(outline(pair, 'client'), [
    'send INITIAL ClientHello',
    'keys HANDSHAKE send',
    'keys HANDSHAKE receive',
    'peer-transport-parameters',
    'verify',
    'send HANDSHAKE Finished',
    'keys APPLICATION send',
    'keys APPLICATION receive',
    'complete',
  ]);
});

test('RFC 9001 §5.7 the server can send 1-RTT before the client has finished, and not receive it', () => {
  const pair = handshakeWithout('client', 20);
  assert.deepEqual(
    pair.of('server', 'keys').map((event) => `${event.level} ${event.direction}`),
    [`${Level.HANDSHAKE} send`, `${Level.HANDSHAKE} receive`, `${Level.APPLICATION} send`],
  );
  assert.equal(pair.server.complete, false);
});

test('RFC 9001 §8.2 transport parameters arrive as they were given', () => {
  const pair = handshake();
  assert.ok(equal(pair.of('server', 'peer-transport-parameters')[0].bytes, CLIENT_PARAMETERS));
  assert.ok(equal(pair.of('client', 'peer-transport-parameters')[0].bytes, SERVER_PARAMETERS));
});

test('RFC 8446 §4.1.3 a message may arrive one byte at a time', () => {
  for (const group of GROUPS) {
    const pair = handshake({
      split: byteByByte,
      server: { groups: [group] },
      certificate: makeChain({ intermediates: 2 }),
      client: { identity: clientIdentity() },
      identity: { clientCertificate: 'require' },
    });
    assert.equal(pair.server.peerCertificates.length, 1);
    assertSameKeys(pair);
  }
});

test('a ClientHello completes the handshake in any chunking', () => {
  const lengths = [2, 3, 5, 7, 64, 100, 1000];
  for (const length of lengths) {
    assertSameKeys(
      handshake({
        split: (bytes) => {
          const pieces: Uint8Array[] = [];
          for (let at = 0; at < bytes.length; at += length) pieces.push(bytes.subarray(at, at + length));
          return pieces;
        },
      }),
    );
  }
});

test('RFC 8446 §4.1.1 a whole flight may arrive in one piece', () => {
  const server: Uint8Array[] = [];
  const pair = handshakeWithout('server', 8, (bytes) => server.push(bytes));
  pair.inject('client', Level.HANDSHAKE, Uint8Array.from(server.flatMap((bytes) => [...bytes])));
  pair.pump();
  assert.equal(pair.alert?.error, undefined);
  assert.ok(pair.client.complete && pair.server.complete);
});

test('RFC 8446 §4.1.1 the server takes its own first cipher suite, or the first of the client if it is told to', () => {
  const client = { cipherSuites: [0x1302, 0x1301, 0x1303] };
  // What packets cost is the provider's business, and so is the order where nobody asks for another.
  assert.equal(handshake({ client }).server.suite?.code, nodeProvider.cipherSuites?.[0]);
  assert.equal(handshake({ client, server: { preferServerCipherOrder: false } }).server.suite?.code, 0x1302);
  assert.equal(handshake({ client, server: { cipherSuites: [0x1302, 0x1301] } }).client.suite?.code, 0x1302);
  assert.equal(handshake({ client, identity: { cipherSuites: [0x1303] } }).client.suite?.code, 0x1303);
});

test('RFC 7301 §3.2 the server picks its first protocol that the client offers', () => {
  const pair = handshake({ client: { alpn: ['h3', 'b', 'a'] }, identity: { alpn: ['x', 'a', 'b'] } });
  assert.equal(pair.server.alpn, 'a');
  assert.equal(pair.client.alpn, 'a');
  assert.deepEqual(pair.of('server', 'client-hello')[0].hello.alpn, ['h3', 'b', 'a']);
});

test('a server without protocols negotiates none', () => {
  const pair = handshake({ client: { alpn: [] }, identity: { alpn: [] } });
  assert.equal(pair.client.alpn, null);
  assert.equal(pair.server.alpn, null);
});

test('RFC 6066 §3 the server name arrives in lower case and without its final dot; an address is not sent', () => {
  assert.equal(
    handshake({ client: { serverName: 'WWW.Example.COM.' } }).server.serverName,
    'www.example.com',
  );
  for (const serverName of [null, '127.0.0.1', '::1', '2001:db8::1']) {
    const pair = handshake({ client: { serverName } });
    assert.equal(pair.server.serverName, null);
    assert.equal(pair.of('client', 'verify')[0].serverName, serverName);
  }
});

test('RFC 8446 §4.4.2 a chain arrives leaf first', () => {
  const chain = makeChain({ intermediates: 8 });
  const pair = handshake({ certificate: chain });
  assert.equal(pair.client.peerCertificates.length, 9);
  assert.ok(pair.client.peerCertificates.every((der, index) => equal(der, chain.certificates[index])));
  assert.deepEqual(pair.of('client', 'verify')[0].certificates, pair.client.peerCertificates);
});

test('RFC 8446 §4.4.2.1 an OCSP response comes with the leaf if it was asked for', () => {
  const ocspResponse = Uint8Array.of(0x30, 0x03, 0x0a, 0x01, 0x00);
  const asked = handshake({ client: { requestOcsp: true }, identity: { ocspResponse } });
  assert.deepEqual(asked.of('client', 'verify')[0].ocspResponse, ocspResponse);
  assert.equal(asked.of('server', 'client-hello')[0].hello.ocsp, true);
  const unasked = handshake({ identity: { ocspResponse } });
  assert.equal(unasked.of('client', 'verify')[0].ocspResponse, null);
  const without = handshake({ client: { requestOcsp: true } });
  assert.equal(without.of('client', 'verify')[0].ocspResponse, null);
});

test('a client that verifies nobody still checks the signature and asks no question', () => {
  const pair = handshake({ client: { verifyPeer: false } });
  assert.equal(pair.of('client', 'verify').length, 0);
  assert.equal(pair.client.peerCertificates.length, 1);
});

for (const clientCertificate of ['request', 'require'] as const) {
  for (const kind of KINDS) {
    test(`RFC 8446 §4.3.2 a client certificate (${kind}) is taken on ${clientCertificate}`, () => {
      const identity = clientIdentity(kind);
      const pair = handshake({ client: { identity }, identity: { clientCertificate } });
      assert.ok(equal(pair.server.peerCertificates[0], identity.certificates[0]));
      assert.equal(pair.of('server', 'verify')[0].peer, 'client');
      assertSameKeys(pair);
    });
  }
}

test('RFC 8446 §4.4.2.4 a client without a certificate may go on where it is only requested', () => {
  const pair = handshake({ identity: { clientCertificate: 'request' } });
  assert.deepEqual(pair.server.peerCertificates, []);
  assert.equal(pair.of('server', 'verify').length, 0);
});

test('RFC 8446 §4.4.2.3 a client whose key fits no requested scheme sends no certificate', () => {
  const pair = handshake({
    client: { identity: clientIdentity('ed25519') },
    identity: { clientCertificate: 'request' },
    server: { signatureSchemes: [0x0403] },
  });
  assert.deepEqual(pair.server.peerCertificates, []);
});

test('a client with a certificate that is not asked for keeps it', () => {
  const pair = handshake({ client: { identity: clientIdentity() } });
  assert.equal(pair.messages.filter((message) => message.from === 'client').length, 2);
});

test('RFC 8446 §7.5 both sides export the same keying material, and none before the handshake is complete', () => {
  const pair = handshake();
  const context = Uint8Array.of(1, 2);
  const exported = pair.client.exporter('EXPORTER-test', context, 40);
  assert.equal(exported.length, 40);
  assert.equal(toHex(exported), toHex(pair.server.exporter('EXPORTER-test', context, 40)));
  assert.notEqual(toHex(exported), toHex(pair.server.exporter('EXPORTER-other', context, 40)));
  assert.notEqual(toHex(exported), toHex(pair.server.exporter('EXPORTER-test', Uint8Array.of(3), 40)));
  const early = handshakeWithout('client', 20);
  assert.throws(() => early.server.exporter('EXPORTER-test', context, 40), {
    code: 'ERR_QUIC_INVALID_STATE',
  });
});

test('both sides log the same secrets, in the format of NSS', () => {
  const pair = handshake({ seed: 'keylog' });
  const lines = pair.of('client', 'keylog').map((event) => event.line);
  assert.deepEqual(
    lines,
    pair.of('server', 'keylog').map((event) => event.line),
  );
  assert.deepEqual(
    lines.map((line) => line.split(' ')[0]),
    [
      'CLIENT_HANDSHAKE_TRAFFIC_SECRET',
      'SERVER_HANDSHAKE_TRAFFIC_SECRET',
      'CLIENT_TRAFFIC_SECRET_0',
      'SERVER_TRAFFIC_SECRET_0',
      'EXPORTER_SECRET',
    ],
  );
  const random = toHex(pair.messages[0].bytes.subarray(6, 38));
  for (const line of lines) assert.match(line, new RegExp(`^\\w+ ${random} [0-9a-f]{64}$`));
  assert.equal(handshake({ client: { keyLog: false } }).of('client', 'keylog').length, 0);
});

test('a handshake is a function of its seed where the signature is', () => {
  const certificate = makeTestIdentity({ kind: 'ed25519' });
  const bytesOf = (seed: string): string[] =>
    handshake({ seed, certificate }).messages.map((message) => toHex(message.bytes));
  assert.deepEqual(bytesOf('one'), bytesOf('one'));
  assert.notDeepEqual(bytesOf('one'), bytesOf('two'));
});

test('lists of suites and groups are checked when an engine is made', () => {
  const client = {
    provider: nodeProvider,
    random: seededRandom(1),
    serverName: null,
    alpn: [],
    verifyPeer: true,
  };
  const parameters = { transportParameters: CLIENT_PARAMETERS };
  const invalid = { code: 'ERR_INVALID_ARG_VALUE' };
  assert.throws(() => createTlsClient({ ...client, ...parameters, cipherSuites: [] }), invalid);
  assert.throws(() => createTlsClient({ ...client, ...parameters, cipherSuites: [0x1304] }), invalid);
  assert.throws(() => createTlsClient({ ...client, ...parameters, groups: [0x001d, 0x001d] }), invalid);
  const server = { provider: nodeProvider, random: seededRandom(1) };
  assert.throws(() => createTlsServer({ ...server, groups: [0x0019] }), invalid);
});

function clientIdentity(kind: (typeof KINDS)[number] = 'ec-p256') {
  const made = makeTestIdentity({ kind, names: ['client.example'] });
  return { certificates: made.certificates, key: nodeProvider.privateKeyFrom(made.keyPem) };
}

/** A handshake in which the messages of one side from a type on do not arrive. */
function handshakeWithout(side: Side, type: number, lost: (bytes: Uint8Array) => void = () => {}): TlsPair {
  let dropping = true;
  const pair = new TlsPair({
    rewrite: (message) => {
      if (!dropping || message.from !== side || message.level === Level.INITIAL || message.type < type)
        return undefined;
      lost(message.bytes);
      return null;
    },
  });
  pair.run();
  dropping = false;
  assert.equal(pair.alert, null);
  return pair;
}

function outline(pair: TlsPair, side: Side): string[] {
  return pair.events[side].filter((event) => event.type !== 'keylog').map(describe);
}

function describe(event: TlsEvent): string {
  if (event.type === 'send') return `send ${levelName(event.level)} ${TYPES[event.bytes[0]]}`;
  if (event.type === 'keys') return `keys ${levelName(event.level)} ${event.direction}`;
  return event.type;
}

function levelName(level: Level): string {
  return Object.entries(Level).find(([, value]) => value === level)?.[0] ?? '?';
}

function assertSameKeys(pair: TlsPair): void {
  for (const level of [Level.HANDSHAKE, Level.APPLICATION]) {
    for (const direction of ['send', 'receive'] as const) {
      const opposite = direction === 'send' ? 'receive' : 'send';
      const ours = pair
        .of('client', 'keys')
        .find((key) => key.level === level && key.direction === direction);
      const theirs = pair
        .of('server', 'keys')
        .find((key) => key.level === level && key.direction === opposite);
      assert.ok(ours && theirs);
      assert.equal(toHex(ours.secret), toHex(theirs.secret));
      assert.equal(ours.secret.length, ours.suite.hashLength);
    }
  }
}

const TYPES: Record<number, string> = {
  1: 'ClientHello',
  2: 'ServerHello',
  8: 'EncryptedExtensions',
  11: 'Certificate',
  13: 'CertificateRequest',
  15: 'CertificateVerify',
  20: 'Finished',
};
