/** Unreliable datagrams with quinn, quic-go and quiche, both ways. Each is sent when the echo of the one before came. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { runAgainst, withOurClient, withOurServer, withPeerServer } from '../support/interop.ts';
import { InteropFiles } from '../support/interop-files.ts';
import { buildPeers, PEER_KINDS, skipWithout } from './peers/build.ts';

const COUNT = 100;
const statuses = await buildPeers();
const files = new InteropFiles();
files.add('4k', 4000);
after(() => files.remove());

for (const kind of PEER_KINDS) {
  const options = { skip: skipWithout(statuses, kind), timeout: 60_000 };

  test(
    `C60 C62 C64 RFC 9221 §5 our client and a ${kind} server: ${COUNT} datagrams come back`,
    options,
    async (t) => {
      await withPeerServer(kind, files, { datagrams: true }, async (peer) => {
        await withOurClient(peer, { datagrams: true }, async (connection) => {
          assert.ok(connection.maxDatagramSize >= 1000, `${connection.maxDatagramSize} bytes`);
          const fates = new Set<string>();
          for (let i = 0; i < COUNT; i++) {
            const sent = new Uint8Array(1000).fill(i);
            const fate = connection.sendDatagram(sent);
            assert.deepEqual(await connection.receiveDatagram({ signal: AbortSignal.timeout(5000) }), sent);
            fates.add(await fate);
          }
          assert.deepEqual([...fates], ['acknowledged']);
          const longest = connection.maxDatagramSize;
          t.diagnostic(`the longest has ${longest} bytes`);
          assert.equal(await connection.sendDatagram(new Uint8Array(longest)), 'acknowledged');
          await connection.close();
          const closed = await peer.waitFor('closed');
          assert.equal(closed.datagrams, COUNT + 1);
        });
      });
    },
  );

  test(`C60 C62 a ${kind} client and our server: ${COUNT} datagrams come back`, options, async () => {
    await withOurServer(files, { datagrams: true }, async (server) => {
      const running = runAgainst(server, kind, files, {
        requests: ['/4k'],
        datagrams: COUNT,
        datagramSize: 1100,
      });
      const connection = await server.first();
      void (async () => {
        for await (const datagram of connection.datagrams) void connection.sendDatagram(datagram);
      })().catch(() => {});
      const run = await running;
      assert.equal(run.exitCode, 0, JSON.stringify(run.events));
      const told = run.events.find(({ event }) => event === 'datagrams');
      assert.deepEqual([told?.sent, told?.received], [COUNT, COUNT]);
      assert.equal(connection.stats.datagrams.delivered, COUNT);
    });
  });

  test(`C60 C64 RFC 9221 §3 our client and a ${kind} server that takes no datagrams`, options, async () => {
    await withPeerServer(kind, files, {}, async (peer) => {
      await withOurClient(peer, { datagrams: true }, async (connection) => {
        assert.equal(connection.maxDatagramSize, 0);
        assert.throws(() => connection.sendDatagram(new Uint8Array(1)), {
          code: 'ERR_QUIC_DATAGRAM_UNSUPPORTED',
        });
      });
    });
  });
}
