/** Peers' clients that move during a transfer from our server, and our client that moves during one from theirs. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { QuicConnection } from '../../src/index.ts';
import {
  assertDownloads,
  get,
  runAgainst,
  withOurClient,
  withOurServer,
  withPeerServer,
} from '../support/interop.ts';
import { InteropFiles } from '../support/interop-files.ts';
import { buildPeers, type PeerKind, skipWithout } from './peers/build.ts';

const statuses = await buildPeers();
const files = new InteropFiles();
files.add('2m', 2 * 1024 * 1024);
files.add('20m', 20 * 1024 * 1024);
after(() => files.remove());

const moves: readonly { client: PeerKind; how: 'rebind' | 'migrate'; what: string }[] = [
  { client: 'quinn', how: 'rebind', what: 'C72 a quinn client rebinds twice (Endpoint::rebind)' },
  {
    client: 'quic-go',
    how: 'rebind',
    what: "C72 a quic-go client's port changes twice without its knowledge",
  },
  { client: 'quiche', how: 'rebind', what: "C72 a quiche client's port changes twice without its knowledge" },
  { client: 'quiche', how: 'migrate', what: 'C72 C75 a quiche client probes another path and migrates' },
];

for (const { client, how, what } of moves) {
  test(`${what} during a transfer from our server`, { skip: skipWithout(statuses, client) }, async () => {
    await withOurServer(files, {}, async (server) => {
      const run = await runAgainst(server, client, files, {
        requests: ['/2m'],
        ...(how === 'rebind' ? { rebind: 2 } : { migrate: true }),
      });
      assertDownloads(run, files, ['/2m']);
      const moved = run.events.filter(({ event }) => event === 'rebind' || event === 'migrated');
      assert.equal(moved.length, how === 'rebind' ? 2 : 1);
      const connection: QuicConnection = await server.first();
      assert.equal(connection.remoteAddress.port, moved.at(-1)?.port, 'our server followed');
    });
  });
}

const servers: readonly PeerKind[] = ['quinn', 'quiche'];

for (const kind of servers) {
  test(`C70 C75 our client moves to another port twice during a transfer from a ${kind} server`, {
    skip: skipWithout(statuses, kind),
  }, async () => {
    await withPeerServer(kind, files, {}, async (peer) => {
      await withOurClient(peer, {}, async (connection) => {
        const ports = new Set([connection.localAddress.port]);
        const moving: Promise<void>[] = [];
        const received = await get(connection, '/20m', (length) => {
          if (length < (moving.length + 1) * 4_000_000 || moving.length === 2) return;
          const before = moving.at(-1) ?? Promise.resolve();
          moving.push(before.then(() => connection.migrate()));
          moving.at(-1)?.then(() => ports.add(connection.localAddress.port));
        });
        await Promise.all(moving);
        assert.equal(received.sha256, files.hash('/20m'));
        assert.equal(ports.size, 3);
      });
      const closed = await peer.waitFor('closed');
      assert.ok(closed);
    });
  });
}

test('C76 a quic-go server, which asks clients not to migrate, is heeded', {
  skip: skipWithout(statuses, 'quic-go'),
}, async () => {
  await withPeerServer('quic-go', files, {}, async (peer) => {
    await withOurClient(peer, {}, async (connection) => {
      const { port } = connection.localAddress;
      assert.equal((await get(connection, '/2m')).sha256, files.hash('/2m'));
      await assert.rejects(connection.migrate(), { code: 'ERR_QUIC_INVALID_STATE' });
      assert.equal((await get(connection, '/2m')).sha256, files.hash('/2m'));
      assert.equal(connection.localAddress.port, port);
    });
  });
});
