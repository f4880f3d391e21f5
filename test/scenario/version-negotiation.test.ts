import assert from 'node:assert/strict';
import { encodeVersionNegotiation } from '../../src/wire/header.ts';
import { TestPair } from '../support/core-pair.ts';
import { scenario } from '../support/scenario.ts';

const QUIC_V2 = 0x6b3343cf;
const RESERVED = 0x1a2a3a4a;

/** Hands the client a Version Negotiation packet of the server that it asked. */
function answer(
  pair: TestPair,
  versions: number[],
  ids?: { destinationId?: Uint8Array; sourceId?: Uint8Array },
): void {
  const { client } = pair;
  const out = new Uint8Array(200);
  const length = encodeVersionNegotiation(
    out,
    0x3a,
    ids?.destinationId ?? client.localIds.current,
    ids?.sourceId ?? client.firstFlight.originalDestinationId,
    versions,
  );
  const { serverAddress, clientAddress } = pair.pair;
  client.recv(out.slice(0, length), { from: serverAddress, to: clientAddress }, pair.now);
}

scenario('C15 RFC 9000 §6.2 a server without our version ends the attempt, with nothing sent', (seed) => {
  const pair = new TestPair({ seed, accept: () => null });
  pair.pair.run(20);
  const sent = pair.pair.toServer.counters.entered;
  answer(pair, [QUIC_V2, RESERVED]);
  assert.equal(pair.client.state.value, 'closed');
  assert.equal(pair.client.closer.error?.code, 'ERR_QUIC_VERSION_NEGOTIATION');
  assert.equal(pair.client.timeoutAt(), null);
  pair.wake();
  pair.pair.runUntilIdle();
  assert.equal(pair.pair.toServer.counters.entered, sent);
  assert.deepEqual(
    pair.clientEvents.map(({ type }) => type),
    ['closing', 'closed'],
  );
  // Once is enough.
  answer(pair, [QUIC_V2]);
  assert.equal(pair.client.nextEvent(), null);
});

for (const [title, act] of [
  ['that lists the version which was tried', (pair: TestPair) => answer(pair, [1, QUIC_V2])],
  [
    'for another connection id of ours',
    (pair: TestPair) => answer(pair, [QUIC_V2], { destinationId: new Uint8Array(8) }),
  ],
  ['from another id', (pair: TestPair) => answer(pair, [QUIC_V2], { sourceId: new Uint8Array(8) })],
] as const) {
  scenario(`C15 RFC 9000 §6.2 a Version Negotiation packet ${title} is ignored`, (seed) => {
    const pair = new TestPair({ seed });
    pair.pair.run(5);
    act(pair);
    pair.fetch([1000]);
  });
}

scenario('C15 RFC 9000 §6.2 a Version Negotiation packet after any other packet is ignored', (seed) => {
  const pair = new TestPair({ seed });
  pair.runUntil(() => pair.client.spaces[0]?.acks.largest === 0);
  answer(pair, [QUIC_V2]);
  pair.runUntil(() => pair.isEstablished);
  answer(pair, [QUIC_V2]);
  pair.fetch([1000]);
});

scenario('C15 RFC 9000 §6.1 a server ignores Version Negotiation packets', (seed) => {
  const pair = new TestPair({ seed });
  pair.runUntil(() => pair.server !== null);
  const { server } = pair;
  const out = new Uint8Array(200);
  const length = encodeVersionNegotiation(
    out,
    1,
    server?.localIds.current as Uint8Array,
    pair.client.localIds.current,
    [QUIC_V2],
  );
  const { serverAddress, clientAddress } = pair.pair;
  server?.recv(out.slice(0, length), { from: clientAddress, to: serverAddress }, pair.now);
  pair.fetch([1000]);
});
