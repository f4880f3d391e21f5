import assert from 'node:assert/strict';
import type { ConnectionCore } from '../../src/connection/connection.ts';
import { parseDatagrams } from '../../src/connection/datagram-options.ts';
import { KeyRing } from '../../src/crypto/key-ring.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import { seededRandom } from '../../src/crypto/random.ts';
import { decodeSession } from '../../src/tls/session.ts';
import { TicketKeys } from '../../src/tls/ticket-keys.ts';
import { TestPair } from '../support/core-pair.ts';
import { coreIdentity } from '../support/cores.ts';
import { scenario } from '../support/scenario.ts';

const ON = { ...parseDatagrams(true), datagramFates: true };
const WALL_TIME = 1_700_000_000_000;

/** A client that was given a session before tries 0-RTT; what it queues before its first packet goes out early. */
function resumed(seed: number, accept: boolean, onFirst: (client: ConnectionCore) => void): TestPair {
  const tickets = new TicketKeys(nodeProvider, seededRandom(seed), new KeyRing(new Uint8Array(32).fill(3)));
  const pairWith = (sessions: object) =>
    new TestPair({
      seed,
      clientTransport: ON,
      serverTransport: ON,
      client: { sessions: { wallTime: () => WALL_TIME, ...sessions } },
      server: {
        sessions: { wallTime: () => WALL_TIME, tickets },
        answer: { identity: coreIdentity(), alpn: ['test'], clientCertificate: 'none', earlyData: true },
      },
    });
  const first = pairWith({});
  first.runUntil(() => first.clientEvents.some(({ type }) => type === 'session'));
  const given = first.clientEvents.find(({ type }) => type === 'session') as { session: Uint8Array };
  const pair = pairWith({ session: decodeSession(given.session), earlyData: true });
  pair.onServer = (server, now) => {
    if (pair.serverEvents.some(({ type }) => type === 'early-data')) server.answerEarlyData(accept, now);
  };
  onFirst(pair.client);
  return pair;
}

scenario('C60 C64 RFC 9221 §3 a datagram in 0-RTT goes by the limit of the session', (seed) => {
  const pair = resumed(seed, true, (client) => {
    assert.equal(client.earlyData.canSend, true);
    // 1200 bytes less a long header with ids of 8 bytes, packet number, tag, type and length.
    assert.equal(client.datagrams.maxWritableLength, 1200 - (1 + 4 + 1 + 8 + 1 + 8 + 2 + 4) - 16 - 3);
    client.datagrams.send(new Uint8Array(client.datagrams.maxWritableLength as number));
    client.datagrams.send(Uint8Array.of(7));
  });
  pair.runUntil(() => pair.server?.datagrams.receiveQueueLength === 2);
  assert.equal(pair.server?.handshake.isComplete, false);
  pair.runUntil(() => pair.client.datagrams.counters.acknowledged === 2);
});

scenario('C62 RFC 9221 §5 a datagram in 0-RTT that is rejected is lost, and not sent again', (seed) => {
  const pair = resumed(seed, false, (client) => {
    client.datagrams.send(Uint8Array.of(7));
  });
  pair.runUntil(() => pair.isEstablished);
  pair.pair.run(2000);
  assert.deepEqual(pair.client.datagrams.nextNotice(), { id: 0, fate: 'lost' });
  assert.equal(pair.server?.datagrams.counters.received, 0);
  assert.equal(pair.client.datagrams.send(Uint8Array.of(8)), 1);
  pair.wake();
  pair.runUntil(() => pair.client.datagrams.counters.acknowledged === 1);
});
