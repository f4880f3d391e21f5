/** Resumption and 0-RTT with quic-go and quinn, in both roles: sessions of theirs at our client, tickets of ours at theirs. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { MemorySessionStore } from '../../src/index.ts';
import {
  assertDownloads,
  connectTo,
  get,
  runAgainst,
  until,
  withOurServer,
  withPeerServer,
} from '../support/interop.ts';
import { InteropFiles } from '../support/interop-files.ts';
import type { PeerKind } from '../support/peers.ts';
import { buildPeer } from './peers/build.ts';

const files = new InteropFiles();
files.add('40k', 40_000);
files.add('small', 32);
after(() => files.remove());

// Both before the first test: what is awaited between tests lets them run, and the files go with the last of them.
const statuses = { 'quic-go': await buildPeer('quic-go'), quinn: await buildPeer('quinn') };

for (const kind of ['quic-go', 'quinn'] satisfies PeerKind[]) {
  const status = statuses[kind];
  const skip = status.available ? false : status.reason;

  for (const earlyData of [false, true]) {
    const what = earlyData ? '0-RTT is accepted' : 'a session is resumed';

    test(`C25 ${earlyData ? 'C26 ' : ''}our client and a ${kind} server: ${what}`, { skip }, async () => {
      await withPeerServer(kind, files, {}, async (peer) => {
        const first = await connectTo(peer);
        assert.equal((await get(first, '/40k')).sha256, files.hash('/40k'));
        await until(() => first.session !== null);
        const session = first.session as Uint8Array;
        await first.close();
        const second = await connectTo(peer, { session, earlyData });
        assert.equal(second.earlyData, earlyData ? 'offered' : 'none');
        const got = await Promise.all(Array.from({ length: 10 }, () => get(second, '/small')));
        for (const { sha256 } of got) assert.equal(sha256, files.hash('/small'));
        await second.opened;
        assert.deepEqual([second.isResumed, second.earlyData], [true, earlyData ? 'accepted' : 'none']);
        assert.equal((await get(second, '/40k')).sha256, files.hash('/40k'));
        await second.close();
      });
    });

    test(`C25 ${earlyData ? 'C26 ' : ''}a ${kind} client and our server: ${what}`, { skip }, async () => {
      await withOurServer(files, { earlyData }, async (server) => {
        const requests = ['/40k', '/small'];
        const options = earlyData ? { zeroRtt: true } : { resume: true };
        const run = await runAgainst(server, kind, files, { requests, ...options });
        assert.equal(run.exitCode, 0, JSON.stringify(run.events));
        assertDownloads({ ...run, results: run.results.slice(-2) }, files, requests);
        assert.deepEqual(
          server.connections.map(({ isResumed }) => isResumed),
          [false, true],
        );
        assert.equal(server.connections[1]?.earlyData, earlyData ? 'accepted' : 'none');
        if (earlyData) {
          const second = run.results.filter(({ connection }) => connection === 2);
          assert.ok(
            second.length === 2 && second.every(({ zeroRtt }) => zeroRtt),
            JSON.stringify(run.results),
          );
        }
      });
    });
  }

  test(`C26 a ${kind} client and our server that takes no 0-RTT: everything arrives all the same`, {
    skip,
  }, async () => {
    await withOurServer(files, {}, async (server) => {
      const requests = ['/40k', '/small'];
      const run = await runAgainst(server, kind, files, { requests, zeroRtt: true });
      assertDownloads({ ...run, results: run.results.slice(-2) }, files, requests);
      assert.ok(server.connections[1]?.isResumed);
      assert.notEqual(server.connections[1]?.earlyData, 'accepted');
    });
  });

  // quinn 0.9 gives no tokens.
  if (kind === 'quinn') continue;
  test(`L72 our client and a ${kind} server: the token of one connection spares the next the Retry`, {
    skip,
  }, async () => {
    await withPeerServer(kind, files, { retry: true }, async (peer) => {
      const tokens = new MemorySessionStore();
      const retries: number[] = [];
      for (let i = 0; i < 3; i++) {
        const connection = await connectTo(peer, { tokens });
        assert.equal((await get(connection, '/40k')).sha256, files.hash('/40k'));
        await until(() => tokens.size === 1);
        await connection.close();
        retries.push(peer.events.filter(({ event, sent }) => event === 'retry' && sent === true).length);
      }
      assert.deepEqual(retries, [1, 1, 1]);
    });
  });
}
