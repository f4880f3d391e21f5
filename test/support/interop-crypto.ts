/** Cipher suites, groups and kinds of certificates with a foreign peer, in both roles. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CertificateKeyKind } from '../../src/pki/make-certificate.ts';
import { makeTestAuthority, makeTestIdentity } from './certificates.ts';
import {
  assertDownloads,
  endIn,
  get,
  runAgainst,
  withOurClient,
  withOurServer,
  withPeerServer,
} from './interop.ts';
import type { CaseOptions } from './interop-cases.ts';

const KINDS: readonly CertificateKeyKind[] = ['ec-p384', 'rsa', 'ed25519'];
const SUITES = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];
const GROUPS = ['P-256', 'P-384'];

/** One handshake and one small file per choice. `refused`: certificates that the peer's client does not take. */
export function cryptoCases(
  { kind, files, skip, small }: CaseOptions,
  refused: readonly CertificateKeyKind[] = [],
): void {
  for (const keyKind of KINDS) {
    const authority = (): ReturnType<typeof makeTestAuthority> => makeTestAuthority({ kind: keyKind });
    const identity = (): ReturnType<typeof makeTestIdentity> =>
      makeTestIdentity({ kind: keyKind, authority: authority() });

    test(`our client and a ${kind} server with a certificate of ${keyKind}`, { skip }, async () => {
      const own = identity();
      await withPeerServer(kind, files, { identity: own }, async (peer) => {
        await withOurClient(peer, { ca: own.caPem }, async (connection) => {
          assert.equal((await get(connection, small)).sha256, files.hash(small));
          assert.deepEqual(Buffer.from(connection.peerCertificate ?? []), Buffer.from(own.der));
        });
      });
    });

    if (refused.includes(keyKind)) {
      test(`a ${kind} client does not take our certificate of ${keyKind}`, { skip }, async () => {
        await withOurServer(files, { identity: identity() }, async (server) => {
          const run = await runAgainst(server, kind, files, { requests: [small] });
          // No signature scheme in common: handshake_failure, from us.
          assert.deepEqual(endIn(run.events.find(({ event }) => event === 'closed')).code, 0x128);
          assert.equal(server.turnedAway.negotiation, 1);
          assert.equal(server.connections.length, 0);
        });
      });
      continue;
    }

    test(`a ${kind} client and our server with a certificate of ${keyKind}`, { skip }, async () => {
      const own = identity();
      await withOurServer(files, { identity: own }, async (server) => {
        const { ca } = files.identity(own);
        assertDownloads(await runAgainst(server, kind, files, { ca, requests: [small] }), files, [small]);
      });
    });
  }

  for (const suite of SUITES) {
    test(`our client and a ${kind} server: only ${suite}`, { skip }, async () => {
      await withPeerServer(kind, files, {}, async (peer) => {
        await withOurClient(peer, { ciphers: [suite] }, async (connection) => {
          assert.equal((await connection.opened).cipher, suite);
          assert.equal((await get(connection, small)).sha256, files.hash(small));
        });
      });
    });

    test(`a ${kind} client and our server: only ${suite}`, { skip }, async () => {
      await withOurServer(files, { ciphers: [suite] }, async (server) => {
        assertDownloads(await runAgainst(server, kind, files, { requests: [small] }), files, [small]);
        assert.equal((await (await server.first()).opened).cipher, suite);
      });
    });
  }

  for (const group of GROUPS) {
    test(`our client and a ${kind} server: only ${group}`, { skip }, async () => {
      await withPeerServer(kind, files, {}, async (peer) => {
        await withOurClient(peer, { groups: [group] }, async (connection) => {
          assert.equal((await get(connection, small)).sha256, files.hash(small));
        });
      });
    });

    // The peers' first flight has a key share of x25519 alone, so that this takes a HelloRetryRequest.
    test(`a ${kind} client and our server: only ${group}, by HelloRetryRequest`, { skip }, async () => {
      await withOurServer(files, { groups: [group] }, async (server) => {
        assertDownloads(await runAgainst(server, kind, files, { requests: [small] }), files, [small]);
      });
    });
  }
}
