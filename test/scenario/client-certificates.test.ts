import assert from 'node:assert/strict';
import type { ConnectionConfig, Identity } from '../../src/connection/config.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import { quicError } from '../../src/errors.ts';
import { makeChain, makeTestIdentity, seededIdentity, type TestIdentity } from '../support/certificates.ts';
import { TestPair } from '../support/core-pair.ts';
import { scenario } from '../support/scenario.ts';

const identityOf = ({ certificates, keyPem }: TestIdentity): Identity => ({
  certificates,
  key: nodeProvider.privateKeyFrom(keyPem),
});

function pairWith(
  seed: number,
  clientCertificate: 'none' | 'request' | 'require',
  identity: TestIdentity | null,
  accept = true,
): TestPair {
  const client: Partial<ConnectionConfig> = identity === null ? {} : { identity: identityOf(identity) };
  const pair = new TestPair({
    seed,
    client,
    server: { answer: { identity: identityOf(seededIdentity()), alpn: ['test'], clientCertificate } },
  });
  pair.onServer = (server, now) => {
    const event = pair.serverEvents.find(({ type }) => type === 'verify');
    if (event?.type !== 'verify' || server.handshake.isComplete || !server.state.isOpen) return;
    const error = quicError('ERR_QUIC_CERTIFICATE_EXPIRED');
    server.answerVerification(accept ? null : { alert: 45, error }, now);
  };
  return pair;
}

for (const mode of ['request', 'require'] as const) {
  for (const kind of ['ec-p256', 'ec-p384', 'rsa', 'ed25519'] as const) {
    scenario(`C22 L55 a ${kind} client certificate where the server says ${mode}`, (seed) => {
      const identity = makeTestIdentity({ kind, names: ['client.example'] });
      const pair = pairWith(seed, mode, identity);
      pair.fetch([1000]);
      assert.deepEqual(pair.server?.handshake.engine.peerCertificates, identity.certificates);
      assert.equal(pair.serverEvents.filter(({ type }) => type === 'verify').length, 1);
    });
  }
}

scenario(
  'C22 L55 without a certificate an optional request is no obstacle, and nothing is verified',
  (seed) => {
    const pair = pairWith(seed, 'request', null);
    pair.fetch([1000]);
    assert.deepEqual(pair.server?.handshake.engine.peerCertificates, []);
    assert.equal(
      pair.serverEvents.some(({ type }) => type === 'verify'),
      false,
    );
  },
);

scenario(
  'C22 L55 RFC 8446 §4.4.2.4 a required certificate that is missing is certificate_required',
  (seed) => {
    const pair = pairWith(seed, 'require', null);
    pair.runUntil(() => pair.client.closer.remote !== null);
    assert.equal(pair.client.closer.remote?.errorCode, 0x174n);
    assert.equal(pair.server?.closer.local?.errorCode, 0x174n);
    assert.equal(pair.client.closer.error?.code, 'ERR_QUIC_TLS_FAIL');
    pair.pair.runUntilIdle();
  },
);

scenario('C22 a client that has a certificate does not send it unasked', (seed) => {
  const pair = pairWith(seed, 'none', makeTestIdentity());
  pair.fetch([1000]);
  assert.deepEqual(pair.server?.handshake.engine.peerCertificates, []);
});

scenario('C22 a client chain of several certificates arrives in order', (seed) => {
  const chain = makeChain({ intermediates: 3, names: ['client.example'], size: 1500 });
  const pair = pairWith(seed, 'require', chain);
  pair.fetch([1000]);
  assert.deepEqual(pair.server?.handshake.engine.peerCertificates, chain.certificates);
});

scenario('C22 L54 a client certificate that the server refuses ends both sides with its alert', (seed) => {
  const pair = pairWith(seed, 'require', makeTestIdentity(), false);
  pair.runUntil(() => pair.client.closer.remote !== null);
  assert.equal(pair.client.closer.remote?.errorCode, 0x12dn);
  assert.equal(pair.server?.closer.error?.code, 'ERR_QUIC_CERTIFICATE_EXPIRED');
  // The client had its side of the handshake complete before it heard.
  assert.ok(pair.clientEvents.some(({ type }) => type === 'established'));
  assert.equal(
    pair.clientEvents.some(({ type }) => type === 'confirmed'),
    false,
  );
  pair.pair.runUntilIdle();
});
