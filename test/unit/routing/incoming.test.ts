import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { KeyRing } from '../../../src/crypto/key-ring.ts';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import { seededRandom } from '../../../src/crypto/random.ts';
import { verifyRetry } from '../../../src/crypto/retry-integrity.ts';
import type { Incoming } from '../../../src/routing/incoming.ts';
import {
  DECIDED_INCOMING_LIFETIME,
  MAX_DECIDED_INCOMING,
  MAX_INCOMING_BYTES,
  MAX_INCOMING_DATAGRAMS,
  MAX_OVERTAKING_BYTES,
  MAX_OVERTAKING_CLIENTS,
  MAX_OVERTAKING_DATAGRAMS,
  OVERTAKING_LIFETIME,
  PENDING_INCOMING_LIFETIME,
} from '../../../src/routing/limits.ts';
import type { Router } from '../../../src/routing/router.ts';
import { SealedTokens } from '../../../src/routing/sealed-tokens.ts';
import { bytesKey } from '../../../src/util/bytes.ts';
import { isReservedVersion, VERSION_1, VERSION_2 } from '../../../src/wire/versions.ts';
import {
  CLIENT,
  clientInitial,
  DCID,
  foreignVersion,
  headerOf,
  longPacket,
  makeRouter,
  OTHER_CLIENT,
  readRetry,
  refusalCode,
  route,
  SCID,
  SERVER,
  secret,
  WALL,
} from './support.ts';

function incomingOf(router: Router<string>, packet = clientInitial()): Incoming {
  const { kind, incoming } = route(router, packet);
  if (kind !== 'incoming' || incoming === null) throw new Error(`${kind}`);
  return incoming;
}

describe('what may start a connection', () => {
  test('L52 an Initial in a datagram of 1200 bytes does, with everything known about its client', () => {
    const router = makeRouter();
    const packet = clientInitial();
    const incoming = incomingOf(router, packet);
    assert.equal(incoming.version, VERSION_1);
    assert.deepEqual([incoming.destinationId, incoming.sourceId], [DCID, SCID]);
    assert.deepEqual([incoming.originalDestinationId, incoming.retrySourceId], [DCID, null]);
    assert.deepEqual([incoming.from, incoming.to, incoming.addressValidated], [CLIENT, SERVER, false]);
    assert.deepEqual(incoming.datagrams, [clientInitial()]);
    assert.notEqual(incoming.datagrams[0].buffer, packet.buffer);
    assert.equal(incoming.state, 'pending');
    assert.deepEqual(packet, clientInitial());
  });

  test('L52 nothing else does', () => {
    const router = makeRouter();
    const damaged = clientInitial();
    damaged[600] ^= 1;
    const noFixedBit = clientInitial();
    noFixedBit[0] &= ~0x40;
    const cases: [string, Uint8Array][] = [
      ['small-initial', clientInitial({ size: 1199 })],
      ['short-destination-id', clientInitial({ dcid: DCID.subarray(0, 7) })],
      ['short-destination-id', clientInitial({ dcid: new Uint8Array(0) })],
      ['not-authentic', damaged],
      ['fixed-bit', noFixedBit],
      ['early-zero-rtt', longPacket(1, DCID.subarray(0, 7))],
      ['early-zero-rtt', longPacket(1, new Uint8Array(0))],
      ['early-zero-rtt', longPacket(1, DCID, MAX_OVERTAKING_BYTES + 1)],
      ['unknown-id', longPacket(2)],
      ['unknown-id', longPacket(3)],
      ['malformed', clientInitial().subarray(0, 1199)],
      ['too-small', new Uint8Array(0)],
      ['too-small', Uint8Array.of(0xc0)],
      ['fixed-bit', new Uint8Array(1200)],
      ['too-large', Uint8Array.of(...clientInitial(), ...new Uint8Array(MAX_INCOMING_BYTES))],
    ];
    for (const [reason, packet] of cases) {
      const result = route(router, packet);
      assert.deepEqual([result.kind, result.reason], ['drop', reason]);
    }
    assert.equal(router.sizes.pending, 0);
    assert.equal(router.sizes.overtaking, 0);
    assert.equal(router.counters.dropped['short-destination-id'], 2);
  });

  test('L52 RFC 9000 §5.2.2 0-RTT packets that overtook their Initial begin a connection together with it', () => {
    const router = makeRouter();
    const early = [1, 2].map((fill) => longPacket(1).fill(fill, 1100));
    const others = longPacket(1, new Uint8Array(8).fill(7));
    for (const packet of [...early, others]) {
      const { kind, incoming } = route(router, packet);
      assert.deepEqual([kind, incoming], ['overtaking', null]);
    }
    assert.equal(route(router, longPacket(1), OTHER_CLIENT).kind, 'overtaking');
    assert.deepEqual([router.sizes.overtaking, router.sizes.pending, router.counters.buffered], [3, 0, 4]);
    const incoming = incomingOf(router);
    assert.deepEqual(incoming.datagrams, [clientInitial(), ...early]);
    assert.equal(router.sizes.overtaking, 2);
    // What comes now is kept with the Initial.
    assert.equal(route(router, longPacket(1)).incoming, incoming);
    assert.equal(router.accept(incoming, 0)?.length, 4);
  });

  test('L52 P7 of 0-RTT packets without an Initial few are kept, for a moment, and none where nobody listens', () => {
    const router = makeRouter();
    for (let i = 0; i < MAX_OVERTAKING_DATAGRAMS; i++)
      assert.equal(route(router, longPacket(1)).kind, 'overtaking');
    assert.equal(route(router, longPacket(1)).reason, 'early-zero-rtt');
    for (let i = 0; i < MAX_OVERTAKING_CLIENTS; i++) {
      const dcid = new Uint8Array(8).fill(100).fill(i, 7);
      assert.equal(route(router, longPacket(1, dcid, 3500), CLIENT, 1).kind, 'overtaking');
      assert.equal(route(router, longPacket(1, dcid, 3500), CLIENT, 1).reason, 'early-zero-rtt');
    }
    assert.equal(router.sizes.overtaking, MAX_OVERTAKING_CLIENTS);
    // The first client was forgotten for the latest.
    assert.equal(incomingOf(router).datagrams.length, 1);
    assert.equal(router.deadline, 1 + OVERTAKING_LIFETIME);
    router.expire(OVERTAKING_LIFETIME);
    assert.equal(router.sizes.overtaking, MAX_OVERTAKING_CLIENTS);
    router.expire(1 + OVERTAKING_LIFETIME);
    assert.equal(router.sizes.overtaking, 0);
    router.admission = 'refuse';
    assert.equal(route(router, longPacket(1, new Uint8Array(8))).reason, 'early-zero-rtt');
  });

  test('L50 when too many wait, further ones are dropped silently until one is decided', () => {
    const router = makeRouter({ maxPendingIncoming: 2 });
    const packets = [1, 2, 3].map((i) => clientInitial({ dcid: new Uint8Array(8).fill(i) }));
    const first = incomingOf(router, packets[0]);
    incomingOf(router, packets[1]);
    assert.equal(route(router, packets[2]).reason, 'pending-limit');
    router.accept(first, 0);
    incomingOf(router, packets[2]);
  });

  test('without a listener a first Initial is dropped, or refused, by choice', () => {
    const router = makeRouter({ admission: 'drop' });
    assert.equal(route(router, clientInitial()).reason, 'not-accepting');
    router.admission = 'refuse';
    const packet = clientInitial();
    const { kind, reply } = route(router, packet);
    assert.equal(kind, 'reply');
    assert.equal(refusalCode(reply, DCID), 0x02);
    assert.ok(reply.length < 3 * packet.length);
    const header = headerOf(reply);
    assert.deepEqual(reply.slice(header.dcidStart, header.dcidStart + header.dcidLength), SCID);
    const damaged = clientInitial();
    damaged[1199] ^= 1;
    assert.equal(route(router, damaged).reason, 'not-authentic');
    assert.equal(router.sizes.pending, 0);
  });

  test('10,000 structured ids and one that spells __proto__ are ids like any other', () => {
    const router = makeRouter({ maxPendingIncoming: 20_000 });
    const proto = new TextEncoder().encode('__proto__');
    router.accept(incomingOf(router, clientInitial({ dcid: proto })), 0);
    router.addOriginal(proto, CLIENT, 'p');
    router.addId(proto, 'q');
    assert.equal(route(router, clientInitial({ dcid: proto })).connection, 'q');
    const idOf = (i: number) => Uint8Array.of(0, 0, 0, 0, 0, 0, i >> 8, i & 255);
    for (let i = 0; i < 10_000; i++) router.addOriginal(idOf(i), CLIENT, `${i}`);
    const packet = longPacket(2, idOf(0));
    for (let i = 0; i < 10_000; i++) {
      packet.set(idOf(i), 6);
      assert.equal(route(router, packet).connection, `${i}`);
    }
    assert.equal(Object.keys(Object.prototype).length, 0);
  });
});

describe('decisions about incoming connections', () => {
  test('further datagrams of a pending one are kept, up to a limit, also 0-RTT', () => {
    const router = makeRouter();
    const incoming = incomingOf(router);
    assert.equal(route(router, longPacket(1, DCID, 600)).kind, 'pending');
    assert.equal(route(router, clientInitial({ packetNumber: 1 })).incoming, incoming);
    assert.equal(route(router, clientInitial({ size: 1199 })).reason, 'small-initial');
    while (incoming.datagrams.length < MAX_INCOMING_DATAGRAMS) route(router, clientInitial());
    assert.equal(route(router, clientInitial()).reason, 'incoming-full');
    assert.equal(router.accept(incoming, 0)?.length, MAX_INCOMING_DATAGRAMS);
    const other = incomingOf(router, clientInitial({ dcid: new Uint8Array(8) }));
    while (route(router, clientInitial({ dcid: new Uint8Array(8), size: 6000 })).kind === 'pending');
    const kept = other.datagrams.reduce((sum, datagram) => sum + datagram.length, 0);
    assert.equal(kept, 13_200);
  });

  test('an accepted one hands its datagrams over once and leaves nothing', () => {
    const router = makeRouter();
    const incoming = incomingOf(router);
    assert.deepEqual(router.accept(incoming, 0), [clientInitial()]);
    assert.equal(incoming.state, 'accepted');
    assert.equal(router.accept(incoming, 0), null);
    assert.equal(router.refuse(incoming, 0), null);
    assert.equal(router.retry(incoming, 0, WALL), null);
    router.ignore(incoming, 0);
    assert.equal(incoming.state, 'accepted');
    assert.deepEqual([router.sizes.pending, router.sizes.decided], [0, 0]);
  });

  test('a refused one is told so, again for each copy of its Initial, and forgotten after a while', () => {
    const router = makeRouter();
    const incoming = incomingOf(router);
    const answer = router.refuse(incoming, 0);
    assert.equal(refusalCode(answer ?? new Uint8Array(0), DCID), 0x02);
    assert.deepEqual(route(router, clientInitial()).reply, answer);
    assert.equal(route(router, longPacket(1)).reason, 'decided');
    assert.equal(router.refuse(incoming, 0), null);
    assert.equal(router.deadline, DECIDED_INCOMING_LIFETIME);
    router.expire(DECIDED_INCOMING_LIFETIME);
    assert.equal(router.sizes.decided, 0);
    assert.equal(route(router, clientInitial()).kind, 'incoming');
  });

  test('an ignored one stays ignored', () => {
    const router = makeRouter();
    const incoming = incomingOf(router);
    router.ignore(incoming, 0);
    assert.equal(route(router, clientInitial()).reason, 'decided');
    assert.equal(incoming.datagrams.length, 0);
  });

  test('one that is sent a Retry gets the same again, comes back with its token, and cannot be sent a second', () => {
    const router = makeRouter();
    const incoming = incomingOf(router);
    const answer = router.retry(incoming, 0, WALL) ?? new Uint8Array(0);
    assert.ok(verifyRetry(nodeProvider, VERSION_1, DCID, answer));
    assert.deepEqual(route(router, clientInitial()).reply, answer);
    const { token, scid } = readRetry(answer);
    const back = incomingOf(router, clientInitial({ dcid: scid, token }));
    assert.deepEqual([back.originalDestinationId, back.retrySourceId], [DCID, scid]);
    assert.equal(back.addressValidated, true);
    assert.equal(back.mayRetry, false);
    assert.throws(() => router.retry(back, 0, WALL), { code: 'ERR_QUIC_INVALID_STATE' });
    assert.notEqual(router.accept(back, 0), null);
  });

  test('one that nobody decides about is ignored after a while, and makes room', () => {
    const router = makeRouter({ maxPendingIncoming: 1 });
    const incoming = incomingOf(router);
    assert.equal(router.deadline, PENDING_INCOMING_LIFETIME);
    router.expire(PENDING_INCOMING_LIFETIME);
    assert.equal(incoming.state, 'ignored');
    assert.equal(router.accept(incoming, PENDING_INCOMING_LIFETIME), null);
    assert.equal(route(router, clientInitial(), CLIENT, PENDING_INCOMING_LIFETIME).reason, 'decided');
    incomingOf(router, clientInitial({ dcid: new Uint8Array(8) }));
    router.expire(1e6);
    router.expire(2e6);
    assert.deepEqual([router.sizes.pending, router.sizes.decided], [0, 0]);
    assert.equal(router.deadline, Number.POSITIVE_INFINITY);
  });

  test('remembered decisions are bounded', () => {
    const router = makeRouter();
    for (let i = 0; i < MAX_DECIDED_INCOMING + 10; i++) {
      router.ignore(
        incomingOf(router, clientInitial({ dcid: Uint8Array.of(5, 5, 5, 5, 5, 5, i >> 8, i) })),
        i,
      );
    }
    assert.equal(router.sizes.decided, MAX_DECIDED_INCOMING);
    assert.equal(router.sizes.pending, 0);
  });
});

describe('address validation', () => {
  test('L70 C3 always: a tokenless Initial is answered with a Retry and leaves nothing; never: with none', () => {
    const router = makeRouter({ addressValidation: 'always' });
    const { kind, reason, reply } = route(router, clientInitial());
    assert.deepEqual([kind, reason], ['reply', 'retry']);
    assert.ok(verifyRetry(nodeProvider, VERSION_1, DCID, reply));
    const retry = readRetry(reply);
    assert.deepEqual(retry.dcid, SCID);
    assert.equal(retry.scid.length, 8);
    assert.notDeepEqual(retry.scid, DCID);
    assert.ok(reply.length < 3 * 1200);
    const { ids, originals, pending, decided, closing } = router.sizes;
    assert.deepEqual([ids, originals, pending, decided, closing], [0, 0, 0, 0, 0]);
    assert.equal(route(makeRouter(), clientInitial()).kind, 'incoming');
  });

  test('L71 RFC 9000 §8.1.2 the client that comes back with the token is known by both ids', () => {
    const router = makeRouter({ addressValidation: 'always' });
    const { token, scid } = readRetry(route(router, clientInitial()).reply);
    const { incoming } = route(router, clientInitial({ dcid: scid, token, packetNumber: 1 }));
    assert.deepEqual(incoming?.originalDestinationId, DCID);
    assert.deepEqual(incoming?.retrySourceId, scid);
    assert.deepEqual(incoming?.destinationId, scid);
    assert.equal(incoming?.addressValidated, true);
    assert.equal(router.counters.tokens.valid, 1);
  });

  test('L73 RFC 9000 §8.1.2 a bad Retry token is answered with INVALID_TOKEN, in both modes', () => {
    for (const addressValidation of ['always', 'never'] as const) {
      const router = makeRouter({ addressValidation });
      const { token, scid } = readRetry(
        route(makeRouter({ addressValidation: 'always' }), clientInitial()).reply,
      );
      const packet = clientInitial({ dcid: scid, token });
      const cases = [
        () => route(router, packet, OTHER_CLIENT),
        () => route(router, packet, { ...CLIENT, port: 1 }),
        () => route(router, packet, CLIENT, 10_001),
        () => route(router, clientInitial({ dcid: scid, token: token.subarray(0, 20) })),
        () => route(router, clientInitial({ dcid: new Uint8Array(8).fill(3), token })),
      ];
      for (const [i, run] of cases.entries()) {
        const { kind, reply } = run();
        assert.equal(kind, 'reply');
        assert.equal(refusalCode(reply, i === 4 ? new Uint8Array(8).fill(3) : scid), 0x0b);
      }
      assert.equal(router.counters.tokens.invalidRetry, cases.length);
      assert.equal(router.sizes.pending, 0);
      assert.equal(route(router, packet).kind, 'incoming');
    }
  });

  test('L72 L73 a token of an earlier connection skips the Retry; a bad one counts as none', () => {
    const tokens = new SealedTokens(nodeProvider, seededRandom(9), new KeyRing(secret(2)));
    const router = makeRouter({ addressValidation: 'always' });
    const token = tokens.makeNew({ address: CLIENT, version: 1, wallTime: WALL });
    assert.equal(route(router, clientInitial({ token }), OTHER_CLIENT).reason, 'retry');
    const bad = token.slice();
    bad[30] ^= 1;
    for (const useless of [bad, Uint8Array.of(1), new Uint8Array(1000)]) {
      assert.equal(route(router, clientInitial({ token: useless, size: 1400 })).reason, 'retry');
    }
    const { incoming } = route(router, clientInitial({ token }), { ...CLIENT, port: 9 });
    assert.equal(incoming?.addressValidated, true);
    assert.equal(incoming?.retrySourceId, null);
    assert.deepEqual(incoming?.token, token);
    assert.deepEqual(router.counters.tokens, { valid: 1, invalidRetry: 0, ignored: 4 });
    const never = makeRouter();
    assert.equal(route(never, clientInitial({ token: bad })).incoming?.addressValidated, false);
  });

  test('L74 a token provider of the application is asked; one that throws counts as no token', () => {
    const tokens = {
      makeRetry: () => new Uint8Array(40).fill(1),
      makeNew: () => new Uint8Array(0),
      open: (token: Uint8Array) => {
        if (token[0] === 1) return { kind: 'new' as const };
        throw new Error('mine');
      },
    };
    const router = makeRouter({ tokens, addressValidation: 'always' });
    assert.deepEqual(readRetry(route(router, clientInitial()).reply).token, tokens.makeRetry());
    assert.equal(route(router, clientInitial({ token: Uint8Array.of(2) })).reason, 'retry');
    assert.equal(route(router, clientInitial({ token: Uint8Array.of(1) })).kind, 'incoming');
  });

  test('Retries are limited, and their ids never repeat', () => {
    const router = makeRouter({
      addressValidation: 'always',
      answerLimits: { retry: { perSecond: 0, burst: 50 } },
    });
    const ids = new Set<string>();
    for (let i = 0; i < 50; i++) ids.add(bytesKey(readRetry(route(router, clientInitial()).reply).scid));
    assert.equal(ids.size, 50);
    assert.equal(route(router, clientInitial()).reason, 'answer-limited');
    assert.equal(router.counters.limited.retry, 1);
  });
});

describe('Version Negotiation', () => {
  test('L75 C3 RFC 9000 §6.1 an unknown version in 1200 bytes gets our versions, the ids swapped, and one reserved number', () => {
    const router = makeRouter({ versions: [VERSION_1.version, VERSION_2.version] });
    const dcid = new Uint8Array(255).fill(1);
    const scid = new Uint8Array(30).fill(2);
    for (let i = 0; i < 200; i++) {
      const { kind, reason, reply } = route(router, foreignVersion(0x1a2a3a4a, dcid, scid));
      assert.deepEqual([kind, reason], ['reply', 'version-negotiation']);
      const header = headerOf(reply);
      assert.equal(header.version, 0);
      assert.deepEqual(reply.slice(header.dcidStart, header.dcidStart + header.dcidLength), scid);
      assert.deepEqual(reply.slice(header.scidStart, header.scidStart + header.scidLength), dcid);
      const view = new DataView(reply.buffer, reply.byteOffset + header.tokenStart, header.tokenLength);
      const versions = [0, 4, 8].map((at) => view.getUint32(at));
      assert.equal(header.tokenLength, 12);
      const reserved = versions.filter(isReservedVersion);
      assert.equal(reserved.length, 1);
      assert.notEqual(reserved[0], 0x1a2a3a4a);
      assert.deepEqual(
        versions.filter((version) => !isReservedVersion(version)),
        [VERSION_1.version, VERSION_2.version],
      );
    }
  });

  test('L75 never in answer to itself, to small datagrams, to broken ids, or without a listener; and limited', () => {
    const router = makeRouter({ answerLimits: { 'version-negotiation': { perSecond: 0, burst: 1 } } });
    const unknown = foreignVersion(0xff00_0001, DCID, SCID);
    assert.equal(
      route(router, foreignVersion(0xff00_0001, DCID, SCID, 1199)).reason,
      'small-unknown-version',
    );
    assert.equal(route(router, foreignVersion(0, DCID, SCID)).reason, 'version-negotiation');
    const broken = foreignVersion(0xff00_0001, DCID, SCID);
    broken[5] = 255;
    broken[261] = 255;
    const { kind, reply } = route(router, broken);
    assert.equal(kind, 'reply');
    assert.equal(route(makeRouter(), reply.slice()).reason, 'version-negotiation');
    assert.equal(route(router, unknown).reason, 'answer-limited');
    assert.equal(route(makeRouter({ admission: 'drop' }), unknown).reason, 'not-accepting');
  });

  test('L75 a version that we can read but do not offer is unknown; one that is offered starts a connection', () => {
    const packet = clientInitial({ version: VERSION_2 });
    assert.equal(route(makeRouter(), packet).reason, 'version-negotiation');
    const router = makeRouter({ versions: [VERSION_1.version, VERSION_2.version] });
    assert.equal(route(router, packet).incoming?.version, VERSION_2);
  });
});
