import assert from 'node:assert/strict';
import type { ConnectionCore } from '../../src/connection/connection.ts';
import type { ConnectionEvent } from '../../src/connection/events.ts';
import { seededRandom } from '../../src/crypto/random.ts';
import { dropRate, simpleP2p } from '../../src/sim/scenarios.ts';
import { formatAddress, type SocketAddress } from '../../src/util/address.ts';
import { toHex } from '../../src/util/bytes.ts';
import { type PairOptions, TestPair } from '../support/core-pair.ts';
import { scenario } from '../support/scenario.ts';

const MIB = 1024 * 1024;

function establish(options: PairOptions): TestPair {
  const pair = new TestPair(options);
  pair.runUntil(() => pair.isEstablished);
  // Spare ids of both sides cross.
  pair.pair.run(500);
  return pair;
}

function serverOf(pair: TestPair): ConnectionCore {
  if (pair.server === null) throw new Error('There is no server');
  return pair.server;
}

/** Another address of the client's host. */
function elsewhere(pair: TestPair, port: number): SocketAddress {
  return pair.pair.client.addLocal({ ...pair.pair.clientAddress, port });
}

function count(events: readonly ConnectionEvent[], type: ConnectionEvent['type']): number {
  return events.filter((event) => event.type === type).length;
}

/** Stream bytes that the client has. */
function received(pair: TestPair): number {
  let sum = 0;
  for (const { length } of pair.clientApp.received.values()) sum += length;
  return sum;
}

/** What a call throws. */
function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'nothing';
}

scenario(
  'C70 C71 C75 a client probes a path, moves to it during a transfer and uses a fresh id there',
  (seed) => {
    const pair = establish({ seed });
    const { client, pair: stage } = pair;
    const server = serverOf(pair);
    const old = stage.clientAddress;
    const next = elsewhere(pair, 50001);
    const ids = new Map<string, Set<string>>();
    const firsts = new Map<string, number>();
    stage.network.tap(({ kind, link, from, bytes }) => {
      if (kind !== 'sent' || link !== 'client>server' || (bytes[0] & 0x80) !== 0) return;
      const key = formatAddress(from);
      if (!firsts.has(key)) firsts.set(key, bytes.length);
      ids.set(key, (ids.get(key) ?? new Set()).add(toHex(bytes.subarray(1, 9))));
    });
    client.migration.probePath(next, stage.serverAddress, pair.now);
    // Several calls before a send are one probe.
    client.migration.probePath(next, stage.serverAddress, pair.now);
    pair.wake();
    pair.runUntil(() => count(pair.clientEvents, 'path-validated') === 1, 1000);
    assert.equal(client.paths.active.local.port, old.port, 'probing does not move');
    pair.runUntil(() => count(pair.serverEvents, 'path-validated') === 1, 1000);
    assert.equal(server.paths.active.remote.port, old.port);
    assert.equal(client.paths.find(next, stage.serverAddress)?.state, 'validated');

    let moved = false;
    pair.onServer = () => {
      if (moved || received(pair) < 200_000) return;
      moved = true;
      client.migration.migrate(next, stage.serverAddress, pair.now);
      // Nothing more for the active path.
      client.migration.migrate(next, stage.serverAddress, pair.now);
      client.control.ping();
      stage.client.wake();
    };
    pair.fetch([MIB]);
    assert.equal(moved, true);
    assert.equal(server.paths.active.remote.port, 50001);
    assert.equal(firsts.get(formatAddress(next)), 1200, 'the first packet is a probe of full size');
    const [before, after] = [ids.get(formatAddress(old)), ids.get(formatAddress(next))];
    for (const id of after ?? []) assert.equal(before?.has(id), false, 'no id is used on both paths');
    // Each event once.
    const of = (events: readonly ConnectionEvent[]) =>
      events.map(({ type }) => type).filter((type) => /^(path|peer|source|destination)/.test(type));
    assert.deepEqual(of(pair.clientEvents), ['path-validated']);
    assert.deepEqual(of(pair.serverEvents).slice(0, 3), ['path-new', 'path-validated', 'peer-migrated']);
    assert.equal(count(pair.serverEvents, 'peer-migrated'), 1);
    const told: string[] = [];
    for (let event = server.paths.events.next(); event !== null; event = server.paths.events.next())
      told.push(event.type);
    assert.deepEqual(told, of(pair.serverEvents));
    pair.close();
  },
);

scenario(
  'C70 migrateSource without probing: data goes on at once, and the path is validated along',
  (seed) => {
    const pair = establish({ seed });
    const { client, pair: stage } = pair;
    const next = elsewhere(pair, 50001);
    let moved = false;
    pair.onServer = () => {
      if (moved || received(pair) < 100_000) return;
      moved = true;
      client.migration.migrate(next, stage.serverAddress, pair.now);
      stage.client.wake();
    };
    pair.fetch([MIB]);
    assert.equal(client.paths.active.state, 'validated');
    assert.equal(serverOf(pair).paths.active.remote.port, 50001);
    assert.ok(client.paths.active.recovery.counters.packetsSent > 0, 'a recovery of its own');
  },
);

scenario('C70 servers and clients without ids, confirmation or permission may not migrate', (seed) => {
  const pair = new TestPair({ seed, clientTransport: { activeConnectionIdLimit: 2 } });
  const { client, pair: stage } = pair;
  const move = (port: number) => () =>
    client.migration.migrate({ ...stage.clientAddress, port }, stage.serverAddress, pair.now);
  assert.equal(codeOf(move(50001)), 'ERR_QUIC_INVALID_STATE');
  pair.runUntil(() => pair.isEstablished);
  stage.run(500);
  const server = serverOf(pair);
  const asServer = () => server.migration.migrate(stage.serverAddress, stage.clientAddress, pair.now);
  assert.equal(codeOf(asServer), 'ERR_QUIC_INVALID_STATE');
  assert.equal(
    codeOf(() => server.migration.probePath(stage.serverAddress, stage.clientAddress, pair.now)),
    'ERR_QUIC_INVALID_STATE',
  );
  // The limit of two leaves one spare id.
  elsewhere(pair, 50001);
  assert.equal(codeOf(move(50001)), 'nothing');
  assert.equal(codeOf(move(50002)), 'ERR_QUIC_OUT_OF_IDENTIFIERS');
  assert.equal(client.paths.all.length, 2);
  // Once the move is confirmed, the old path gives its id back and there is another to move on with.
  stage.client.wake();
  stage.run(2000);
  assert.equal(client.paths.all.length, 1);
  elsewhere(pair, 50002);
  assert.equal(codeOf(move(50002)), 'nothing');
  client.close(true, 0, '', pair.now);
  assert.equal(codeOf(move(50003)), 'ERR_QUIC_INVALID_STATE');
});

scenario(
  'C76 RFC 9000 §18.2 disable_active_migration of the server forbids other local addresses',
  (seed) => {
    const pair = establish({ seed, serverTransport: { disableActiveMigration: true } });
    const { client, pair: stage } = pair;
    const next = elsewhere(pair, 50001);
    assert.equal(
      codeOf(() => client.migration.probePath(next, stage.serverAddress, pair.now)),
      'ERR_QUIC_INVALID_STATE',
    );
    assert.equal(
      codeOf(() => client.migration.migrate(next, stage.serverAddress, pair.now)),
      'ERR_QUIC_INVALID_STATE',
    );
    assert.equal(client.paths.all.length, 1);
    assert.equal(client.remoteIds.available > 0, true, 'no id was wasted');
    // The server's other addresses are not meant.
    client.migration.probePath(next, { ...stage.serverAddress, port: 4444 }, pair.now);
  },
);

scenario(
  'C71 C72 a path that does not answer is given up after three probe timeouts; what works goes on',
  (seed) => {
    const pair = establish({ seed });
    const { client, pair: stage } = pair;
    const next = elsewhere(pair, 50001);
    const drop = ({ from }: { from: SocketAddress }) => from.port === 50001;
    let lost = 0;
    stage.network.tap(({ kind, link, from }) => {
      if (kind === 'sent' && link === 'client>server' && from.port === 50001) lost++;
    });
    // Nothing from there arrives.
    const { recv } = serverOf(pair);
    serverOf(pair).recv = function (this: ConnectionCore, bytes, info, now) {
      return drop(info) ? bytes.length : recv.call(this, bytes, info, now);
    };
    let moved = false;
    pair.onServer = () => {
      if (moved || received(pair) < 100_000) return;
      moved = true;
      client.migration.migrate(next, stage.serverAddress, pair.now);
      stage.client.wake();
    };
    pair.fetch([MIB]);
    pair.pair.run(5000);
    assert.equal(moved, true);
    assert.ok(lost >= 3);
    assert.equal(client.paths.active.local.port, stage.clientAddress.port, 'back on the old path');
    assert.equal(count(pair.clientEvents, 'path-failed'), 1);
    assert.equal(count(pair.clientEvents, 'path-closed'), 1);
    pair.fetch([1000]);
  },
);

scenario(
  'C72 RFC 9000 §20.1 without any path that works the connection closes with NO_VIABLE_PATH',
  (seed) => {
    const pair = establish({ seed });
    const { client, pair: stage } = pair;
    const next = elsewhere(pair, 50001);
    client.migration.migrate(next, stage.serverAddress, pair.now);
    client.paths.close(client.paths.first);
    serverOf(pair).recv = (bytes) => bytes.length;
    stage.client.wake();
    pair.runUntil(() => client.state.value !== 'established', 10_000);
    assert.equal(client.closer.local?.errorCode, 0x10n);
    assert.equal(client.closer.local?.isApplication, false);
  },
);

scenario('C71 C75 ids that are used on two paths for want of others are reported', (seed) => {
  // Ids are not replaced, so that a second address finds none.
  const pair = new TestPair({
    seed,
    clientTransport: { issuedConnectionIds: 1, keepAlive: 200 },
    scenario: { ...simpleP2p(), nat: { firstRebind: 1000 } },
  });
  pair.fetch([1000]);
  pair.pair.run(5000);
  assert.equal(count(pair.serverEvents, 'peer-migrated'), 1);
  // The client knows nothing of the NAT, so its packets go to the same id as before.
  const [reused] = pair.serverEvents.filter(({ type }) => type === 'source-id-reused');
  assert.ok(reused?.type === 'source-id-reused');
  assert.equal(reused.sequence, 0);
  assert.notDeepEqual(reused.oldRemote, reused.remote);
  assert.equal(count(pair.serverEvents, 'destination-id-reused'), 1);
});

for (const [family, name] of [
  [4, 'IPv4'],
  [6, 'IPv6'],
] as const) {
  scenario(
    `L86 RFC 9000 §9.6 connectionmigration: the client goes to the server's preferred ${name} address, 2 MiB`,
    (seed) => {
      const preferred = {
        ipv4: { address: '198.51.100.1', port: 4444 },
        ipv6: { address: '2001:db8:2::1', port: 4466 },
      };
      const pair = new TestPair({ seed, family, serverTransport: { preferredAddress: preferred } });
      const port = family === 4 ? 4444 : 4466;
      pair.pair.server.addLocal({ ...pair.pair.serverAddress, port });
      const ids = new Map<number, Set<string>>();
      let isFirstProbe: boolean | null = null;
      pair.pair.network.tap(({ kind, link, to, bytes }) => {
        if (kind !== 'sent' || link !== 'client>server' || (bytes[0] & 0x80) !== 0) return;
        if (to.port === port) isFirstProbe ??= bytes.length === 1200 && pair.client.handshake.isConfirmed;
        ids.set(to.port, (ids.get(to.port) ?? new Set()).add(toHex(bytes.subarray(1, 9))));
      });
      pair.fetch([2 * MIB]);
      assert.equal(isFirstProbe, true);
      assert.equal(pair.client.paths.active.remote.port, port);
      assert.equal(serverOf(pair).paths.active.local.port, port);
      assert.equal(serverOf(pair).paths.active.state, 'validated');
      for (const id of ids.get(port) ?? []) assert.equal(ids.get(4433)?.has(id), false, 'a new id');
      assert.equal(count(pair.clientEvents, 'preferred-address'), 1);
      pair.close();
    },
  );
}

scenario(
  'L86 a client may ignore the preferred address, and one that does not answer is left alone',
  (seed) => {
    const serverTransport = { preferredAddress: { ipv4: { address: '198.51.100.1', port: 4444 } } };
    const ignoring = new TestPair({
      seed,
      serverTransport,
      clientTransport: { followPreferredAddress: false },
    });
    ignoring.fetch([100_000]);
    assert.equal(ignoring.client.paths.all.length, 1);
    assert.equal(count(ignoring.clientEvents, 'preferred-address'), 1);

    // Nobody listens there.
    const pair = new TestPair({ seed, serverTransport });
    let probes = 0;
    pair.pair.network.tap(({ kind, to }) => {
      if (kind === 'sent' && to.port === 4444) probes++;
    });
    pair.fetch([MIB]);
    pair.pair.run(10_000);
    assert.equal(pair.client.paths.active.remote.port, 4433);
    assert.equal(count(pair.clientEvents, 'path-failed'), 1);
    assert.equal(probes, 3);
  },
);

scenario('T15 RFC 9000 §21.5.3 a preferred address that is none is not written to', (seed) => {
  for (const address of ['0.0.0.0', '224.0.0.1', '255.255.255.255']) {
    const pair = new TestPair({
      seed,
      serverTransport: { preferredAddress: { ipv4: { address, port: 4444 } } },
    });
    let sent = 0;
    pair.pair.network.tap(({ kind, to }) => {
      if (kind === 'sent' && to.port === 4444) sent++;
    });
    pair.fetch([10_000]);
    pair.pair.run(2000);
    assert.equal(sent, 0, address);
  }
});

scenario('C77 paths are added and removed one by one; with one that works the connection goes on', (seed) => {
  const pair = establish({ seed, clientTransport: { keepAlive: 100 } });
  const { client, pair: stage } = pair;
  const server = serverOf(pair);
  const [second, third] = [elsewhere(pair, 50001), elsewhere(pair, 50002)];
  client.migration.probePath(second, stage.serverAddress, pair.now);
  client.migration.probePath(third, stage.serverAddress, pair.now);
  stage.client.wake();
  stage.run(1000);
  assert.deepEqual(
    client.paths.all.map(({ state }) => state),
    ['validated', 'validated', 'validated'],
  );
  const path = client.paths.find(second, stage.serverAddress);
  assert.ok(path !== null);
  client.paths.close(path);
  stage.client.wake();
  stage.run(500);
  assert.equal(client.paths.all.length, 2);
  // The first path dies without a word, in the middle of a transfer.
  const { recv } = server;
  let isDead = false;
  server.recv = function (this: ConnectionCore, bytes, info, now) {
    return isDead && info.from.port === stage.clientAddress.port
      ? bytes.length
      : recv.call(this, bytes, info, now);
  };
  const { recv: receive } = client;
  client.recv = function (this: ConnectionCore, bytes, info, now) {
    return isDead && info.to.port === stage.clientAddress.port
      ? bytes.length
      : receive.call(this, bytes, info, now);
  };
  pair.onServer = () => {
    if (received(pair) > 200_000) isDead = true;
  };
  pair.fetch([MIB], 10_000);
  assert.equal(isDead, true);
  assert.equal(client.paths.active.local.port, 50002);
  assert.equal(server.paths.active.remote.port, 50002);
});

scenario('C75 with disableDcidReuse no second path is opened for which there is no fresh id', (seed) => {
  const pair = new TestPair({
    seed,
    clientTransport: { issuedConnectionIds: 1, keepAlive: 200, maxIdleTimeout: 3000 },
    serverTransport: { disableDcidReuse: true },
    scenario: { ...simpleP2p(), nat: { firstRebind: 1000 } },
  });
  pair.fetch([1000]);
  pair.pair.run(10_000);
  assert.equal(count(pair.serverEvents, 'path-new'), 0);
  assert.equal(pair.client.closer.isTimedOut, true);
});

scenario('C75 ids of no length serve every path', (seed) => {
  const pair = new TestPair({ seed, accept: () => ({ localId: new Uint8Array(0) }) });
  pair.runUntil(() => pair.isEstablished);
  pair.pair.run(500);
  const next = elsewhere(pair, 50001);
  pair.client.migration.migrate(next, pair.pair.serverAddress, pair.now);
  pair.pair.client.wake();
  pair.fetch([100_000]);
  assert.equal(serverOf(pair).paths.active.remote.port, 50001);
  assert.equal(count(pair.clientEvents, 'destination-id-reused'), 0);
});

scenario('C70 C72 two minutes of random migrations at 2 % loss: nothing is lost', (seed) => {
  const pair = establish({
    seed,
    scenario: dropRate(0.02),
    clientTransport: { keepAlive: 1000 },
  });
  const { client, pair: stage } = pair;
  const random = seededRandom(`${seed} moves`);
  const locals = [stage.clientAddress];
  for (let port = 50001; port < 50020; port++) locals.push(elsewhere(pair, port));
  let moves = 0;
  let refused = 0;
  const end = pair.now + 120_000;
  let next = pair.now;
  pair.onServer = () => {
    if (pair.now < next || !client.state.isOpen) return;
    next = pair.now + 100 + random.integer(1500);
    try {
      client.migration.migrate(locals[random.integer(locals.length)], stage.serverAddress, pair.now);
      moves++;
    } catch (error) {
      assert.equal((error as { code: string }).code, 'ERR_QUIC_OUT_OF_IDENTIFIERS');
      refused++;
    }
    stage.client.wake();
  };
  let fetched = 0;
  while (pair.now < end) {
    pair.fetch([50_000 + random.integer(200_000), random.integer(5000)], 30_000);
    fetched++;
  }
  assert.ok(moves > 60, `${moves} migrations, ${refused} refused, ${fetched} fetches`);
  assert.equal(client.state.value, 'established');
  assert.ok(client.paths.all.length <= 8 && serverOf(pair).paths.all.length <= 8);
  assert.ok(count(pair.serverEvents, 'peer-migrated') > 30);
  pair.close();
});

scenario('T15 C72 a thousand source ports in a second: paths, ids and bytes stay bounded', (seed) => {
  const pair = establish({ seed, scenario: simpleP2p({ bandwidth: 100_000_000, queue: 1000 }) });
  const { client, pair: stage } = pair;
  const server = serverOf(pair);
  const received = new Map<number, number>();
  const sent = new Map<number, number>();
  const { recv } = server;
  let port = 1000;
  server.recv = function (this: ConnectionCore, bytes, info, now) {
    const from = { ...info.from, port: port++ };
    received.set(from.port, bytes.length);
    return recv.call(this, bytes, { ...info, from }, now);
  };
  stage.network.tap(({ kind, link, to, bytes }) => {
    if (kind === 'sent' && link === 'server>client')
      sent.set(to.port, (sent.get(to.port) ?? 0) + bytes.length);
  });
  const out = new Uint8Array(1500);
  let most = 0;
  for (let i = 0; i < 1000; i++) {
    client.control.ping();
    const info = client.send(out, pair.now);
    if (info !== null) stage.network.transmit(stage.clientHost, info.from, info.to, out, 0, info.length, 0);
    stage.run(1);
    most = Math.max(most, server.paths.all.length);
  }
  assert.ok(port > 1500, `${port - 1000} ports`);
  assert.ok(most <= 8, `${most} paths`);
  for (const [to, bytes] of sent) {
    if (to >= 1000 && to < port) assert.ok(bytes <= 3 * (received.get(to) ?? 0), `${bytes} bytes to ${to}`);
  }
  assert.ok(server.state.isOpen && client.state.isOpen, `${server.closer.error} ${client.closer.error}`);
  assert.ok(server.remoteIds.available <= 8 && client.localIds.length <= 8);
});
