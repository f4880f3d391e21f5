import assert from 'node:assert/strict';
import type { ConnectionCore } from '../../src/connection/connection.ts';
import { SCENARIOS, simpleP2p } from '../../src/sim/scenarios.ts';
import { formatAddress, type SocketAddress } from '../../src/util/address.ts';
import { toHex } from '../../src/util/bytes.ts';
import { TestPair } from '../support/core-pair.ts';
import { scenario } from '../support/scenario.ts';

const MIB = 1024 * 1024;

const core = (pair: TestPair): ConnectionCore => {
  if (pair.server === null) throw new Error('There is no server');
  return pair.server;
};

for (const [name, what] of [
  ['rebind-port', 'port'],
  ['rebind-addr', 'address'],
] as const) {
  scenario(
    `C72 RFC 9000 §9.3 ${name}: a NAT changes the client's ${what} after 1 s and then every 5 s, 10 MiB`,
    (seed) => {
      const pair = new TestPair({ seed, scenario: SCENARIOS[name] });
      // The first datagram to each address: to an id that was not used before, and, but for the first address, a probe.
      const firsts = new Map<string, { isProbe: boolean; id: string }>();
      pair.pair.network.tap(({ kind, link, to, bytes }) => {
        if (kind !== 'sent' || link !== 'server>client' || (bytes[0] & 0x80) !== 0) return;
        const key = formatAddress(to);
        if (firsts.has(key)) return;
        const isProbe = key !== formatAddress(core(pair).paths.active.remote);
        firsts.set(key, { isProbe, id: toHex(bytes.subarray(1, 9)) });
      });
      pair.fetch([10 * MIB], 60_000);
      assert.deepEqual(
        [...firsts.values()].map(({ isProbe }) => isProbe),
        [false, true, true],
      );
      assert.equal(
        new Set([...firsts.values()].map(({ id }) => id)).size,
        3,
        'each path has an id of its own',
      );
      if (what === 'address') {
        const hosts = new Set([...firsts.keys()].map((key) => key.slice(0, key.lastIndexOf(':'))));
        assert.ok(hosts.size > 1, `${[...hosts]}`);
      }
      const migrated = pair.serverEvents.filter(({ type }) => type === 'peer-migrated');
      assert.equal(migrated.length, 2);
      assert.ok(pair.now < 14_000, `took ${pair.now} ms`);
      pair.close();
    },
  );
}

scenario('C72 many rebindings in a row: ids are retired and replaced, paths do not pile up', (seed) => {
  const pair = new TestPair({
    seed,
    scenario: { ...simpleP2p(), nat: { firstRebind: 500, rebindEvery: 2_000 } },
    clientTransport: { keepAlive: 200 },
  });
  pair.fetch([1000]);
  pair.pair.run(40_000);
  const server = core(pair);
  assert.equal(server.state.value, 'established');
  assert.ok(server.paths.all.length <= 2, `${server.paths.all.length} paths`);
  const migrated = pair.serverEvents.filter(({ type }) => type === 'peer-migrated');
  assert.ok(migrated.length >= 18, `${migrated.length} migrations`);
  // Each of them with an id that the path before did not use.
  const retired = pair.clientEvents.filter(({ type }) => type === 'id-retired').length;
  assert.ok(retired >= 16, `${retired} ids retired`);
  assert.ok(pair.client.localIds.length <= 4);
  pair.fetch([1000]);
});

scenario('C72 T15 RFC 9000 §9.3.1 no data go to an address that is not validated', (seed) => {
  // The client's packets are copied by somebody who sends them from elsewhere, and who never answers.
  const pair = new TestPair({ seed });
  pair.runUntil(() => pair.isEstablished);
  const { network, clientHost, clientAddress } = pair.pair;
  const victim: SocketAddress = { ...clientAddress, port: 666 };
  let copied = 0;
  let toVictim = 0;
  let received = 0;
  let isCopy = false;
  network.tap(({ kind, link, to, bytes, from }) => {
    if (link === 'client>server' && kind === 'sent' && !isCopy && copied < 20) {
      copied++;
      isCopy = true;
      network.transmit(clientHost, victim, to, bytes, 0, bytes.length, 0);
      isCopy = false;
    }
    if (link === 'client>server' && kind === 'delivered' && from.port === 666) received += bytes.length;
    if (link === 'server>client' && kind === 'sent' && to.port === 666) toVictim += bytes.length;
  });
  // The copies win the race: the original datagrams are held back.
  pair.pair.toServer.options = { ...pair.pair.toServer.options, drop: ({ index }) => index % 2 === 1 };
  pair.fetch([300_000]);
  pair.pair.run(5_000);
  assert.ok(copied > 0 && received > 0);
  assert.ok(toVictim > 0, 'the address was asked');
  assert.ok(toVictim <= 3 * received, `${toVictim} bytes for ${received}`);
  assert.ok(toVictim < 10 * 1200, `${toVictim} bytes: probes alone`);
  assert.equal(core(pair).paths.active.remote.port, clientAddress.port);
  assert.equal(pair.clientApp.whole, 1);
});

scenario(
  'C72 RFC 9000 §9 packets from another address before the handshake is confirmed are dropped',
  (seed) => {
    const pair = new TestPair({ seed });
    pair.runUntil(() => pair.server !== null);
    const { network, clientHost, clientAddress } = pair.pair;
    let sent = 0;
    let isCopy = false;
    network.tap(({ kind, link, to, bytes }) => {
      if (link === 'client>server' && kind === 'sent' && !isCopy) {
        isCopy = true;
        network.transmit(clientHost, { ...clientAddress, port: 666 }, to, bytes, 0, bytes.length, 0);
        isCopy = false;
      }
      if (kind === 'sent' && to.port === 666) sent++;
    });
    pair.runUntil(() => pair.client.state.value === 'established');
    assert.equal(sent, 0);
    assert.equal(core(pair).paths.all.length, 1);
  },
);

scenario('C9 RFC 9000 §9 a client ignores datagrams from other addresses than its server', (seed) => {
  const pair = new TestPair({ seed });
  pair.runUntil(() => pair.isEstablished);
  const { network, serverHost, serverAddress } = pair.pair;
  // All that the server sends comes from another port, too, a little earlier.
  let isCopy = false;
  network.tap(({ kind, link, to, bytes }) => {
    if (link !== 'server>client' || kind !== 'sent' || isCopy) return;
    isCopy = true;
    network.transmit(serverHost, { ...serverAddress, port: 1 }, to, bytes, 0, bytes.length, 0);
    isCopy = false;
  });
  pair.fetch([20_000]);
  assert.equal(pair.client.paths.all.length, 1);
});

scenario('C72 RFC 9000 §8.2.4 validation is given up after three probes, and the old path stays', (seed) => {
  const pair = new TestPair({ seed });
  pair.fetch([1000]);
  pair.pair.run(1000);
  const server = core(pair);
  const { network, clientHost, clientAddress, serverHost } = pair.pair;
  const away: SocketAddress = { ...clientAddress, port: 666 };
  let probes = 0;
  network.tap(({ kind, to }) => {
    if (kind === 'sent' && to.port === 666) probes++;
  });
  // One packet of the client, from elsewhere; then silence from there.
  const out = new Uint8Array(1500);
  pair.client.control.ping();
  const info = pair.client.send(out, pair.now);
  network.transmit(clientHost, away, pair.pair.serverAddress, out, 0, info?.length ?? 0, 0);
  pair.runUntil(() => server.paths.all.length === 2, 1000);
  assert.ok(serverHost !== null);
  pair.runUntil(() => server.paths.all.length === 1, 10_000);
  assert.ok(probes <= 3, `${probes} probes`);
  const failed = pair.serverEvents.filter(({ type }) => type === 'path-failed');
  assert.equal(failed.length, 1);
  assert.equal(server.paths.active.remote.port, clientAddress.port);
  pair.fetch([1000]);
});

scenario('C73 RFC 9000 §9.4 congestion, round trip and MTU start anew on a new path', (seed) => {
  const pair = new TestPair({ seed, scenario: SCENARIOS['rebind-addr'] });
  pair.runUntil(() => pair.isEstablished);
  let seen = false;
  pair.onServer = (server) => {
    if (seen || server.paths.active.id === 0) return;
    seen = true;
    assert.equal(server.paths.active.mtu, 1200);
    assert.ok(server.paths.active.recovery.congestion.window <= 14_720);
  };
  pair.fetch([3 * MIB]);
  assert.equal(seen, true);
  assert.equal(core(pair).paths.active.mtu, 1452, 'found again');
});

scenario(
  'C72 RFC 9000 §8.2.1 a path that was asked with a small datagram is asked again with a full one',
  (seed) => {
    const pair = new TestPair({ seed, scenario: { ...simpleP2p(), nat: {} } });
    pair.fetch([1000]);
    pair.pair.run(1000);
    pair.pair.nat?.rebind();
    const port = core(pair).paths.active.remote.port;
    const sizes: number[] = [];
    let answer = 0;
    pair.pair.network.tap(({ kind, link, to, from, bytes }) => {
      if (kind !== 'sent') return;
      if (link === 'server>client' && to.port !== port) sizes.push(bytes.length);
      if (link === 'client>server' && from.port !== port && sizes.length > 0) answer ||= bytes.length;
    });
    // A small packet leaves the server little room: three times as much.
    pair.client.control.ping();
    pair.wake();
    pair.runUntil(() => core(pair).paths.active.remote.port !== port, 2000);
    pair.pair.run(500);
    assert.ok((sizes[0] as number) < 200, `the first datagram has ${sizes[0]} bytes`);
    // A probe for a larger MTU has another size.
    assert.ok(sizes.includes(1200), `${sizes}`);

    // RFC 9000 §8.2.2: the answer is of full size whatever the question was.
    assert.ok(answer >= 1200, `the answer has ${answer} bytes`);
  },
);

scenario('C72 an upload goes on when the NAT forgets while the window is full', (first) => {
  for (let seed = first; seed < first + 10; seed++) {
    const pair = new TestPair({ seed, scenario: { ...simpleP2p(), nat: {} } });
    pair.runUntil(() => pair.isEstablished);
    const id = pair.client.streams.openStream('uni') as number;
    pair.clientApp.write(id, MIB);
    pair.wake();
    pair.pair.run(200 + 7 * seed);
    pair.pair.nat?.rebind();
    const from = pair.now;
    pair.runUntil(() => core(pair).paths.active.id > 0, 10_000);
    // A probe timeout until the client is heard again, and a round trip for the question and its answer.
    assert.ok(pair.now - from < 200, `followed after ${pair.now - from} ms (seed ${seed})`);
    pair.runUntil(() => pair.serverApp?.received.get(id)?.fin === true, 10_000);
  }
});

scenario(
  'C72 RFC 9000 §8.2.4 a server waits for a client that the NAT forgot before its path was proven',
  (seed) => {
    const pair = new TestPair({ seed, scenario: { ...simpleP2p(), nat: {} } });
    pair.fetch([1000]);
    pair.pair.run(1000);
    const { port } = core(pair).paths.active.remote;
    pair.pair.nat?.rebind();
    pair.client.control.ping();
    pair.wake();
    pair.runUntil(() => core(pair).paths.active.remote.port !== port, 2000);
    // Later probes of the new path are lost; the old one is given up meanwhile.
    pair.pair.toClient.options = { ...pair.pair.toClient.options, loss: 1 };
    pair.pair.run(10_000);
    pair.pair.toClient.options = simpleP2p().toClient;
    pair.pair.nat?.rebind();
    pair.pair.run(10_000);
    assert.equal(core(pair).state.value, 'established');
    pair.fetch([1000]);
  },
);

scenario('T15 RFC 9000 §21.5 a packet from port 0 opens no path', (seed) => {
  const pair = new TestPair({ seed });
  pair.fetch([1000]);
  const { serverAddress, clientAddress } = pair.pair;
  pair.client.control.ping();
  const out = new Uint8Array(1500);
  const info = pair.client.send(out, pair.now);
  const from: SocketAddress = { ...clientAddress, port: 0 };
  core(pair).recv(out.subarray(0, info?.length), { from, to: serverAddress }, pair.now);
  assert.equal(core(pair).paths.all.length, 1);
  pair.fetch([1000]);
});
