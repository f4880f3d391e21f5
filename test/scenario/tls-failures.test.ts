import assert from 'node:assert/strict';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import { writeCrypto } from '../../src/wire/frame-writer.ts';
import { makeTestIdentity, seededIdentity } from '../support/certificates.ts';
import { type PairOptions, TestPair } from '../support/core-pair.ts';
import { sealInitial } from '../support/initial-packets.ts';
import { scenario } from '../support/scenario.ts';

/** Runs until both sides know that the handshake failed, and checks the code on both. */
function fails(options: PairOptions, code: bigint, by: 'client' | 'server'): TestPair {
  const pair = new TestPair(options);
  const known = (): boolean => {
    const [closing, other] = by === 'client' ? [pair.client, pair.server] : [pair.server, pair.client];
    return closing?.closer.local != null && other?.closer.remote != null;
  };
  pair.runUntil(known, 5_000);
  const [closing, other] = by === 'client' ? [pair.client, pair.server] : [pair.server, pair.client];
  assert.equal(closing?.closer.local?.errorCode, code);
  assert.equal(other?.closer.remote?.errorCode, code);
  assert.equal(closing?.closer.local?.isApplication, false);
  assert.equal(closing?.closer.error?.errorCode, code);
  assert.equal(other?.closer.error?.errorCode, code);
  pair.pair.runUntilIdle();
  assert.equal(closing?.state.value, 'closed');
  assert.equal(other?.state.value, 'closed');
  return pair;
}

scenario('C20 RFC 9001 §8.1 no common protocol is no_application_protocol', (seed) => {
  const pair = fails({ seed, client: { alpn: ['something-else'] } }, 0x178n, 'server');
  assert.match(pair.client.closer.error?.message ?? '', /no_application_protocol/);
});

scenario('C23 RFC 8446 §4.1.1 no common cipher suite is handshake_failure', (seed) => {
  fails({ seed, client: { cipherSuites: [0x1303] }, server: { cipherSuites: [0x1301] } }, 0x128n, 'server');
});

scenario('C23 RFC 8446 §4.1.1 no common group is handshake_failure', (seed) => {
  fails({ seed, client: { groups: [0x0017] }, server: { groups: [0x0018] } }, 0x128n, 'server');
});

scenario('C20 RFC 8446 §4.4.3 a signature of another key is decrypt_error', (seed) => {
  const other = makeTestIdentity({ kind: 'ed25519', names: ['other.example'] });
  const identity = {
    certificates: seededIdentity().certificates,
    key: nodeProvider.privateKeyFrom(other.keyPem),
  };
  const pair = fails(
    { seed, server: { answer: { identity, alpn: ['test'], clientCertificate: 'none' } } },
    0x133n,
    'client',
  );
  assert.equal(pair.client.closer.error?.code, 'ERR_QUIC_CERTIFICATE_NOT_PROVED');
});

scenario('C20 RFC 9001 §4.8 a handshake message out of place is unexpected_message', (seed) => {
  const pair = new TestPair({ seed });
  pair.runUntil(() => pair.isEstablished);
  // RFC 9001 §6: TLS KeyUpdate has no place in QUIC.
  pair.client.spaces[2]?.crypto.push(new Uint8Array([24, 0, 0, 1, 0]));
  pair.wake();
  pair.runUntil(() => pair.client.closer.remote !== null);
  assert.equal(pair.client.closer.remote?.errorCode, 0x10an);
});

scenario(
  'C20 RFC 9000 §7.5 handshake bytes without end are CRYPTO_BUFFER_EXCEEDED or a TLS error',
  (seed) => {
    const pair = new TestPair({ seed });
    pair.runUntil(() => pair.isEstablished);
    // A NewSessionTicket that announces 16 MiB.
    const endless = new Uint8Array(200_000);
    endless.set([4, 0xff, 0xff, 0xff]);
    pair.server?.spaces[2]?.crypto.push(endless);
    pair.wake();
    pair.runUntil(() => pair.client.closer.local !== null);
    const code = Number(pair.client.closer.local?.errorCode);
    assert.ok(code === 0x0d || (code >= 0x100 && code < 0x200), `closed with 0x${code.toString(16)}`);
  },
);

scenario(
  'C20 RFC 9001 §4.1.3 handshake bytes that are left when keys change are PROTOCOL_VIOLATION',
  (seed) => {
    const pair = new TestPair({ seed });
    pair.runUntil(() => pair.server !== null);
    // Somebody sees to it that the client holds Initial bytes far behind the ServerHello.
    const forged = sealInitial({
      keyId: pair.client.firstFlight.originalDestinationId,
      sender: 'server',
      destinationId: pair.client.localIds.current,
      sourceId: pair.server?.localIds.current as Uint8Array,
      packetNumber: 50,
      frames: (writer) => writeCrypto(writer, 5_000, new Uint8Array(6_000), 5_000, 5_010),
    });
    const { serverAddress, clientAddress } = pair.pair;
    pair.client.recv(forged, { from: serverAddress, to: clientAddress }, pair.now);
    pair.runUntil(() => pair.client.closer.local !== null);
    assert.equal(pair.client.closer.local?.errorCode, 0x0an);
  },
);

scenario('C20 RFC 9000 §7.4 bad transport parameters of the server close the client', (seed) => {
  const pair = fails({ seed, serverTransport: { ackDelayExponent: 25 } }, 0x08n, 'client');
  assert.equal(pair.client.closer.error?.code, 'ERR_QUIC_TRANSPORT_ERROR');
});

scenario('C20 RFC 9000 §7.4 bad transport parameters of the client close the server', (seed) => {
  fails({ seed, clientTransport: { maxAckDelay: 20_000 } }, 0x08n, 'server');
});

scenario('C92 a failure at 30 % loss still reaches both sides', (first) => {
  for (let seed = first; seed < first + 20; seed++) {
    const link = { delay: 15, loss: 0.3, lossBurst: 3 };
    const pair = new TestPair({
      seed,
      client: { alpn: ['something-else'] },
      clientTransport: { maxIdleTimeout: 10_000 },
      scenario: { toServer: link, toClient: link },
    });
    pair.pair.runUntilIdle();
    assert.equal(pair.client.state.value, 'closed');
    assert.equal(pair.server?.state.value, 'closed');
  }
});
