import assert from 'node:assert/strict';
import { seededRandom } from '../../src/crypto/random.ts';
import { concat } from '../../src/util/bytes.ts';
import { writeCrypto } from '../../src/wire/frame-writer.ts';
import { TestPair } from '../support/core-pair.ts';
import { openInitial, sealInitial } from '../support/initial-packets.ts';
import { scenario, seeds, withSeed } from '../support/scenario.ts';

/** So many protocols that the ClientHello needs several datagrams. */
const MANY = [...Array.from({ length: 120 }, (_, i) => `a-protocol-with-a-long-name-${i}`), 'test'];

scenario('C20 RFC 9001 §4.3 a ClientHello spread over several Initials', (seed) => {
  const pair = new TestPair({ seed, client: { alpn: MANY } });
  const keyId = pair.client.firstFlight.originalDestinationId;
  const pieces: number[] = [];
  pair.pair.network.tap(({ kind, link, bytes }) => {
    if (kind !== 'sent' || link !== 'client>server') return;
    for (const { length } of openInitial(bytes, keyId, 'client')?.crypto ?? []) pieces.push(length);
  });
  pair.fetch([1000]);
  assert.ok(pieces.length >= 3, `in ${pieces.length} pieces`);
  assert.ok(pair.now < 80, `took ${pair.now} ms: nothing was sent twice`);
  assert.equal(pair.server?.handshake.engine.alpn, 'test');
});

scenario('C20 RFC 9000 §7.5 the pieces of a ClientHello come in any order, some twice', (first) => {
  for (let seed = first; seed < first + 20; seed++) {
    withSeed(seed, () => {
      const link = { delay: 15, reordering: 0.5, reorderDelay: 8, duplication: 0.3, duplicateDelay: 2 };
      const pair = new TestPair({
        seed,
        client: { alpn: MANY },
        scenario: { toServer: link, toClient: { delay: 15 } },
      });
      pair.fetch([1000]);
      assert.ok(pair.now < 120, `took ${pair.now} ms`);
    });
  }
});

scenario('C20 a ClientHello spread over Initials survives loss', () => {
  for (const seed of seeds().slice(0, 20)) {
    withSeed(seed, () => {
      const link = { delay: 15, loss: 0.3, lossBurst: 3 };
      const pair = new TestPair({
        seed,
        client: { alpn: MANY },
        scenario: { toServer: link, toClient: link },
      });
      pair.fetch([1000]);
    });
  }
});

scenario('C20 RFC 9000 §19.6 CRYPTO frames may be split anywhere and overlap', (seed) => {
  // A stranger's Initials to the server: the client's own hello, cut up at random.
  const hello: Uint8Array[] = [];
  const source = new TestPair({ seed, accept: () => null });
  const keyId = source.client.firstFlight.originalDestinationId;
  const sourceId = source.client.localIds.current;
  const pieces: Uint8Array[] = [];
  source.pair.network.tap((event) => {
    if (event.kind !== 'sent') return;
    for (const { data } of openInitial(event.bytes, keyId, 'client')?.crypto ?? []) pieces.push(data);
  });
  source.pair.run(0);
  const bytes = concat(pieces);
  assert.ok(bytes.length > 200);
  const random = seededRandom(`${seed} cuts`);
  const cuts: [number, number][] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + 1 + random.integer(40));
    // Up to ten bytes that the piece before had, too.
    cuts.push([Math.max(0, at - random.integer(10)), end]);
    at = end;
  }
  cuts.sort(() => random.float() - 0.5);
  for (const [index, [from, to]] of cuts.entries()) {
    hello.push(
      sealInitial({
        keyId,
        sender: 'client',
        destinationId: keyId,
        sourceId,
        packetNumber: index,
        frames: (writer) => writeCrypto(writer, from, bytes, from, to),
      }),
    );
  }
  const pair = new TestPair({ seed });
  const { network, clientHost, clientAddress, serverAddress } = pair.pair;
  pair.pair.client.close();
  for (const each of hello)
    network.transmit(clientHost, clientAddress, serverAddress, each, 0, each.length, 0);
  pair.pair.run(2000);
  assert.equal(pair.server?.handshake.engine.alpn, 'test');
  assert.deepEqual(pair.pair.server.errors, []);
});
