/**
 * What every foreign peer must be able to do with us, in both roles. The test files of the single peers add what only
 * some can do.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { certificatesToPem, makeTestAuthority, makeTestIdentity } from './certificates.ts';
import {
  assertDownloads,
  connectTo,
  echo,
  ended,
  endIn,
  endOf,
  get,
  runAgainst,
  skipWithoutIpv6,
  until,
  withOurClient,
  withOurServer,
  withPeerServer,
} from './interop.ts';
import type { InteropFiles } from './interop-files.ts';
import type { PeerKind } from './peers.ts';

/** The files that the cases ask for, and how they are named in titles. */
export interface CaseOptions {
  readonly kind: PeerKind;
  readonly files: InteropFiles;
  /** False, or why the peer is not there. */
  readonly skip: string | false;
  /** The large file: its path and size in words. */
  readonly large: { readonly path: string; readonly name: string };
  readonly small: string;
}

/** Handshake, transfer, many streams, Retry and closes: our client and the peer's server. */
export function clientCases({ kind, files, skip, large, small }: CaseOptions): void {
  const pair = `our client and a ${kind} server`;

  for (const retry of [false, true]) {
    test(`${pair}${retry ? ' with Retry' : ''}: ${large.name} arrive unchanged, then 100 streams at once`, {
      skip,
    }, async (t) => {
      await withPeerServer(kind, files, { retry }, async (peer) => {
        await withOurClient(peer, {}, async (connection) => {
          assert.equal(connection.alpn, 'hq-interop');
          const got = await get(connection, large.path);
          assert.equal(got.sha256, files.hash(large.path));
          t.diagnostic(`${got.mbitPerSecond} Mbit/s`);
          const many = await Promise.all(Array.from({ length: 100 }, () => get(connection, small)));
          for (const { sha256 } of many) assert.equal(sha256, files.hash(small));
          await connection.close({ code: 77, reason: 'bye' });
          assert.deepEqual(await endOf(connection), ended('application', 77, 'bye', false));
          const closed = await peer.waitFor('closed');
          assert.deepEqual(endIn(closed), ended('application', 77, 'bye', true));
          if (retry && kind !== 'quinn') {
            assert.ok(peer.events.some(({ event, sent }) => event === 'retry' && sent === true));
          }
        });
      });
    });
  }

  test(`${pair}: the server's close and its reset of a stream reach us with their codes`, {
    skip,
  }, async () => {
    await withPeerServer(kind, files, {}, async (peer) => {
      await withOurClient(peer, {}, async (connection) => {
        await assert.rejects(get(connection, '/missing'), { code: 'ERR_QUIC_STREAM_RESET', errorCode: 1n });
        assert.equal((await get(connection, small)).sha256, files.hash(small));
        peer.close(9, 'go away');
        assert.deepEqual(await endOf(connection), ended('application', 9, 'go away', true));
      });
    });
  });
}

/** The same: our server and the peer's client. */
export function serverCases({ kind, files, skip, large, small }: CaseOptions): void {
  const pair = `a ${kind} client and our server`;

  for (const addressValidation of ['never', 'always'] as const) {
    const retry = addressValidation === 'always';
    test(`${pair}${retry ? ' with Retry' : ''}: ${large.name} arrive unchanged`, { skip }, async (t) => {
      await withOurServer(files, { addressValidation }, async (server) => {
        const close = { code: 77, reason: 'bye' };
        const run = await runAgainst(server, kind, files, { requests: [large.path], close });
        assertDownloads(run, files, [large.path]);
        t.diagnostic(`${server.mbitPerSecond} Mbit/s`);
        assert.deepEqual(
          endIn(run.events.find(({ event }) => event === 'closed')),
          ended('application', 77, 'bye', false),
        );
        assert.deepEqual(await endOf(await server.first()), ended('application', 77, 'bye', true));
        if (retry && kind !== 'quinn') {
          assert.ok(run.events.some(({ event, sent }) => event === 'retry' && sent === false));
        }
      });
    });
  }

  test(`${pair}: 100 streams at once`, { skip }, async () => {
    await withOurServer(files, {}, async (server) => {
      const run = await runAgainst(server, kind, files, { requests: [small], streams: 100 });
      assertDownloads(run, files, Array(100).fill(small));
    });
  });

  test(`${pair}: our close and our reset of a stream reach the client with their codes`, {
    skip,
  }, async () => {
    await withOurServer(files, {}, async (server) => {
      const running = runAgainst(server, kind, files, { requests: ['/missing', small], waitClose: true });
      const connection = await server.first();
      await until(() => server.answered === 2);
      await connection.close({ code: 9, reason: 'go away' });
      const run = await running;
      assert.equal(run.events.find(({ event }) => event === 'failed')?.code, 1);
      assert.deepEqual(
        run.results.map(({ sha256 }) => sha256),
        [files.hash(small)],
      );
      assert.deepEqual(
        endIn(run.events.find(({ event }) => event === 'closed')),
        ended('application', 9, 'go away', true),
      );
    });
  });
}

/** Uploads, IPv6, and refusals: what the fast tests leave out. */
export function furtherCases({ kind, files, skip, large, small }: CaseOptions): void {
  const upload = files.contents.get(large.path) as Uint8Array;

  test(`our client and a ${kind} server: ${large.name} come back from an echo`, { skip }, async (t) => {
    await withPeerServer(kind, files, {}, async (peer) => {
      await withOurClient(peer, { alpn: 'echo' }, async (connection) => {
        const got = await echo(connection, upload);
        assert.equal(got.sha256, files.hash(large.path));
        t.diagnostic(`${got.mbitPerSecond} Mbit/s each way`);
      });
    });
  });

  test(`a ${kind} client and our server: ${large.name} come back from our echo`, { skip }, async () => {
    await withOurServer(files, {}, async (server) => {
      const run = await runAgainst(server, kind, files, { alpn: ['echo'], echo: upload.length });
      assert.equal(run.exitCode, 0, JSON.stringify(run.events));
      assert.deepEqual(
        run.results.map(({ path, length }) => [path, length]),
        [['echo', upload.length]],
      );
    });
  });

  test(`our client and a ${kind} server over IPv6`, { skip: skip || skipWithoutIpv6() }, async () => {
    await withPeerServer(kind, files, { host: '::1' }, async (peer) => {
      await withOurClient(peer, { host: '::1' }, async (connection) => {
        assert.equal((await get(connection, small)).sha256, files.hash(small));
        assert.equal(connection.remoteAddress.family, 6);
      });
    });
  });

  test(`a ${kind} client and our server over IPv6`, { skip: skip || skipWithoutIpv6() }, async () => {
    await withOurServer(files, { address: '::1' }, async (server) => {
      const run = await runAgainst(server, kind, files, { host: '::1', requests: [small] });
      assertDownloads(run, files, [small]);
    });
  });

  test(`our client and a ${kind} server: no common ALPN is no_application_protocol here`, {
    skip,
  }, async () => {
    await withPeerServer(kind, files, {}, async (peer) => {
      await assert.rejects(connectTo(peer, { alpn: 'nobody' }), {
        code: 'ERR_QUIC_TLS_FAIL',
        errorCode: 0x178n,
        remote: true,
      });
    });
  });

  test(`a ${kind} client and our server: no common ALPN is no_application_protocol there`, {
    skip,
  }, async () => {
    await withOurServer(files, {}, async (server) => {
      const run = await runAgainst(server, kind, files, { alpn: ['nobody'], requests: [small] });
      const { code, remote } = run.events.find(({ event }) => event === 'closed') ?? {};
      assert.deepEqual([run.exitCode, code, remote], [1, 0x178, true]);
    });
  });

  test(`our client refuses a ${kind} server's certificate of an unknown root, and a wrong name`, {
    skip,
  }, async () => {
    const other = makeTestAuthority({ subject: 'somebody else' });
    await withPeerServer(kind, files, {}, async (peer) => {
      await assert.rejects(connectTo(peer, { ca: certificatesToPem([other.root]) }), {
        code: 'ERR_QUIC_CERTIFICATE_UNKNOWN_ISSUER',
      });
      await assert.rejects(connectTo(peer, { serverName: 'example.org' }), {
        code: 'ERR_QUIC_CERTIFICATE_HOST_MISMATCH',
      });
      for (const [number, alert] of [
        [1, 0x130],
        [2, 0x12a],
      ]) {
        const closed = await peer.waitFor('closed', ({ connection }) => connection === number);
        assert.deepEqual([closed.kind, closed.code, closed.remote], ['transport', alert, true]);
      }
    });
  });

  test(`a ${kind} client refuses our certificate of an unknown root, and we learn of it`, {
    skip,
  }, async () => {
    const identity = makeTestIdentity({ authority: makeTestAuthority({ subject: 'somebody else' }) });
    await withOurServer(files, { identity }, async (server) => {
      const run = await runAgainst(server, kind, files, { requests: [small] });
      assert.equal(run.exitCode, 1);
      const { code, kind: how, remote } = await endOf(await server.first());
      assert.deepEqual([how, remote], ['transport', true]);
      // quinn hides the alert behind APPLICATION_ERROR.
      assert.ok(code === 0xc || (code > 0x100 && code < 0x200), `code ${code}`);
    });
  });
}
