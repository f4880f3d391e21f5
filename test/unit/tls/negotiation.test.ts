/** Hellos with values that nobody knows, and the tables that choices are made from. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLIENT_STATES } from '../../../src/tls/client-states.ts';
import { Block, EXTENSIONS, Extension, extensionName } from '../../../src/tls/extensions.ts';
import { decodeClientHello } from '../../../src/tls/hello-codec.ts';
import { HANDSHAKE_MESSAGES, messageName } from '../../../src/tls/messages.ts';
import { selectGroup, selectProtocol, selectSuite } from '../../../src/tls/server-negotiation.ts';
import { SERVER_STATES } from '../../../src/tls/server-states.ts';
import { SIGNATURE_SCHEMES, signsHandshakes } from '../../../src/tls/signature-schemes.ts';
import { StateMachine } from '../../../src/tls/state-machine.ts';
import { makeTestIdentity } from '../../support/certificates.ts';
import {
  type ClientHelloParts,
  codeBytes,
  editClientHello,
  join,
  number,
  vector,
} from '../../support/tls-messages.ts';
import { handshake, TlsPair } from '../../support/tls-pair.ts';

const GREASE = [0x0a0a, 0x1a1a, 0x2a2a, 0x8a8a, 0xfafa];

test('RFC 8701 §3 GREASE and unknown values everywhere in a ClientHello are ignored', () => {
  const hello = decodeClientHello(greased().subarray(4));
  assert.equal(selectSuite([0x1302, 0x1301], true, hello).code, 0x1302);
  assert.equal(selectSuite([0x1302, 0x1301], false, hello).code, 0x1301);
  assert.equal(selectGroup([0x0018, 0x001d], hello).group, 0x001d);
  assert.equal(selectProtocol(['echo'], hello), 'echo');
  assert.equal(hello.serverName, 'localhost');
  assert.equal(hello.ocsp, false);

  const pair = new TlsPair({ rewrite: (sent) => (sent.type === 1 ? greased() : undefined) }).run();
  assert.ok(
    pair.messages.some((sent) => sent.type === 15),
    'the server answers with its whole flight',
  );
});

test('RFC 9849 §6.2 an encrypted ClientHello that is only GREASE is ignored', () => {
  const bytes = editClientHello(plain(), (hello) => {
    const outer = join(number(0, 1), number(1, 2), number(1, 2), number(7, 1), vector(2, new Uint8Array(32)));
    hello.extensions.push([0xfe0d, join(outer, vector(2, new Uint8Array(144)))]);
  });
  assert.ok(decodeClientHello(bytes.subarray(4)).extensions.has(0xfe0d));
});

test('RFC 8446 §4.1.2 unknown extensions and their contents are skipped, also those of other protocols', () => {
  const bytes = editClientHello(plain(), (hello) => {
    for (const code of [17, 18, 22, 23, 35, 0x4469, 0xff01, 28])
      hello.extensions.push([code, new Uint8Array(5)]);
  });
  assert.equal(decodeClientHello(bytes.subarray(4)).alpn[0], 'echo');
});

test('RFC 6066 §3 names of other types are skipped', () => {
  const bytes = editClientHello(plain(), (hello) => {
    const other = join(number(7, 1), vector(2, Uint8Array.of(1, 2)));
    const host = join(
      number(0, 1),
      vector(
        2,
        Uint8Array.from('A.Example', (c) => c.charCodeAt(0)),
      ),
    );
    replace(hello, 0, vector(2, join(other, host)));
  });
  assert.equal(decodeClientHello(bytes.subarray(4)).serverName, 'a.example');
  const none = editClientHello(plain(), (hello) => {
    replace(hello, 0, vector(2, join(number(7, 1), vector(2, Uint8Array.of(1, 2)))));
  });
  assert.equal(decodeClientHello(none.subarray(4)).serverName, null);
});

test('RFC 6066 §8 a status_request of another type is no request for OCSP', () => {
  const bytes = editClientHello(plain(), (hello) => hello.extensions.push([5, Uint8Array.of(9, 1, 2)]));
  assert.equal(decodeClientHello(bytes.subarray(4)).ocsp, false);
});

test('a hello tells whether the client can use tickets', () => {
  const withModes = (modes: number[]): boolean =>
    decodeClientHello(
      editClientHello(plain(), (hello) =>
        hello.extensions.push([45, vector(1, Uint8Array.from(modes))]),
      ).subarray(4),
    ).tickets;
  assert.equal(withModes([0x0b, 1]), true);
  assert.equal(withModes([0]), false);
});

test('every kind of certificate is served to a client that accepts one scheme of it', () => {
  for (const [kind, scheme] of [
    ['ec-p256', 0x0403],
    ['ec-p384', 0x0503],
    ['ed25519', 0x0807],
    ['rsa', 0x0806],
  ] as const) {
    const pair = handshake({
      client: { signatureSchemes: [0x0401, scheme] },
      certificate: makeTestIdentity({ kind }),
    });
    assert.equal(pair.of('server', 'sign')[0].scheme, scheme);
  }
});

test('RFC 8446 §4.2.3 PKCS #1 signs chains and no handshakes', () => {
  for (const { code, name, handshake: signs } of SIGNATURE_SCHEMES) {
    assert.equal(signs, !name.startsWith('rsa_pkcs1'));
    assert.equal(signsHandshakes(code), signs);
  }
  assert.equal(signsHandshakes(0x0203), false);
});

test('RFC 8446 §4.2 the table of extensions has no code twice and names them', () => {
  assert.equal(new Set(EXTENSIONS.map((row) => row.code)).size, EXTENSIONS.length);
  for (const [key, code] of Object.entries(Extension)) assert.equal(extensionName(code), key.toLowerCase());
  assert.equal(extensionName(0x3a3a), 'extension(0x3a3a)');
  const all = Object.values(Block).reduce((sum, bit) => sum | bit, 0);
  for (const row of EXTENSIONS) assert.ok(row.blocks !== 0 && (row.blocks & ~all) === 0);
});

test('every state is reachable, knows only messages with a limit, and either reads or waits', () => {
  for (const [table, first] of [
    [CLIENT_STATES, 'start'],
    [SERVER_STATES, 'wait-client-hello'],
  ] as const) {
    const rows = table as Readonly<
      Record<string, (typeof CLIENT_STATES)['start'] | (typeof SERVER_STATES)['signing']>
    >;
    const reached = new Set<string>([first]);
    for (const state of reached) for (const next of rows[state].next) reached.add(next);
    assert.deepEqual([...reached].sort(), Object.keys(rows).sort());
    for (const row of Object.values(rows)) {
      for (const type of row.messages) assert.ok(HANDSHAKE_MESSAGES[type]);
      assert.ok(row.waitsFor === undefined || row.messages.length === 0);
    }
  }
  assert.equal(messageName(24), 'message 24');
});

test('a step that the table does not list is a fault of our own', () => {
  const machine = new StateMachine(CLIENT_STATES, 'start');
  assert.throws(() => machine.to('connected'), { name: 'InvariantError' });
  assert.equal(machine.state, 'start');
});

function plain(): Uint8Array {
  const pair = new TlsPair({ rewrite: () => null });
  pair.client.start();
  pair.pump();
  return pair.messages[0].bytes;
}

function greased(): Uint8Array {
  return editClientHello(plain(), (hello) => {
    hello.suites = [...GREASE, ...hello.suites, 0xc02f];
    replace(hello, 10, vector(2, codeBytes([...GREASE, 0x11ec, 0x001d, 0x0018])));
    replace(hello, 13, vector(2, codeBytes([...GREASE, 0x0403])));
    replace(hello, 43, vector(1, codeBytes([...GREASE, 0x0304, 0x0303])));
    const shares = [0x0a0a, 0x11ec].map((group) => join(number(group, 2), vector(2, Uint8Array.of(0))));
    const own = hello.extensions.find(([code]) => code === 51);
    assert.ok(own);
    own[1] = vector(2, join(...shares, own[1].subarray(2)));
    const names = ['\x0a\x0a', 'echo'].map((name) =>
      vector(
        1,
        Uint8Array.from(name, (c) => c.charCodeAt(0)),
      ),
    );
    replace(hello, 16, vector(2, join(...names)));
    hello.extensions.push(...GREASE.map((code): [number, Uint8Array] => [code, Uint8Array.of(code & 1)]));
  });
}

function replace(hello: ClientHelloParts, code: number, body: Uint8Array): void {
  const found = hello.extensions.find(([candidate]) => candidate === code);
  assert.ok(found);
  found[1] = body;
}
