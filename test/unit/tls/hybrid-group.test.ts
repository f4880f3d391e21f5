/** X25519MLKEM768 in handshakes, and runtimes that do not have it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import { Alert } from '../../../src/tls/alerts.ts';
import {
  editClientHello,
  editServerHello,
  flipBit,
  keyShare,
  setExtension,
  vector,
} from '../../support/tls-messages.ts';
import { expectAlert, handshake, TlsPair } from '../../support/tls-pair.ts';

const HYBRID = 0x11ec;
const X25519 = 0x1d;
const skip = nodeProvider.groups?.includes(HYBRID) === true ? false : 'this runtime has no ML-KEM';

test('a client that shares the hybrid first and a server that has it agree on it in one round trip', {
  skip,
}, () => {
  const pair = handshake({ client: { groups: [HYBRID] } });
  assert.equal(pair.client.group, HYBRID);
  assert.equal(pair.server.group, HYBRID);
  assert.equal(pair.messages.filter((sent) => sent.type === 1).length, 1);
  assert.equal(groupsOf(pair).length, 1);
});

test('next to the hybrid goes an X25519 share, so that a server without it needs no second hello', {
  skip,
}, () => {
  const client = { groups: [HYBRID, X25519] };
  const older = handshake({ client, server: { groups: [X25519] } });
  assert.equal(older.client.group, X25519);
  assert.deepEqual(groupsOf(older), [HYBRID, X25519]);
  assert.equal(older.messages.filter((sent) => sent.type === 1).length, 1);
  const newer = handshake({ client, server: { groups: [HYBRID, X25519] } });
  assert.equal(newer.client.group, HYBRID);
});

test('a server may ask for the hybrid', { skip }, () => {
  const pair = handshake({ client: { groups: [X25519, HYBRID] }, server: { groups: [HYBRID] } });
  assert.equal(pair.client.group, HYBRID);
  assert.deepEqual(groupsOf(pair), [X25519]);
});

test('neither side uses the hybrid by default where there is something else', () => {
  const pair = handshake();
  assert.equal(pair.client.group, X25519);
  assert.deepEqual(groupsOf(pair), [X25519]);
});

test('a hybrid share of another length, or with an impossible key, is refused', { skip }, () => {
  const shares = [
    keyShare(HYBRID, 1215),
    keyShare(HYBRID, 1217),
    keyShare(HYBRID, 32),
    keyShare(HYBRID, 1216, 0xff),
  ];
  for (const share of shares) {
    expectAlert('server', Alert.ILLEGAL_PARAMETER, {
      client: { groups: [HYBRID] },
      rewrite: (sent) =>
        sent.type === 1
          ? editClientHello(sent.bytes, (hello) => setExtension(hello.extensions, 51, vector(2, share)))
          : undefined,
    });
  }
  expectAlert('client', Alert.ILLEGAL_PARAMETER, {
    client: { groups: [HYBRID] },
    rewrite: (sent) =>
      sent.type === 2
        ? editServerHello(sent.bytes, (hello) => setExtension(hello.extensions, 51, keyShare(HYBRID, 1119)))
        : undefined,
  });
});

test('both halves of the hybrid are in the secret: another ciphertext is found out', { skip }, () => {
  const pair = new TlsPair({
    client: { groups: [HYBRID] },
    rewrite: (sent) =>
      sent.type === 2
        ? editServerHello(sent.bytes, (hello) => {
            const share = hello.extensions.find(([code]) => code === 51);
            if (share !== undefined) share[1] = flipBit(share[1], 100);
          })
        : undefined,
  }).run();
  assert.equal(pair.client.complete, false);
});

test('a provider without the hybrid refuses it by name, and serves who does not insist', () => {
  const { groups, answerShare, ...rest } = nodeProvider;
  assert.ok(groups && answerShare);
  assert.throws(() => new TlsPair({ client: { provider: rest, groups: [HYBRID] } }), {
    code: 'ERR_INVALID_ARG_VALUE',
  });
  const pair = handshake({ client: { provider: rest }, server: { provider: rest } });
  assert.equal(pair.server.group, X25519);
});

/** Groups of the shares in the first hello. */
function groupsOf(pair: TlsPair): number[] {
  const groups: number[] = [];
  editClientHello(pair.messages[0].bytes, (hello) => {
    const body = hello.extensions.find(([code]) => code === 51)?.[1] ?? new Uint8Array(0);
    for (let at = 2; at < body.length; at += 4 + body[at + 2] * 256 + body[at + 3]) {
      groups.push(body[at] * 256 + body[at + 1]);
    }
  });
  return groups;
}
