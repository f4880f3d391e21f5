import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { KeyRing } from '../../../src/crypto/key-ring.ts';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import { seededRandom } from '../../../src/crypto/random.ts';
import { MAX_PENDING_INCOMING } from '../../../src/routing/limits.ts';
import type { Router } from '../../../src/routing/router.ts';
import { SealedTokens } from '../../../src/routing/sealed-tokens.ts';
import {
  CLIENT,
  clientInitial,
  DCID,
  foreignVersion,
  longPacket,
  makeRouter,
  OTHER_CLIENT,
  readRetry,
  route,
  SCID,
  SERVER,
  secret,
  shortPacket,
  WALL,
} from './support.ts';

const ID = Uint8Array.of(0xa0, 1, 2, 3, 4, 5, 6, 7);

/** A router in the middle of things: connections, closed ones, pending, refused and retried ones. */
function busyRouter(): Router<string> {
  const router = makeRouter({ maxPendingIncoming: 100 });
  router.addId(ID, 'a');
  router.addOriginal(new Uint8Array(8).fill(1), CLIENT, 'a');
  router.addResetToken(new Uint8Array(16).fill(0x55), CLIENT, 'a');
  router.closed([new Uint8Array(8).fill(2)], 1e9);
  const decisions = [
    () => {},
    router.refuse.bind(router),
    router.ignore.bind(router),
    (incoming: Parameters<typeof router.retry>[0]) => router.retry(incoming, 0, WALL),
  ];
  for (const [i, decide] of decisions.entries()) {
    const { incoming } = route(router, clientInitial({ dcid: new Uint8Array(8).fill(10 + i) }));
    assert.ok(incoming !== null);
    decide(incoming, 0);
  }
  return router;
}

function seeds(): Uint8Array[] {
  const tokens = new SealedTokens(nodeProvider, seededRandom(1), new KeyRing(secret(2)));
  const { token, scid } = readRetry(
    route(makeRouter({ addressValidation: 'always' }), clientInitial()).reply,
  );
  return [
    clientInitial(),
    clientInitial({ dcid: scid, token }),
    clientInitial({ token: tokens.makeNew({ address: CLIENT, version: 1, wallTime: WALL }) }),
    ...[10, 11, 12, 13].map((i) => clientInitial({ dcid: new Uint8Array(8).fill(i) })),
    longPacket(1),
    longPacket(2),
    longPacket(3),
    longPacket(2, ID),
    shortPacket(ID, 60),
    shortPacket(DCID, 60),
    foreignVersion(0xff00_0001, DCID, SCID),
    foreignVersion(0, DCID, SCID, 64),
  ];
}

/** Throws nothing by itself, has no fault of ours inside, and its answer is small enough. */
function feed(router: Router<string>, packet: Uint8Array, now: number): void {
  const before = packet.slice();
  const { kind, reply, connection, incoming } = route(
    router,
    packet,
    now % 3 === 0 ? OTHER_CLIENT : CLIENT,
    now,
  );
  assert.deepEqual(packet, before);
  assert.equal(kind === 'reply', reply.length > 0);
  assert.ok(reply.length <= 3 * packet.length);
  assert.equal(kind === 'connection', connection !== null);
  assert.equal(kind === 'incoming' || kind === 'pending', incoming !== null);
}

function datagrams(router: Router<string>): number {
  const { counters } = router;
  const sum = (record: Record<string, number>) => Object.values(record).reduce((total, n) => total + n, 0);
  return (
    counters.routed +
    counters.incoming +
    counters.buffered +
    counters.absorbed +
    counters.foreign +
    sum(counters.answers) +
    sum(counters.dropped)
  );
}

describe('hostile datagrams', () => {
  test('L52 any bytes at all are answered, given away or dropped, and counted once', () => {
    const router = busyRouter();
    const before = datagrams(router);
    let fed = 0;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1500 }), fc.boolean(), (bytes, isLong) => {
        if (bytes.length > 0) bytes[0] = isLong ? bytes[0] | 0x80 : bytes[0] & 0x7f;
        feed(router, bytes, fed++);
      }),
      { numRuns: 2000 },
    );
    assert.equal(router.counters.dropped['internal-error'], 0);
    assert.equal(datagrams(router) - before, fed);
  });

  test('20,000 mutated packets of every kind do no harm, and those who belong are still served', () => {
    const router = busyRouter();
    const random = seededRandom('mutations');
    const originals = seeds();
    const before = datagrams(router);
    for (let i = 0; i < 20_000; i++) {
      let packet = originals[random.integer(originals.length)].slice();
      for (let flips = random.integer(4); flips > 0; flips--) {
        // Headers are where decisions are made.
        const reach = random.integer(3) === 0 ? packet.length : Math.min(packet.length, 64);
        packet[random.integer(reach)] = random.integer(3) === 0 ? 0xff : random.integer(256);
      }
      if (random.integer(5) === 0) packet = packet.slice(0, random.integer(packet.length + 1));
      feed(router, packet, i);
    }
    assert.equal(datagrams(router) - before, 20_000);
    assert.equal(router.counters.dropped['internal-error'], 0);
    assert.ok(router.sizes.pending <= 100);
    assert.equal(route(router, shortPacket(ID), CLIENT, 20_000).connection, 'a');
  });

  test('every truncation and every single byte of a first Initial', () => {
    const packet = clientInitial({ token: new Uint8Array(40).fill(3) });
    for (let size = 0; size < packet.length; size++) {
      const router = makeRouter();
      feed(router, packet.slice(0, size), 1);
      assert.equal(router.counters.dropped['internal-error'] + router.counters.incoming, 0);
    }
    for (let at = 0; at < 80; at++) {
      for (const value of [0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff]) {
        const router = makeRouter();
        const changed = packet.slice();
        changed[at] = value;
        feed(router, changed, 1);
        assert.equal(router.counters.dropped['internal-error'], 0);
      }
    }
  });

  test('a flood of good first Initials is bounded in number, and dropped without a word beyond', () => {
    const router = makeRouter();
    const packets = Array.from({ length: MAX_PENDING_INCOMING + 50 }, (_, i) =>
      clientInitial({ dcid: Uint8Array.of(1, 1, 1, 1, 1, 1, i >> 8, i) }),
    );
    for (const packet of packets) router.route(packet, CLIENT, SERVER, 0, WALL);
    assert.equal(router.sizes.pending, MAX_PENDING_INCOMING);
    assert.equal(router.counters.dropped['pending-limit'], 50);
    // Under load the endpoint asks for proof of the address, which costs no room.
    router.addressValidation = 'always';
    assert.equal(route(router, clientInitial(), OTHER_CLIENT).reason, 'retry');
  });
});
