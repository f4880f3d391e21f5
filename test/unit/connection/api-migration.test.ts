import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Connection } from '../../../src/connection/api.ts';
import type { SocketAddress } from '../../../src/util/address.ts';
import { ApiLink, CLIENT, quic, SERVER, STRANGER } from '../../support/api-link.ts';

const OTHER: SocketAddress = { ...CLIENT, port: 50001 };

/** Two connections with two spare ids each; what crosses keeps its addresses. */
function established(): ApiLink {
  const link = ApiLink.established({
    client: { activeConnectionIdLimit: 4 },
    server: { activeConnectionIdLimit: 4 },
  });
  for (let i = 1; i <= 2; i++) {
    link.client.newSourceCid(new Uint8Array(8).fill(i), new Uint8Array(16).fill(i));
    link.server.newSourceCid(new Uint8Array(8).fill(16 + i), new Uint8Array(16).fill(16 + i));
  }
  link.flush();
  return link;
}

/** Lets datagrams cross under their own addresses until both are silent, but for those that `drop` names. */
function exchange(link: ApiLink, drop: (from: SocketAddress) => boolean = () => false): void {
  const out = new Uint8Array(2048);
  const step = (from: Connection, to: Connection): number => {
    let count = 0;
    for (let info = from.send(out, link.now); info !== null; info = from.send(out, link.now)) {
      count++;
      if (!drop(info.from)) to.recv(out.slice(0, info.length), { from: info.from, to: info.to }, link.now);
    }
    return count;
  };
  while (step(link.client, link.server) + step(link.server, link.client) > 0) link.now++;
}

function events(connection: Connection): string[] {
  const types: string[] = [];
  for (let event = connection.nextPathEvent(); event !== null; event = connection.nextPathEvent())
    types.push(event.type);
  return types;
}

describe('Connection: moving', () => {
  test('C70 C71 probePath validates without moving, migrate moves, nextPathEvent tells each event once', () => {
    const link = established();
    const { client, server } = link;
    assert.equal(client.probePath(OTHER, SERVER, link.now), 1);
    assert.equal(client.probePath(OTHER, SERVER, link.now), 1);
    assert.equal(client.isPathValidated(OTHER, SERVER), false);
    exchange(link);
    assert.equal(client.isPathValidated(OTHER, SERVER), true);
    assert.deepEqual(events(client), ['path-validated']);
    assert.deepEqual(events(server), ['path-new', 'path-validated']);
    assert.equal(events(server).length, 0);

    assert.equal(client.migrate(OTHER, SERVER, link.now), 1);
    assert.equal(client.migrate(OTHER, SERVER, link.now), 1);
    assert.deepEqual(client.destinationId, new Uint8Array(8).fill(17));
    client.ping(link.now);
    exchange(link);
    assert.deepEqual(events(server), ['peer-migrated']);
    assert.deepEqual(client.pathStats().filter(({ active }) => active)[0]?.local, OTHER);
  });

  test('C70 migrateSource keeps the address of the peer', () => {
    const link = established();
    assert.equal(link.client.migrateSource(OTHER, link.now), 1);
    exchange(link);
    assert.deepEqual(link.client.paths(OTHER), [SERVER]);
    assert.equal(link.client.isPathValidated(OTHER, SERVER), true);
    assert.deepEqual(events(link.server), ['path-new', 'path-validated', 'peer-migrated']);
  });

  test('C70 servers may not, and nobody may without ids', () => {
    const { client, server, now } = ApiLink.established();
    const invalid = quic('ERR_QUIC_INVALID_STATE');
    assert.throws(() => server.probePath(SERVER, STRANGER, now), invalid);
    assert.throws(() => server.migrate(SERVER, STRANGER, now), invalid);
    assert.throws(() => server.migrateSource({ ...SERVER, port: 1 }, now), invalid);
    const without = quic('ERR_QUIC_OUT_OF_IDENTIFIERS');
    assert.throws(() => client.probePath(OTHER, SERVER, now), without);
    assert.throws(() => client.migrateSource(OTHER, now), without);
    // The path in use needs nothing.
    assert.equal(client.migrate(CLIENT, SERVER, now), 0);
    // Ids of the server alone are not enough: it needs one of ours, too.
    const link = ApiLink.established();
    link.server.newSourceCid(new Uint8Array(8).fill(17), new Uint8Array(16).fill(17));
    link.flush();
    assert.equal(link.client.availableDcids, 1);
    assert.throws(() => link.client.migrateSource(OTHER, link.now), without);
    assert.equal(link.client.availableDcids, 1);
  });

  test('C72 a probe that nothing answers fails after three probe timeouts', () => {
    const link = established();
    const { client } = link;
    client.probePath(OTHER, SERVER, link.now);
    let probes = 0;
    const drop = ({ port }: SocketAddress): boolean => {
      if (port === OTHER.port) probes++;
      return port === OTHER.port;
    };
    const start = link.now;
    while (client.paths(OTHER).length > 0) {
      exchange(link, drop);
      link.now = Math.max(link.now, client.timeoutAt() ?? link.now + 10_000);
      client.onTimeout(link.now);
    }
    assert.equal(probes, 3);
    assert.ok(link.now - start > 2000 && link.now - start < 6000, `${link.now - start} ms`);
    assert.deepEqual(events(client), ['path-failed', 'path-closed']);
    assert.throws(() => client.isPathValidated(OTHER, SERVER), quic('ERR_QUIC_INVALID_STATE'));
  });

  test('C77 closePath ends a path that is not in use', () => {
    const link = established();
    const { client } = link;
    client.probePath(OTHER, SERVER, link.now);
    exchange(link);
    assert.throws(() => client.closePath(CLIENT, SERVER), quic('ERR_QUIC_INVALID_STATE'));
    assert.throws(() => client.closePath(STRANGER, SERVER), quic('ERR_QUIC_INVALID_STATE'));
    client.closePath(OTHER, SERVER);
    assert.deepEqual(client.paths(OTHER), []);
    assert.deepEqual(events(client), ['path-validated', 'path-closed']);
    exchange(link);
    // Its id went back to the server, which may issue another.
    assert.equal(link.server.retiredScids, 1);
  });

  test('C7 C12 sendOnPath sends probes on their path alone, sendQuantumOnPath knows it', () => {
    const link = established();
    const { client } = link;
    client.probePath(OTHER, SERVER, link.now);
    client.ping(link.now);
    const out = new Uint8Array(2048);
    assert.deepEqual(client.sendOnPath(out, CLIENT, null, link.now)?.from, CLIENT);
    assert.equal(client.sendOnPath(out, CLIENT, null, link.now), null);
    assert.deepEqual(client.sendOnPath(out, OTHER, SERVER, link.now)?.from, OTHER);
    assert.equal(client.sendOnPath(out, null, null, link.now), null);
    assert.ok(client.sendQuantumOnPath(OTHER, SERVER) > 0);
  });

  test('L86 addresses of the option preferredAddress are checked', () => {
    for (const ipv4 of [{ address: '::1', port: 1 }, { address: '192.0.2.1', port: 0 }, {}]) {
      const server = { preferredAddress: { ipv4 } } as object;
      assert.throws(() => new ApiLink({ server }), { code: 'ERR_INVALID_ARG_VALUE' });
    }
  });

  test('C74 C75 RFC 9000 §5.1.2 when the server replaces its ids, every path gets a new one, the active path too', () => {
    const link = established();
    const { client, server } = link;
    server.newSourceCid(new Uint8Array(8).fill(19), new Uint8Array(16).fill(19));
    client.newSourceCid(new Uint8Array(8).fill(3), new Uint8Array(16).fill(3));
    exchange(link);
    const third: SocketAddress = { ...CLIENT, port: 50002 };
    client.probePath(OTHER, SERVER, link.now);
    client.migrate(third, SERVER, link.now);
    exchange(link);
    // All three ids in use are retired by the frames of one packet; the path in use is the last of three.
    for (const fill of [20, 21, 22]) {
      server.newSourceCid(new Uint8Array(8).fill(fill), new Uint8Array(16).fill(fill), true);
    }
    exchange(link);
    assert.ok(server.sourceIds().some((id) => id[0] === client.destinationId[0]));
    assert.equal(
      client.pathStats().filter(({ validationState }) => validationState === 'validated').length,
      3,
    );
    client.streamSend(0, new Uint8Array(10), true);
    exchange(link);
    assert.equal(server.streamReadableLength(0), 10);
    for (const local of [CLIENT, OTHER]) {
      client.migrate(local, SERVER, link.now);
      client.ping(link.now);
      exchange(link);
      assert.deepEqual(server.pathStats().find(({ active }) => active)?.peer, local);
    }
  });

  test('C74 without a spare id, the active path gives its own up only if another validated path can go on', () => {
    const link = ApiLink.established();
    const { client, server } = link;
    client.newSourceCid(new Uint8Array(8).fill(1), new Uint8Array(16).fill(1));
    server.newSourceCid(new Uint8Array(8).fill(16), new Uint8Array(16).fill(16));
    link.flush();
    client.probePath(OTHER, SERVER, link.now);
    assert.throws(() => client.retireDestinationCid(0), quic('ERR_QUIC_OUT_OF_IDENTIFIERS'));
    exchange(link);
    assert.equal(client.availableDcids, 0);
    events(client);
    client.retireDestinationCid(0);
    assert.deepEqual(events(client), ['path-closed']);
    assert.deepEqual(client.destinationId, new Uint8Array(8).fill(16));
    client.streamSend(0, new Uint8Array(10), true);
    exchange(link);
    assert.equal(server.streamReadableLength(0), 10);
    assert.deepEqual(server.pathStats().find(({ active }) => active)?.peer, OTHER);
    assert.throws(() => client.retireDestinationCid(1), quic('ERR_QUIC_OUT_OF_IDENTIFIERS'));
  });
});
