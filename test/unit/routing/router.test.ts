import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { KeyRing } from '../../../src/crypto/key-ring.ts';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import { seededRandom } from '../../../src/crypto/random.ts';
import { RandomIds } from '../../../src/routing/id-generator.ts';
import { MAX_CLOSING_RECORDS } from '../../../src/routing/limits.ts';
import { QuicLbIds } from '../../../src/routing/quic-lb-ids.ts';
import { ResetTokens } from '../../../src/routing/reset-tokens.ts';
import {
  CLIENT,
  clientInitial,
  DCID,
  longPacket,
  makeRouter,
  OTHER_CLIENT,
  route,
  SERVER,
  secret,
  shortPacket,
} from './support.ts';

const ID = Uint8Array.of(0xa0, 1, 2, 3, 4, 5, 6, 7);
const ID_2 = Uint8Array.of(0xa1, 1, 2, 3, 4, 5, 6, 7);

describe('routing to connections', () => {
  test('L60 short headers are read with our length of ids, long headers with their own', () => {
    const router = makeRouter();
    router.addId(ID, 'a');
    router.addId(ID_2, 'b');
    assert.equal(route(router, shortPacket(ID)).connection, 'a');
    assert.equal(route(router, shortPacket(ID_2)).connection, 'b');
    assert.equal(route(router, longPacket(2, ID)).connection, 'a');
    assert.equal(route(router, longPacket(2, ID_2, 64)).connection, 'b');
    assert.equal(route(router, longPacket(2, ID.subarray(0, 7))).kind, 'drop');
    assert.equal(router.counters.routed, 4);
  });

  test('L60 packets of a connection are given in the same record, from any address', () => {
    const router = makeRouter();
    router.addId(ID, 'a');
    const first = route(router, shortPacket(ID));
    assert.equal(first.kind, 'connection');
    assert.equal(route(router, shortPacket(ID), OTHER_CLIENT), first);
    assert.equal(first.connection, 'a');
    // Nothing of it is left in the next answer.
    route(router, longPacket(2));
    assert.equal(first.connection, null);
  });

  test('L61 added ids lead to the connection, removed ones no more', () => {
    const router = makeRouter();
    router.addId(ID, 'a');
    router.addId(ID_2, 'a');
    router.removeId(ID);
    assert.equal(route(router, longPacket(2, ID)).reason, 'unknown-id');
    assert.equal(route(router, longPacket(2, ID_2)).connection, 'a');
    assert.deepEqual([router.hasId(ID), router.hasId(ID_2)], [false, true]);
  });

  test('L60 ids that clients made up are told apart by the address', () => {
    const router = makeRouter();
    router.addOriginal(DCID, CLIENT, 'a');
    router.addOriginal(DCID, OTHER_CLIENT, 'b');
    assert.equal(route(router, clientInitial()).connection, 'a');
    assert.equal(route(router, clientInitial(), OTHER_CLIENT).connection, 'b');
    assert.equal(route(router, clientInitial(), { ...CLIENT, port: 1 }).kind, 'incoming');
    router.removeOriginal(DCID, CLIENT);
    assert.equal(route(router, clientInitial()).kind, 'incoming');
    assert.equal(route(router, shortPacket(DCID), OTHER_CLIENT).kind, 'reply');
  });

  test('ids from the router are free in its table and carry its reset tokens', () => {
    const router = makeRouter();
    const { connectionId, resetToken } = router.idSource.next();
    assert.deepEqual(
      new ResetTokens(nodeProvider, new KeyRing(secret(1))).tokenFor(connectionId),
      resetToken,
    );
    router.addId(connectionId, 'a');
    assert.throws(
      () => {
        const same = { length: 8, generate: () => connectionId, shardOf: () => 0 };
        const narrow = makeRouter({ ids: same });
        narrow.addId(connectionId, 'a');
        narrow.idSource.next();
      },
      { code: 'ERR_QUIC_OUT_OF_IDENTIFIERS' },
    );
  });
});

describe('closed connections', () => {
  test('L62 late packets are absorbed without an answer until the time is over', () => {
    const router = makeRouter();
    router.addId(ID, 'a');
    router.addId(ID_2, 'a');
    router.addOriginal(DCID, CLIENT, 'a');
    router.closed([ID, ID_2], 300, [{ id: DCID, from: CLIENT }]);
    router.expire(299);
    assert.equal(router.deadline, 300);
    for (const packet of [shortPacket(ID), shortPacket(ID_2), longPacket(2, ID), clientInitial()]) {
      assert.equal(route(router, packet).kind, 'closing');
    }
    assert.equal(router.counters.absorbed, 4);
    router.expire(300);
    assert.equal(router.deadline, Number.POSITIVE_INFINITY);
    assert.deepEqual(router.sizes, {
      ids: 0,
      originals: 0,
      resetTokens: 0,
      pending: 0,
      overtaking: 0,
      decided: 0,
      closing: 0,
    });
    assert.equal(route(router, shortPacket(ID)).reason, 'stateless-reset');
  });

  test('L62 an id that leads elsewhere by then stays there', () => {
    const router = makeRouter();
    router.closed([ID], 100);
    router.addId(ID, 'b');
    router.expire(100);
    assert.equal(route(router, shortPacket(ID)).connection, 'b');
  });

  test('L62 closing records are bounded: the one that ends first goes', () => {
    const router = makeRouter();
    const idOf = (i: number) => Uint8Array.of(0xc0, 0, 0, 0, 0, 0, i >> 8, i);
    for (let i = 0; i <= MAX_CLOSING_RECORDS; i++) router.closed([idOf(i)], i === 5 ? 1 : 1000 + i);
    assert.equal(router.sizes.closing, MAX_CLOSING_RECORDS);
    assert.equal(router.hasId(idOf(5)), false);
    assert.equal(router.hasId(idOf(0)), true);
  });
});

describe('stateless resets', () => {
  test('L76 an unknown short header packet over 21 bytes is answered with the token of its id, in fewer bytes', () => {
    const router = makeRouter();
    const token = new ResetTokens(nodeProvider, new KeyRing(secret(1))).tokenFor(ID);
    for (const size of [22, 30, 43, 44, 1200]) {
      const { kind, reason, reply } = route(router, shortPacket(ID, size));
      assert.deepEqual([kind, reason], ['reply', 'stateless-reset']);
      assert.ok(reply.length < size && reply.length >= 21);
      assert.deepEqual(reply.slice(-16), token);
    }
    for (const size of [0, 1, 20, 21])
      assert.equal(route(router, shortPacket(ID, 21).slice(0, size)).kind, 'drop');
    for (const type of [2, 3] as const) assert.equal(route(router, longPacket(type, ID)).kind, 'drop');
    const noFixedBit = shortPacket(ID);
    noFixedBit[0] = 0x01;
    assert.equal(route(router, noFixedBit).reason, 'fixed-bit');
    assert.equal(route(makeRouter({ statelessReset: false }), shortPacket(ID)).reason, 'unknown-id');
  });

  test('L76 resets are limited', () => {
    const router = makeRouter({ answerLimits: { 'stateless-reset': { perSecond: 1, burst: 2 } } });
    const kinds = [0, 0, 0, 1000].map((now) => route(router, shortPacket(ID), CLIENT, now).kind);
    assert.deepEqual(kinds, ['reply', 'reply', 'drop', 'reply']);
    assert.equal(router.counters.limited['stateless-reset'], 1);
    assert.equal(router.counters.answers['stateless-reset'], 3);
    assert.equal(router.counters.dropped['answer-limited'], 1);
  });

  test('L77 RFC 9000 §10.3.3 two endpoints that are fed with the resets of each other fall silent', () => {
    for (let seed = 0; seed < 20; seed++) {
      const routers = [
        makeRouter({}, seed),
        makeRouter({ resetTokens: new ResetTokens(nodeProvider, new KeyRing(secret(9))) }, -seed),
      ];
      let packet = shortPacket(ID, 1400);
      let count = 0;
      for (; ; count++) {
        assert.ok(count < 100);
        const { kind, reply } = route(routers[count % 2], packet);
        if (kind === 'drop') break;
        assert.ok(reply.length < packet.length);
        packet = reply.slice();
      }
      assert.ok(count > 0);
    }
  });

  test('RFC 9000 §10.3.1 a datagram for no known id that ends with a token of its sender resets the connection', () => {
    const router = makeRouter();
    const token = new Uint8Array(16).fill(0x77);
    router.addResetToken(token, SERVER, 'a');
    router.addResetToken(token, OTHER_CLIENT, 'b');
    for (const head of [shortPacket(ID), longPacket(2), longPacket(2, new Uint8Array(255), 300)]) {
      const reset = Uint8Array.of(...head, ...token);
      const { kind, connection, reason } = route(router, reset, SERVER);
      assert.deepEqual([kind, connection, reason], ['connection', 'a', 'stateless-reset']);
      assert.equal(route(router, reset, OTHER_CLIENT).connection, 'b');
      assert.notEqual(route(router, reset, CLIENT).kind, 'connection');
      assert.notEqual(route(router, head, SERVER).kind, 'connection');
    }
    assert.equal(router.counters.resetsReceived, 6);
    router.removeResetToken(token, SERVER, 'a');
    const reset = Uint8Array.of(...shortPacket(ID), ...token);
    assert.notEqual(route(router, reset, SERVER).kind, 'connection');
    assert.equal(route(router, reset, OTHER_CLIENT).connection, 'b');
    router.removeResetToken(token, OTHER_CLIENT, 'b');
    assert.equal(router.sizes.resetTokens, 0);
  });
});

describe('shards', () => {
  test('L80 an id of another shard is for its owner and never answered, whatever the header', () => {
    const ids = new RandomIds(seededRandom(1), 8, 3);
    const router = makeRouter({ ids, shard: 3 });
    const theirs = new RandomIds(seededRandom(2), 8, 4).generate();
    for (const packet of [shortPacket(theirs, 60), longPacket(2, theirs, 70)]) {
      const { kind, shard } = route(router, packet);
      assert.deepEqual([kind, shard], ['foreign', 4]);
    }
    assert.equal(router.counters.foreign, 2);
    assert.equal(route(router, shortPacket(ids.generate())).kind, 'reply');
    assert.equal(route(router, clientInitial({ dcid: theirs })).kind, 'incoming');
  });

  test('L77 RFC 9000 §21.11 an id that names another server is never answered, one that names ours is', () => {
    for (const key of [undefined, new Uint8Array(16).fill(7)]) {
      const made = (serverId: string) => new QuicLbIds({ serverId, key, nonceLength: 6 }, seededRandom(1));
      const router = makeRouter({ ids: made('01') });
      assert.equal(route(router, shortPacket(made('02').generate())).reason, 'foreign-id');
      assert.equal(route(router, shortPacket(made('01').generate())).kind, 'reply');
      assert.equal(router.counters.dropped['foreign-id'], 1);
    }
  });
});
