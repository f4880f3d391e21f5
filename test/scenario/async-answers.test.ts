import assert from 'node:assert/strict';
import type { ServerAnswer } from '../../src/connection/config.ts';
import type { ConnectionCore } from '../../src/connection/connection.ts';
import type { ConnectionEvent } from '../../src/connection/events.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import { quicError } from '../../src/errors.ts';
import { makeTestIdentity, seededIdentity } from '../support/certificates.ts';
import { TestPair } from '../support/core-pair.ts';
import { scenario } from '../support/scenario.ts';

function answerOf(identity = seededIdentity()): ServerAnswer {
  return {
    identity: {
      certificates: identity.certificates,
      key: nodeProvider.privateKeyFrom(identity.keyPem),
    },
    alpn: ['test'],
    clientCertificate: 'none',
  };
}

const has = (events: ConnectionEvent[], type: ConnectionEvent['type']): boolean =>
  events.some((event) => event.type === type);

/** A pair whose server answers the ClientHello so many virtual ms later. */
function slowServer(seed: number, after: number, answer: ServerAnswer | null, options = {}): TestPair {
  const pair = new TestPair({ seed, server: { answer: undefined }, ...options });
  let asked = false;
  pair.onServer = (server) => {
    if (asked || !has(pair.serverEvents, 'client-hello')) return;
    asked = true;
    pair.pair.clock.schedule(pair.now + after, () => {
      server.answerClientHello(answer, pair.now);
      pair.wake();
    });
  };
  return pair;
}

scenario('C20 L25 the ClientHello is an event with what the client asked for', (seed) => {
  const pair = slowServer(seed, 0, answerOf(), { client: { alpn: ['other', 'test'] } });
  pair.runUntil(() => has(pair.serverEvents, 'client-hello'));
  const event = pair.serverEvents.find(({ type }) => type === 'client-hello');
  assert.ok(event?.type === 'client-hello');
  assert.equal(event.hello.serverName, 'localhost');
  assert.deepEqual(event.hello.alpn, ['other', 'test']);
  assert.deepEqual(event.hello.cipherSuites, [0x1303, 0x1301, 0x1302]);
  pair.fetch([1000]);
});

scenario(
  'C20 an identity that comes 3 s late: probes are answered meanwhile, the handshake goes on',
  (seed) => {
    const pair = slowServer(seed, 3_000, answerOf());
    pair.runUntil(() => has(pair.serverEvents, 'client-hello'));
    // The client hears that its Initial came, and stops repeating it but for probes (RFC 9002 §6.2.2.1).
    pair.runUntil(() => pair.client.recovery.largestAcked(0) >= 0);
    assert.ok(pair.now < 100, `acknowledged after ${pair.now} ms`);
    pair.pair.run(2_900);
    assert.equal(pair.client.state.value, 'handshaking');
    assert.ok(pair.pair.toServer.counters.entered < 12, `${pair.pair.toServer.counters.entered} datagrams`);
    pair.fetch([1000]);
    assert.ok(pair.now < 3_200, `took ${pair.now} ms`);
  },
);

scenario(
  'C20 an identity answer brings transport parameters, limits and congestion control of its own',
  (seed) => {
    const answer: ServerAnswer = {
      ...answerOf(),
      transport: {
        initialMaxData: 55_555,
        initialMaxStreamsBidi: 7,
        initialMaxStreamDataBidiRemote: 4_444,
        maxIdleTimeout: 9_000,
        congestionControl: 'reno',
        maxAckDelay: 11,
      },
    };
    const pair = slowServer(seed, 50, answer);
    pair.fetch([200_000]);
    const { client, server } = pair;
    assert.equal(client.remoteParameters.initialMaxData, 55_555);
    assert.equal(client.remoteParameters.initialMaxStreamsBidi, 7);
    assert.equal(client.remoteParameters.initialMaxStreamDataBidiRemote, 4_444);
    assert.equal(client.remoteParameters.maxAckDelay, 11);
    assert.equal(server?.streams.limits.maxStreamsBidi, 7);
    assert.equal(server?.paths.active.recovery.congestion.name, 'reno');
    // What the client said is not forgotten over it.
    assert.equal(server?.streams.limits.peerMaxStreamsBidi, 100);
    assert.equal(server?.idle.timeout, 9_000);
    assert.equal(client.idle.timeout, 9_000);
  },
);

scenario('C54 streams of the server can be opened after an answer with limits of its own', (seed) => {
  const pair = slowServer(seed, 50, { ...answerOf(), transport: { initialMaxData: 100_000 } });
  pair.runUntil(() => pair.isEstablished);
  const id = pair.server?.streams.openStream('uni') as number;
  pair.serverApp?.write(id, 50_000);
  pair.wake();
  pair.runUntil(() => pair.clientApp.received.get(id)?.fin === true);
  assert.equal(pair.clientApp.received.get(id)?.intact, true);
});

scenario('L25 RFC 6066 §3 a name that nobody serves is refused with unrecognized_name', (seed) => {
  const pair = slowServer(seed, 100, null);
  pair.runUntil(() => pair.client.closer.remote !== null);
  assert.equal(pair.client.closer.remote?.errorCode, 0x170n);
  assert.equal(pair.server?.closer.local?.errorCode, 0x170n);
  pair.pair.runUntilIdle();
});

scenario('C20 an answer after the close is ignored', (seed) => {
  const pair = slowServer(seed, 500, answerOf());
  pair.runUntil(() => has(pair.serverEvents, 'client-hello'));
  pair.client.close(false, 0, '', pair.now);
  pair.wake();
  pair.runUntil(() => pair.server?.state.value === 'draining');
  pair.pair.run(1_000);
  assert.equal(pair.server?.state.value === 'established', false);
  pair.pair.runUntilIdle();
  assert.equal(has(pair.serverEvents, 'established'), false);
});

scenario('C20 a handshake deadline goes on while an answer is awaited', (seed) => {
  const pair = slowServer(seed, 10_000, answerOf(), {
    server: { answer: undefined, handshakeTimeout: 2_000 },
  });
  pair.runUntil(() => pair.server?.state.value === 'closed');
  assert.equal(pair.server?.closer.error?.code, 'ERR_QUIC_HANDSHAKE_TIMEOUT');
  assert.ok(pair.now < 2_100);
});

/** A client that answers the question about the server's certificate so many ms later. */
function slowClient(seed: number, after: number, accept: boolean): TestPair {
  const pair = new TestPair({ seed, client: { verifyPeer: true } });
  let asked = false;
  pair.onClient = (client: ConnectionCore) => {
    if (asked || !has(pair.clientEvents, 'verify')) return;
    asked = true;
    const refusal = { alert: 48, error: quicError('ERR_QUIC_CERTIFICATE_UNKNOWN_ISSUER') };
    pair.pair.clock.schedule(pair.now + after, () => {
      client.answerVerification(accept ? null : refusal, pair.now);
      pair.wake();
    });
  };
  return pair;
}

scenario(
  'C21 verification is an event with the chain and the name; nothing is sent before the answer',
  (seed) => {
    const pair = slowClient(seed, 0, true);
    pair.runUntil(() => has(pair.clientEvents, 'verify'));
    const event = pair.clientEvents.find(({ type }) => type === 'verify');
    assert.ok(event?.type === 'verify');
    assert.deepEqual(event.certificates, seededIdentity().certificates);
    assert.equal(event.serverName, 'localhost');
    pair.runUntil(() => pair.isEstablished);
    assert.deepEqual(pair.client.handshake.engine.peerCertificates, seededIdentity().certificates);
  },
);

scenario('C21 a verification that takes 2 s: packets are acknowledged and kept meanwhile', (seed) => {
  const pair = slowClient(seed, 2_000, true);
  pair.runUntil(() => has(pair.clientEvents, 'verify'));
  pair.pair.run(300);
  assert.equal(pair.server?.recovery.hasInFlight(1), false, 'the server knows that its flight came');
  const sent = pair.pair.toClient.counters.entered;
  pair.pair.run(1_600);
  assert.ok(pair.pair.toClient.counters.entered - sent < 8, 'the server repeats nothing but probes');
  assert.equal(pair.client.state.value, 'handshaking');
  const before = pair.now;
  pair.runUntil(() => pair.isEstablished);
  assert.ok(pair.now - before < 250, `${pair.now - before} ms after the answer`);
});

scenario('C21 data that the server sends during the verification arrive after it', (seed) => {
  const pair = slowClient(seed, 1_000, true);
  pair.runUntil(() => has(pair.clientEvents, 'verify'));
  // The server may send before the client's Finished (RFC 9001 §5.7).
  const id = pair.server?.streams.openStream('uni') as number;
  pair.serverApp?.write(id, 3_000);
  pair.wake();
  pair.pair.run(500);
  assert.equal(pair.clientApp.received.size, 0);
  pair.runUntil(() => pair.clientApp.received.get(id)?.fin === true);
  assert.equal(pair.clientApp.received.get(id)?.intact, true);
});

scenario(
  'C21 C92 a refused certificate: both sides end with the alert, the client with its reason',
  (seed) => {
    const pair = slowClient(seed, 200, false);
    pair.runUntil(() => pair.server?.closer.remote != null && pair.client.closer.local !== null);
    assert.equal(pair.server?.closer.remote?.errorCode, 0x130n);
    assert.equal(pair.client.closer.error?.code, 'ERR_QUIC_CERTIFICATE_UNKNOWN_ISSUER');
    pair.pair.runUntilIdle();
  },
);

scenario('C22 a client certificate that is verified late', (seed) => {
  const identity = makeTestIdentity({ kind: 'ed25519', names: ['client.example'] });
  const pair = new TestPair({
    seed,
    client: {
      identity: {
        certificates: identity.certificates,
        key: nodeProvider.privateKeyFrom(identity.keyPem),
      },
    },
    server: { answer: { ...answerOf(), clientCertificate: 'require' } },
  });
  let asked = false;
  pair.onServer = (server) => {
    if (asked || !has(pair.serverEvents, 'verify')) return;
    asked = true;
    pair.pair.clock.schedule(pair.now + 700, () => {
      server.answerVerification(null, pair.now);
      pair.wake();
    });
  };
  pair.fetch([1000]);
  assert.ok(pair.now > 700 && pair.now < 1_000, `took ${pair.now} ms`);
  assert.deepEqual(pair.server?.handshake.engine.peerCertificates, identity.certificates);
});
