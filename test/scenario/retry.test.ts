import assert from 'node:assert/strict';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import { seededRandom } from '../../src/crypto/random.ts';
import { writeRetry } from '../../src/routing/stateless-answers.ts';
import { PacketType } from '../../src/wire/packet-type.ts';
import { VERSION_1 } from '../../src/wire/versions.ts';
import { type FirstDatagram, type PairOptions, TestPair } from '../support/core-pair.ts';
import { type InitialPacket, openInitial } from '../support/initial-packets.ts';
import { scenario } from '../support/scenario.ts';

const TOKEN = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
const RETRY_ID = new Uint8Array([9, 9, 9, 9, 9, 9, 9, 9]);

/** A pair whose server answers an Initial without a token with a Retry, and keeps nothing. */
class RetryPair extends TestPair {
  retries = 0;
  /** Each Retry that was sent, and what it answered. */
  readonly answered: FirstDatagram[] = [];

  constructor(options: PairOptions, change: (retry: Uint8Array) => void = () => {}) {
    const random = seededRandom(`${options.seed} retry`);
    let pair: RetryPair | null = null;
    super({
      accept: (first) => {
        if (first.token.length > 0) {
          const originalDestinationId = pair?.answered[0]?.destinationId ?? null;
          return { originalDestinationId, retrySourceId: RETRY_ID, addressValidated: true };
        }
        pair?.sendRetry(first, random, change);
        return null;
      },
      ...options,
    });
    pair = this;
  }

  sendRetry(
    first: FirstDatagram,
    random: ReturnType<typeof seededRandom>,
    change: (retry: Uint8Array) => void,
    retrySourceId: Uint8Array = RETRY_ID,
  ): void {
    const out = new Uint8Array(1200);
    const ids = {
      clientSourceId: first.sourceId,
      originalDestinationId: first.destinationId,
      retrySourceId,
      token: TOKEN,
    };
    const length = writeRetry(out, nodeProvider, VERSION_1, ids, random);
    const retry = out.subarray(0, length);
    change(retry);
    this.retries++;
    this.answered.push(first);
    const { network, serverHost } = this.pair;
    network.transmit(serverHost, first.to, first.from, retry, 0, length, 0);
  }
}

/** Initials of the client, before and after the Retry. */
function watchInitials(pair: TestPair): InitialPacket[] {
  const seen: InitialPacket[] = [];
  const first = pair.client.firstFlight.originalDestinationId;
  pair.pair.network.tap((event) => {
    if (event.kind !== 'sent' || event.link !== 'client>server') return;
    const initial = openInitial(event.bytes, first, 'client') ?? openInitial(event.bytes, RETRY_ID, 'client');
    if (initial !== null) seen.push(initial);
  });
  return seen;
}

scenario('C14 RFC 9000 §17.2.5.3 retry: the token comes back and packet numbers go on', (seed) => {
  const pair = new RetryPair({ seed });
  const initials = watchInitials(pair);
  pair.fetch([10 * 1024]);
  assert.equal(pair.retries, 1);
  assert.deepEqual(pair.client.firstFlight.retrySourceId, RETRY_ID);
  const [before, ...after] = initials;
  assert.equal(before?.token.length, 0);
  assert.ok(after.length > 0);
  let last = before?.packetNumber as number;
  for (const { token, packetNumber, destinationId } of after) {
    assert.deepEqual(token, TOKEN);
    assert.ok(packetNumber > last, `packet ${packetNumber} after ${last}`);
    last = packetNumber;
    if (destinationId.length > 0) assert.notDeepEqual(destinationId, before?.destinationId);
  }
  // The whole ClientHello again, from its first byte.
  assert.equal(after[0]?.crypto[0]?.offset, 0);
  pair.close();
});

scenario(
  'C14 RFC 9000 §8.1.2 a token validates the address: the server may send more than 3 times',
  (seed) => {
    const pair = new RetryPair({ seed });
    pair.runUntil(() => pair.server !== null);
    assert.equal(pair.server?.paths.active.addressValidated, true);
    pair.runUntil(() => pair.isEstablished);
  },
);

scenario('C14 RFC 9000 §17.2.5.2 a Retry with a wrong integrity tag is ignored', (seed) => {
  const pair = new RetryPair({ seed }, (retry) => {
    retry[retry.length - 1] ^= 1;
  });
  pair.pair.run(1500);
  assert.ok(pair.retries >= 2, 'the client tried again');
  assert.equal(pair.client.firstFlight.retrySourceId, null);
  assert.equal(pair.client.state.value, 'handshaking');
  assert.equal(pair.server, null);
});

scenario('C14 RFC 9000 §17.2.5.1 a Retry that names the id which the client made up is ignored', (seed) => {
  const pair = new RetryPair({ seed, accept: () => null });
  const seen: FirstDatagram = {
    datagram: new Uint8Array(0),
    from: pair.pair.clientAddress,
    to: pair.pair.serverAddress,
    destinationId: pair.client.firstFlight.originalDestinationId,
    sourceId: pair.client.localIds.current,
    token: new Uint8Array(0),
  };
  pair.pair.run(1);
  pair.sendRetry(seen, seededRandom(seed), () => {}, seen.destinationId);
  pair.pair.run(100);
  assert.equal(pair.client.firstFlight.retrySourceId, null);
});

scenario('C14 RFC 9000 §17.2.5.2 only the first Retry counts', (seed) => {
  const pair = new RetryPair({ seed });
  pair.runUntil(() => pair.retries === 1);
  const [first] = pair.answered;
  // The same again, in time for the client to see both before the server's Initial.
  pair.sendRetry(first as FirstDatagram, seededRandom('again'), () => {});
  const initials = watchInitials(pair);
  pair.fetch([1000]);
  const hellos = initials.filter(({ crypto }) => crypto.some(({ offset }) => offset === 0));
  assert.equal(hellos.length, 1);
});

scenario('C14 RFC 9000 §17.2.5.2 a Retry after the server answered is ignored', (seed) => {
  const pair = new TestPair({ seed });
  const { client } = pair;
  pair.runUntil(() => client.spaces[0]?.acks.largest === 0);
  const out = new Uint8Array(200);
  const ids = {
    clientSourceId: client.localIds.current,
    originalDestinationId: client.firstFlight.originalDestinationId,
    retrySourceId: RETRY_ID,
    token: TOKEN,
  };
  const length = writeRetry(out, nodeProvider, VERSION_1, ids, seededRandom(seed));
  assert.equal((out[0] & 0x30) >> 4, PacketType.RETRY);
  const { clientAddress, serverAddress } = pair.pair;
  client.recv(out.subarray(0, length), { from: serverAddress, to: clientAddress }, pair.now);
  assert.equal(client.firstFlight.retrySourceId, null);
  pair.runUntil(() => pair.isEstablished);
});

scenario('C20 RFC 9000 §7.3 a wrong retry_source_connection_id is refused', (seed) => {
  const pair = new RetryPair({ seed });
  pair.runUntil(() => pair.client.firstFlight.retrySourceId !== null);
  pair.client.firstFlight.retrySourceId = new Uint8Array(8);
  pair.runUntil(() => pair.client.closer.local !== null);
  assert.equal(pair.client.closer.local?.errorCode, 0x08n);
  assert.match(pair.client.closer.local?.reason ?? '', /retry_source_connection_id/);
});

scenario('C20 RFC 9000 §7.3 a server without retry_source_connection_id after a Retry is refused', (seed) => {
  const pair = new TestPair({ seed });
  pair.client.firstFlight.retrySourceId = RETRY_ID;
  pair.runUntil(() => pair.client.closer.local !== null);
  assert.equal(pair.client.closer.local?.errorCode, 0x08n);
  assert.match(pair.client.closer.local?.reason ?? '', /retry_source_connection_id/);
});

scenario('C20 RFC 9000 §7.3 a retry_source_connection_id without a Retry is refused', (seed) => {
  const pair = new RetryPair({ seed });
  pair.runUntil(() => pair.client.firstFlight.retrySourceId !== null);
  pair.client.firstFlight.retrySourceId = null;
  pair.runUntil(() => pair.client.closer.local !== null);
  assert.equal(pair.client.closer.local?.errorCode, 0x08n);
  assert.match(pair.client.closer.local?.reason ?? '', /retry_source_connection_id/);
});

scenario('C20 RFC 9000 §7.3 a wrong original_destination_connection_id is refused', (seed) => {
  const pair = new RetryPair({ seed });
  pair.runUntil(() => pair.retries === 1);
  pair.answered[0] = { ...(pair.answered[0] as FirstDatagram), destinationId: new Uint8Array(8) };
  pair.runUntil(() => pair.client.closer.local !== null);
  assert.equal(pair.client.closer.local?.errorCode, 0x08n);
  assert.match(pair.client.closer.local?.reason ?? '', /original_destination_connection_id/);
});
