import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Connection } from '../../../src/connection/api.ts';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import { seededRandom } from '../../../src/crypto/random.ts';
import { verifyRetry } from '../../../src/crypto/retry-integrity.ts';
import {
  encodeRetry,
  encodeVersionNegotiation,
  isVersionSupported,
} from '../../../src/routing/encode-answers.ts';
import { parseHeader } from '../../../src/wire/parse-header.ts';
import { isReservedVersion, VERSION_1 } from '../../../src/wire/versions.ts';
import { ApiLink, CLIENT, linkConfig, quic, SERVER } from '../../support/api-link.ts';
import { coreIdentity } from '../../support/cores.ts';

const SCID = new Uint8Array(8).fill(1);
const DCID = new Uint8Array(16).fill(2);

describe('encoders of answers', () => {
  test('C2 C3 a Version Negotiation packet swaps the ids and lists what is supported', () => {
    const out = new Uint8Array(100);
    const length = encodeVersionNegotiation(SCID, DCID, out, { random: seededRandom(1) });
    const header = parseHeader(out.subarray(0, length), 0);
    assert.equal(header.type, 'version-negotiation');
    assert.deepEqual([header.dcid, header.scid], [SCID, DCID]);
    assert.ok(header.versions?.includes(1));
    assert.equal(header.versions?.filter((version) => !isReservedVersion(version)).length, 1);
    assert.throws(
      () => encodeVersionNegotiation(SCID, DCID, new Uint8Array(20)),
      quic('ERR_QUIC_BUFFER_TOO_SHORT', { number: -2 }),
    );
  });

  test('C3 a Retry has a tag that clients find right', () => {
    const out = new Uint8Array(200);
    const length = encodeRetry(SCID, DCID, new Uint8Array(5).fill(3), Uint8Array.of(9, 9), 1, out);
    const packet = out.subarray(0, length);
    const header = parseHeader(packet, 0);
    assert.equal(header.type, 'retry');
    assert.deepEqual(
      [header.dcid, header.scid, header.token],
      [SCID, new Uint8Array(5).fill(3), Uint8Array.of(9, 9)],
    );
    assert.equal(verifyRetry(nodeProvider, VERSION_1, DCID, packet), true);
    assert.equal(verifyRetry(nodeProvider, VERSION_1, SCID, packet), false);
    assert.throws(
      () => encodeRetry(SCID, DCID, SCID, Uint8Array.of(1), 0x1234, out),
      quic('ERR_QUIC_UNKNOWN_VERSION', { number: -3 }),
    );
    assert.throws(
      () => encodeRetry(SCID, DCID, SCID, Uint8Array.of(1), 1, new Uint8Array(30)),
      quic('ERR_QUIC_BUFFER_TOO_SHORT'),
    );
    assert.throws(() => encodeRetry(SCID, DCID, SCID, new Uint8Array(0), 1, out), {
      code: 'ERR_OUT_OF_RANGE',
    });
  });

  test('C3 C14 a client follows a Retry that its user made, and the server accepts it by its original id', () => {
    for (const isSameId of [true, false]) {
      const link = new ApiLink({ seed: String(isSameId) });
      const { client } = link;
      const first = parseHeader(link.takeOne(client).datagram, 8);
      const retryId = new Uint8Array(10).fill(7);
      const token = new TextEncoder().encode('I saw you');
      const out = new Uint8Array(200);
      const length = encodeRetry(first.scid, first.dcid, retryId, token, first.version, out);
      client.recv(out.slice(0, length), { from: SERVER, to: CLIENT }, link.now);
      const { datagram } = link.takeOne(client);
      const second = parseHeader(datagram, 8);
      assert.deepEqual([second.dcid, second.token], [retryId, token]);
      const server = Connection.accept({
        scid: isSameId ? retryId : new Uint8Array(6).fill(8),
        ...(isSameId ? { odcid: first.dcid } : { retry: { odcid: first.dcid, scid: retryId } }),
        local: SERVER,
        peer: CLIENT,
        config: linkConfig('server', { identity: coreIdentity() }),
        now: link.now,
      });
      server.recv(datagram, { from: CLIENT, to: SERVER }, link.now);
      for (let round = 0; round < 5; round++) {
        for (const each of link.take(server)) client.recv(each, { from: SERVER, to: CLIENT }, link.now);
        for (const each of link.take(client)) server.recv(each, { from: CLIENT, to: SERVER }, link.now);
      }
      assert.equal(client.isEstablished && server.isEstablished, true);
      assert.deepEqual(client.peerTransportParameters?.retrySourceConnectionId, retryId);
      assert.deepEqual(client.peerTransportParameters?.originalDestinationConnectionId, first.dcid);
    }
  });

  test('supported versions are those that connections are made in', () => {
    assert.equal(isVersionSupported(1), true);
    assert.equal(isVersionSupported(0x1a2a_3a4a), false);
  });
});
