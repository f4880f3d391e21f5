/** Key updates (RFC 9001 §6) in the middle of a transfer with a foreign peer. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { assertDownloads, get, runAgainst, withOurClient, withOurServer, withPeerServer } from './interop.ts';
import type { CaseOptions } from './interop-cases.ts';
import type { PeerEvent } from './peers.ts';

/** Those that we start. `tellsOurs`: the peer has an event for an update of the other side. */
export function ourKeyUpdateCases(options: CaseOptions, tellsOurs: boolean): void {
  const { kind, files, skip, large } = options;

  test(`our client and a ${kind} server: our key updates during a transfer`, { skip }, async (t) => {
    await withPeerServer(kind, files, {}, async (peer) => {
      await withOurClient(peer, {}, async (connection) => {
        let updates = 0;
        const got = await get(connection, large.path, (length) => {
          if (length > (updates + 1) * 1_000_000 && connection.updateKeys()) updates++;
        });
        assert.equal(got.sha256, files.hash(large.path));
        assertUpdates(t, updates);
        if (tellsOurs) assert.ok(peer.events.some(isUpdateOfOther));
      });
    });
  });

  test(`a ${kind} client and our server: our key updates during a transfer`, { skip }, async (t) => {
    await withOurServer(files, {}, async (server) => {
      let updates = 0;
      const timer = setInterval(() => {
        const [connection] = server.connections;
        if ((connection?.stats.bytesSent ?? 0) < (updates + 1) * 1_000_000) return;
        if (connection?.isOpen && connection.updateKeys()) updates++;
      }, 2);
      try {
        const run = await runAgainst(server, kind, files, { requests: [large.path] });
        assertDownloads(run, files, [large.path]);
        assertUpdates(t, updates);
        if (tellsOurs) assert.ok(run.events.some(isUpdateOfOther));
      } finally {
        clearInterval(timer);
      }
    });
  });
}

/** Those that the peer starts. */
export function theirKeyUpdateCases({ kind, files, skip, large }: CaseOptions): void {
  test(`our client and a ${kind} server: the server's key updates during a transfer`, { skip }, async () => {
    await withPeerServer(kind, files, { keyUpdate: true }, async (peer) => {
      await withOurClient(peer, {}, async (connection) => {
        assert.equal((await get(connection, large.path)).sha256, files.hash(large.path));
        assert.ok(peer.events.some(isOwnUpdate));
      });
    });
  });

  test(`a ${kind} client and our server: the client's key updates during a transfer`, { skip }, async () => {
    await withOurServer(files, {}, async (server) => {
      const run = await runAgainst(server, kind, files, { requests: [large.path], keyUpdate: true });
      assertDownloads(run, files, [large.path]);
      assert.ok(run.events.some(isOwnUpdate));
    });
  });
}

function isUpdateOfOther({ event, remote }: PeerEvent): boolean {
  return event === 'key-update' && remote === true;
}

function isOwnUpdate({ event, remote }: PeerEvent): boolean {
  return event === 'key-update' && remote === false;
}

/** What is left of the transfer after an update can only be read by a peer that followed it. */
function assertUpdates(t: TestContext, updates: number): void {
  t.diagnostic(`${updates} key updates`);
  assert.ok(updates >= 1);
}
