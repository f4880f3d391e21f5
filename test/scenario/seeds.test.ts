import assert from 'node:assert/strict';
import test from 'node:test';
import type { TransportConfig } from '../../src/connection/config.ts';
import type { ConnectionCore } from '../../src/connection/connection.ts';
import type { ConnectionEvent } from '../../src/connection/events.ts';
import { seededRandom } from '../../src/crypto/random.ts';
import { CONGESTION_CONTROLLERS } from '../../src/recovery/congestion.ts';
import type { LinkOptions } from '../../src/sim/link.ts';
import { TestPair } from '../support/core-pair.ts';
import { seeds, withSeed } from '../support/scenario.ts';
import type { StreamApp } from '../support/stream-app.ts';

/** A link that loses, reorders and duplicates, each seed in its own way. */
function badLink(random: ReturnType<typeof seededRandom>): LinkOptions {
  return {
    delay: 1 + random.integer(80),
    jitter: random.integer(10),
    bandwidth: 1_000_000 * (1 + random.integer(50)),
    queue: 10 + random.integer(100),
    loss: random.float() * 0.1,
    lossBurst: 1 + random.integer(5),
    reordering: random.float() * 0.1,
    reorderDelay: 1 + random.integer(40),
    duplication: random.float() * 0.1,
    duplicateDelay: 1 + random.integer(100),
  };
}

/** The same with damage, outages, a small MTU, and a NAT that forgets. */
function worseLink(random: ReturnType<typeof seededRandom>): LinkOptions {
  return {
    ...badLink(random),
    corruption: random.float() * 0.05,
    corruptionBurst: 2,
    mtu: 1228 + random.integer(300),
    blackhole: { start: random.integer(2_000), on: random.integer(1_000), off: random.integer(800) },
  };
}

/** Settings that are legal and seldom seen. */
function oddTransport(random: ReturnType<typeof seededRandom>): Partial<TransportConfig> {
  return {
    maxSendBuffer: 1_500 + random.integer(60_000),
    maxStreamWindow: 2_000 + random.integer(100_000),
    maxConnectionWindow: 20_000 + random.integer(100_000),
    ackDelayExponent: random.integer(21),
    maxAckDelay: random.integer(200),
    activeConnectionIdLimit: 2 + random.integer(6),
    issuedConnectionIds: 1 + random.integer(6),
    initialWindowPackets: 2 + random.integer(40),
    pacing: random.integer(3) > 0,
    maxSendUdpPayloadSize: 1_200 + random.integer(600),
    maxRecvUdpPayloadSize: 1_200 + random.integer(600),
  };
}

function run(seed: number, isStorm: boolean): void {
  const random = seededRandom(`${seed} plan`);
  const link = isStorm ? worseLink : badLink;
  const nat = isStorm ? { nat: {} } : {};
  const pair = new TestPair({
    seed,
    scenario: { toServer: link(random), toClient: link(random), ...nat },
    clientTransport: {
      initialMaxData: 20_000,
      initialMaxStreamDataBidiLocal: 8_000,
      initialMaxStreamsUni: 2,
      // Behind a NAT that forgets, who only listens hears nothing any more.
      keepAlive: isStorm ? 300 : 0,
      ...(isStorm ? oddTransport(random) : {}),
    },
    serverTransport: {
      initialMaxData: 30_000,
      initialMaxStreamDataBidiRemote: 5_000,
      initialMaxStreamDataUni: 3_000,
      initialMaxStreamsBidi: 3,
      congestionControl: CONTROLLERS[random.integer(CONTROLLERS.length)] as string,
      ...(isStorm ? oddTransport(random) : {}),
    },
  });
  const size = (): number => (random.integer(4) === 0 ? random.integer(3) : random.integer(60_000));
  const expectedOf = new Map<StreamApp, Map<number, number>>();
  const left = new Map<StreamApp, number>();
  // Each side opens six streams of both kinds; the other answers bidirectional ones.
  const plan = (core: ConnectionCore, app: StreamApp, other: () => StreamApp): void => {
    const open = left.get(app) ?? 6;
    for (let i = open; i > 0; i--) {
      const id = core.streams.openStream(i % 2 === 0 ? 'bidi' : 'uni');
      if (id === null) return;
      left.set(app, i - 1);
      const length = size();
      app.write(id, length);
      mapOf(expectedOf, other()).set(id, length);
    }
  };
  const answer = (app: StreamApp, other: () => StreamApp): void => {
    const isClient = app === pair.clientApp;
    app.onEnd = (id) => {
      if ((id & 2) !== 0 || (id & 1) === (isClient ? 0 : 1)) return;
      const length = size();
      app.write(id, length);
      mapOf(expectedOf, other()).set(id, length);
    };
  };
  const serverApp = (): StreamApp => pair.serverApp as StreamApp;
  answer(pair.clientApp, serverApp);
  pair.onAccept = (_server, app) => answer(app, () => pair.clientApp);
  const disturb = (core: ConnectionCore, now: number): void => {
    if (!isStorm || !pair.isEstablished) return;
    if (random.integer(20) === 0) core.updateKeys(now);
    if (random.integer(200) === 0) pair.pair.nat?.rebind();
    // An application that is busy with something else for a while.
    const app = core.isServer ? serverApp() : pair.clientApp;
    if (random.integer(50) === 0 && app.reads) {
      app.reads = false;
      pair.pair.clock.schedule(now + random.integer(500), () => {
        app.reads = true;
        pair.wake();
      });
    }
  };
  pair.onClient = (client, now) => {
    if (client.state.value === 'established') plan(client, pair.clientApp, serverApp);
    disturb(client, now);
  };
  pair.onServer = (server, now) => {
    if (server.handshake.isConfirmed) plan(server, serverApp(), () => pair.clientApp);
    disturb(server, now);
  };
  const isQuiet = (core: ConnectionCore | null): boolean =>
    core !== null && core.streams.openCount === 0 && !core.recovery.hasInFlight(2) && !core.hasPending;
  pair.runUntil(
    () =>
      left.get(pair.clientApp) === 0 &&
      pair.serverApp !== null &&
      left.get(serverApp()) === 0 &&
      isQuiet(pair.client) &&
      isQuiet(pair.server),
    120_000,
  );
  for (const app of [pair.clientApp, serverApp()]) {
    const expected = mapOf(expectedOf, app);
    assert.equal(app.received.size, expected.size);
    for (const [id, { length, intact, fin }] of app.received) {
      assert.deepEqual(
        { id, length, intact, fin },
        { id, length: expected.get(id), intact: true, fin: true },
      );
    }
  }
  // One side closes; who it is differs.
  const closing = random.integer(2) === 0 ? pair.client : (pair.server as ConnectionCore);
  closing.close(true, 7, 'done', pair.now);
  pair.wake();
  pair.pair.runUntilIdle(120_000);
  assertEnded(pair.client, pair.clientEvents);
  assertEnded(pair.server as ConnectionCore, pair.serverEvents);
}

/** Closed, with nothing left in any queue or timer. */
function assertEnded(core: ConnectionCore, events: ConnectionEvent[]): void {
  assert.equal(core.state.value, 'closed');
  assert.equal(core.timeoutAt(), null);
  const { streams, recovery } = core;
  assert.equal(streams.openCount, 0);
  assert.equal(streams.bytesHeld, 0);
  assert.equal(streams.bytesUnsent, 0);
  assert.equal(streams.bytesUnread, 0);
  for (const space of [0, 1, 2]) assert.equal(recovery.hasInFlight(space), false);
  assert.equal(core.paths.active.recovery.bytesInFlight, 0);
  assert.equal(core.nextEvent(), null);
  assert.equal(events.at(-1)?.type, 'closed');
  assert.equal(core.send(new Uint8Array(1500), 1e9), null);
}

function mapOf<K>(maps: Map<K, Map<number, number>>, key: K): Map<number, number> {
  const known = maps.get(key);
  if (known !== undefined) return known;
  const made = new Map<number, number>();
  maps.set(key, made);
  return made;
}

const CONTROLLERS = Object.keys(CONGESTION_CONTROLLERS);
const chosen = seeds();
test(`C40 C42 C80 C92 RFC 9000 §2.2 ${chosen.length} seeds of loss, reordering and duplication: every stream delivers exactly its bytes and both sides end`, () => {
  for (const seed of chosen) withSeed(seed, () => run(seed, false));
});

test(`C24 C42 C72 C80 C83 ${chosen.length} seeds with damage, outages, key updates and a NAT that forgets, too`, () => {
  for (const seed of chosen) withSeed(seed, () => run(seed, true));
});
