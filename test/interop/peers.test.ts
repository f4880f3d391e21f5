/**
 * The foreign peers against each other: that the programs in `peers/` do what the interop tests ask of them. A test of
 * ours against a peer that fails while its counterpart here passes has found a fault of ours.
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { makeTestIdentity } from '../support/certificates.ts';
import {
  type PeerClientOptions,
  type PeerClientRun,
  type PeerKind,
  type PeerServer,
  type PeerServerOptions,
  runPeerClient,
  startPeerClient,
  startPeerServer,
} from '../support/peers.ts';
import { buildPeers, PEER_KINDS, skipWithout } from './peers/build.ts';

const statuses = await buildPeers();
const folder = mkdtempSync(join(tmpdir(), 'quayside-peers-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const identity = makeTestIdentity();
const cert = file('cert.pem', identity.certPem);
const key = file('key.pem', identity.keyPem);
const ca = file('ca.pem', identity.caPem);
const sizes = { '/20m': 20 * 1024 * 1024, '/2m': 2 * 1024 * 1024, '/40k': 40_000, '/1k': 1024 };
const hashes = new Map<string, string>();
for (const [path, size] of Object.entries(sizes)) {
  const bytes = randomBytes(size);
  writeFileSync(join(folder, path), bytes);
  hashes.set(path, sha256(bytes));
}

/** Every server meets the two clients that are not its own implementation. */
const pairs = PEER_KINDS.flatMap((server) =>
  PEER_KINDS.filter((client) => client !== server).map((client) => ({ server, client })),
);

for (const { server, client } of pairs) {
  describe(`a ${client} client and a ${server} server`, {
    skip: skipWithout(statuses, server, client),
  }, () => {
    test('transfer 20 MB and 100 streams at once, and close cleanly', async () => {
      await withServer(server, {}, async (peer) => {
        const out = mkdtempSync(join(folder, 'out-'));
        const big = await fetch(client, peer, { requests: ['/20m'], out });
        assertDownloads(big, ['/20m']);
        assert.equal(sha256(readFileSync(join(out, '20m'))), hashes.get('/20m'));
        const many = await fetch(client, peer, {
          requests: ['/40k'],
          streams: 100,
          close: { code: 77, reason: 'bye' },
        });
        assertDownloads(many, Array(100).fill('/40k'));

        const [established] = many.events.filter(({ event }) => event === 'established');
        assert.equal(established?.alpn, 'hq-interop');
        const here = many.events.find(({ event }) => event === 'closed');
        assert.deepEqual(
          [here?.kind, here?.code, here?.reason, here?.remote],
          ['application', 77, 'bye', false],
        );
        const there = await peer.waitFor('closed', ({ connection }) => connection === 2);
        assert.deepEqual(
          [there.kind, there.code, there.reason, there.remote, there.streams],
          ['application', 77, 'bye', true, 100],
        );
      });
    });

    test('complete a handshake with Retry', async () => {
      await withServer(server, { retry: true }, async (peer) => {
        const run = await fetch(client, peer, { requests: ['/1k'] });
        assertDownloads(run, ['/1k']);
        // quinn tells of no Retry, in neither role.
        if (server !== 'quinn')
          assert.ok(peer.events.some(({ event, sent }) => event === 'retry' && sent === true));
        if (client !== 'quinn')
          assert.ok(run.events.some(({ event, sent }) => event === 'retry' && sent === false));
      });
    });

    test('see the close of the server, and the reset of a missing file', async () => {
      await withServer(server, {}, async (peer) => {
        const missing = await fetch(client, peer, { requests: ['/nope'] });
        assert.equal(missing.exitCode, 1);
        assert.equal(missing.events.find(({ event }) => event === 'failed')?.code, 1);

        const waiting = await startPeerClient(client, {
          port: peer.port,
          ca,
          requests: ['/1k'],
          waitClose: true,
        });
        await waiting.waitFor('download');
        peer.close(9, 'go away');
        const closed = (await waiting.done).events.find(({ event }) => event === 'closed');
        assert.deepEqual(
          [closed?.kind, closed?.code, closed?.reason, closed?.remote],
          ['application', 9, 'go away', true],
        );
      });
    });

    test('refuse what does not fit: another ALPN, another name', async () => {
      await withServer(server, {}, async (peer) => {
        const alpn = await fetch(client, peer, { alpn: ['nobody'], requests: ['/1k'] });
        const alpnClosed = alpn.events.find(({ event }) => event === 'closed');
        assert.deepEqual([alpn.exitCode, alpnClosed?.code, alpnClosed?.remote], [1, 0x178, true]);
        const name = await fetch(client, peer, { name: 'example.org', requests: ['/1k'] });
        const nameClosed = name.events.find(({ event }) => event === 'closed');
        assert.deepEqual([name.exitCode, nameClosed?.code, nameClosed?.remote], [1, 0x12a, false]);
      });
    });

    test('resume, and send requests in 0-RTT', async () => {
      await withServer(server, {}, async (peer) => {
        const resumed = await fetch(client, peer, { requests: ['/1k', '/40k'], resume: true });
        assertDownloads(resumed, ['/1k', '/1k', '/40k']);
        assert.deepEqual(
          resumed.events.filter(({ event }) => event === 'established').map((event) => event.resumed),
          [false, true],
        );
        const early = await fetch(client, peer, { requests: ['/1k'], streams: 3, zeroRtt: true });
        assertDownloads(early, ['/1k', '/1k', '/1k', '/1k']);
        const second = early.events.find((event) => event.event === 'established' && event.connection === 2);
        assert.deepEqual([second?.resumed, second?.zeroRtt], [true, true]);
        assert.ok(early.results.filter(({ connection }) => connection === 2).every(({ zeroRtt }) => zeroRtt));
      });
    });

    test('echo streams and datagrams', async () => {
      await withServer(server, { datagrams: true }, async (peer) => {
        const run = await fetch(client, peer, { alpn: ['echo'], echo: 3_000_000, streams: 2, datagrams: 20 });
        assert.equal(run.exitCode, 0, JSON.stringify(run.events));
        assert.deepEqual(
          run.results.map(({ path, length }) => [path, length]),
          Array(2).fill(['echo', 3_000_000]),
        );
        const datagrams = run.events.find(({ event }) => event === 'datagrams');
        assert.equal(datagrams?.sent, 20);
        assert.ok(Number(datagrams?.received) > 0);
      });
    });

    test('go on after key updates of either side', async () => {
      await withServer(server, { keyUpdate: server !== 'quiche' }, async (peer) => {
        const run = await fetch(client, peer, { requests: ['/2m'], keyUpdate: client !== 'quiche' });
        assertDownloads(run, ['/2m']);
        assert.ok([...run.events, ...peer.events].some(({ event }) => event === 'key-update'));
      });
    });
  });
}

/** Only what works between these versions; the peers' README tells the rest. */
const moves: readonly { client: PeerKind; server: PeerKind; how: 'rebind' | 'migrate' }[] = [
  { client: 'quic-go', server: 'quinn', how: 'rebind' },
  { client: 'quinn', server: 'quinn', how: 'rebind' },
  { client: 'quiche', server: 'quiche', how: 'migrate' },
];

for (const { client, server, how } of moves) {
  const title = `a ${client} client that moves (${how}) finishes its transfer from a ${server} server`;
  test(title, { skip: skipWithout(statuses, server, client) }, async () => {
    await withServer(server, {}, async (peer) => {
      const run = await fetch(client, peer, {
        requests: ['/2m'],
        ...(how === 'rebind' ? { rebind: 2 } : { migrate: true }),
      });
      assertDownloads(run, ['/2m']);
      const ports = run.events
        .filter(({ event }) => event === 'rebind' || event === 'migrated')
        .map(({ port }) => port);
      assert.equal(ports.length, how === 'rebind' ? 2 : 1);
      const closed = await peer.waitFor('closed');
      assert.equal(closed.lastRemote, `127.0.0.1:${ports.at(-1)}`);
    });
  });
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function withServer(
  kind: PeerKind,
  options: Partial<PeerServerOptions>,
  use: (peer: PeerServer) => Promise<void>,
): Promise<void> {
  const peer = await startPeerServer(kind, { cert, key, root: folder, ...options });
  try {
    await use(peer);
  } finally {
    await peer.stop();
  }
}

function fetch(
  kind: PeerKind,
  peer: PeerServer,
  options: Partial<PeerClientOptions>,
): Promise<PeerClientRun> {
  return runPeerClient(kind, { port: peer.port, ca, ...options });
}

function assertDownloads(run: PeerClientRun, paths: readonly string[]): void {
  assert.equal(run.exitCode, 0, run.events.map((event) => JSON.stringify(event)).join('\n'));
  assert.deepEqual(run.results.map(({ path }) => path).sort(), [...paths].sort());
  for (const { path, sha256: hash } of run.results) assert.equal(hash, hashes.get(path), path);
}
