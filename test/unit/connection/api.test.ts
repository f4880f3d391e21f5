import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Connection } from '../../../src/connection/api.ts';
import { seededRandom } from '../../../src/crypto/random.ts';
import { QuicError } from '../../../src/errors.ts';
import { encodeVersionNegotiation } from '../../../src/routing/encode-answers.ts';
import { parseHeader } from '../../../src/wire/parse-header.ts';
import { ApiLink, CLIENT, insideOf, linkConfig, quic, SERVER, STRANGER } from '../../support/api-link.ts';
import { coreIdentity } from '../../support/cores.ts';

const SERVING = linkConfig('serving', { identity: coreIdentity() });
const START = { scid: new Uint8Array(8), local: CLIENT, peer: SERVER, now: 0 };

describe('Connection: packets and time', () => {
  test('C1 a run with the same randomness and time sends the same bytes again', () => {
    const run = () => {
      const link = ApiLink.established({ seed: 'again' });
      link.client.streamSend(0, new Uint8Array(5000).fill(7), true);
      link.flush();
      link.client.close(true, 1, 'done', link.now);
      link.flush();
      return link.datagrams;
    };
    const first = run();
    assert.ok(first.length > 5);
    assert.deepEqual(run(), first);
  });

  test('C4 recv takes coalesced packets whole, skips junk, and keeps no datagram', () => {
    const link = new ApiLink();
    link.deliver(link.takeOne(link.client).datagram, true);
    const [first] = link.take(link.server);
    const before = link.client.stats().received;
    const datagram = first.slice();
    const taken = link.client.recv(datagram, { from: SERVER, to: CLIENT }, link.now);
    assert.equal(taken, first.length);
    // The server's Initial and Handshake packets came in one datagram.
    assert.ok(link.client.stats().received >= before + 2);
    datagram.fill(0xff);
    const junk = new Uint8Array(300).fill(0x5a);
    assert.equal(link.client.recv(junk, { from: SERVER, to: CLIENT }, link.now), 300);
    const damaged = first.slice();
    damaged[damaged.length - 1] ^= 1;
    assert.equal(link.client.recv(damaged, { from: SERVER, to: CLIENT }, link.now), first.length);
    link.flush();
    link.advance(1500);
    assert.ok(link.client.isEstablished && link.server.isEstablished);
  });

  test('C4 an empty datagram is an error of the caller', () => {
    const link = new ApiLink();
    assert.throws(
      () => link.client.recv(new Uint8Array(0), { from: SERVER, to: CLIENT }, 0),
      quic('ERR_QUIC_BUFFER_TOO_SHORT', { number: -2 }),
    );
    assert.equal(link.client.isClosed, false);
  });

  test('C4 a server whose very first datagram is no good closes at once and says why', () => {
    const accept = () =>
      Connection.accept({
        ...START,
        local: SERVER,
        peer: CLIENT,
        config: linkConfig('s', { identity: coreIdentity() }),
      });
    const at = { from: CLIENT, to: SERVER };
    const junk = accept();
    assert.throws(
      () => junk.recv(new Uint8Array(1200), at, 0),
      quic('ERR_QUIC_INVALID_PACKET', { number: -5 }),
    );
    assert.equal(junk.isClosed, true);
    const { datagram } = new ApiLink().takeOne(new ApiLink().client);
    const damaged = accept();
    const bad = datagram.slice();
    bad[600] ^= 1;
    assert.throws(() => damaged.recv(bad, at, 0), quic('ERR_QUIC_INVALID_PACKET'));
    assert.equal(damaged.isClosed, true);
    assert.equal(damaged.send(new Uint8Array(1200), 0), null);
    const future = datagram.slice();
    future.set([0x57, 0x41, 0x52, 0x50], 1);
    assert.throws(() => accept().recv(future, at, 0), quic('ERR_QUIC_UNKNOWN_VERSION', { number: -3 }));
  });

  test('C4 nothing but QuicError comes out of recv for a damaged first datagram, and the connection is closed then', () => {
    const { datagram } = new ApiLink().takeOne(new ApiLink().client);
    const random = seededRandom('damage');
    for (let i = 0; i < 200; i++) {
      const size = random.integer(4) === 0 ? 1 + random.integer(datagram.length) : datagram.length;
      const bad = datagram.slice(0, size);
      for (let bits = random.integer(4); bits >= 0; bits--)
        bad[random.integer(Math.min(60, size))] ^= 1 << random.integer(8);
      const server = Connection.accept({ ...START, local: SERVER, peer: CLIENT, config: SERVING });
      try {
        server.recv(bad, { from: CLIENT, to: SERVER }, 0);
        assert.equal(server.isClosed, false);
      } catch (error) {
        assert.ok(error instanceof QuicError, String(error));
        assert.equal(server.isClosed, true);
        assert.equal(server.send(new Uint8Array(1200), 0), null);
      }
    }
  });

  test('C5 a violation of the peer is thrown by recv and closes with its code', () => {
    const link = ApiLink.established();
    // RFC 9000 §19.20: only servers send HANDSHAKE_DONE.
    insideOf(link.client).control.sendHandshakeDone();
    link.flush();
    assert.equal(link.errors.length, 1);
    assert.throws(
      () => {
        throw link.errors[0];
      },
      quic('ERR_QUIC_TRANSPORT_ERROR', { errorCode: 0x0an, type: 'transport' }),
    );
    assert.equal(link.server.localError?.errorCode, 0x0an);
    assert.equal(link.server.localError?.isApplication, false);
    assert.equal(link.client.peerError?.errorCode, 0x0an);
    assert.ok(link.client.isDraining);
  });

  test('C6 send fills one datagram or several of one size, and null says that all is drained', () => {
    const link = ApiLink.established();
    link.client.streamSend(0, new Uint8Array(5000).fill(1), true);
    const out = new Uint8Array(65536);
    const info = link.client.send(out, link.now, { maxSegments: 4 });
    assert.ok(info !== null);
    assert.deepEqual([info.from, info.to], [CLIENT, SERVER]);
    assert.ok(info.segmentSize <= link.client.maxSendUdpPayloadSize);
    assert.ok(info.length > info.segmentSize && info.length <= 4 * info.segmentSize);
    assert.equal(typeof info.ecn, 'number');
    assert.ok(info.at >= link.now);
    for (let at = 0; at < info.length; at += info.segmentSize) {
      link.deliver(out.slice(at, Math.min(info.length, at + info.segmentSize)), true);
    }
    const single = link.client.send(out, link.now);
    assert.ok(single !== null && single.length === single.segmentSize);
    link.deliver(out.slice(0, single.length), true);
    link.flush();
    assert.equal(link.client.send(out, link.now), null);
    let total = 0;
    for (let chunk = link.server.streamRecvChunk(0); chunk !== null; chunk = link.server.streamRecvChunk(0)) {
      total += chunk.data.length;
      if (chunk.fin) break;
    }
    assert.equal(total, 5000);
    assert.throws(
      () => link.client.send(new Uint8Array(0), link.now),
      quic('ERR_QUIC_BUFFER_TOO_SHORT', { number: -2 }),
    );
  });

  test('C7 sendOnPath keeps to both addresses, to one of them, or to none', () => {
    const link = ApiLink.established();
    const { client } = link;
    const out = new Uint8Array(2048);
    const send = (from: typeof CLIENT | null, to: typeof CLIENT | null) => {
      client.ping(link.now);
      return client.sendOnPath(out, from, to, link.now);
    };
    for (const [from, to] of [
      [CLIENT, SERVER],
      [CLIENT, null],
      [null, SERVER],
      [null, null],
    ] as const) {
      const info = send(from, to);
      assert.ok(info !== null);
      assert.deepEqual([info.from, info.to], [CLIENT, SERVER]);
    }
    assert.equal(send(STRANGER, null), null);
    assert.equal(send(null, STRANGER), null);
    assert.throws(() => send(CLIENT, STRANGER), quic('ERR_QUIC_INVALID_STATE', { number: -6 }));
    // What the filter held back is still there.
    assert.notEqual(client.send(out, link.now), null);
  });

  test('C9 a client ignores datagrams from addresses that it does not know', () => {
    const link = ApiLink.established();
    link.server.streamSend(1, new Uint8Array(100), true);
    const { datagram } = link.takeOne(link.server);
    const { received } = link.client.stats();
    assert.equal(
      link.client.recv(datagram.slice(), { from: STRANGER, to: CLIENT }, link.now),
      datagram.length,
    );
    assert.equal(link.client.stats().received, received);
    assert.equal(link.client.isReadable(), false);
    link.client.recv(datagram, { from: SERVER, to: CLIENT }, link.now);
    assert.equal(link.client.isReadable(), true);
  });

  test('C10 one timer drives all: an early onTimeout does nothing, a due one sends the first flight again', () => {
    const link = new ApiLink({ client: { maxIdleTimeout: 5000 } });
    const { client } = link;
    assert.ok(link.take(client).length > 0);
    const due = client.timeoutAt();
    assert.ok(due !== null && due > link.now);
    assert.equal(client.timeout(link.now), due - link.now);
    client.onTimeout(due - 1);
    assert.deepEqual(link.take(client), []);
    assert.equal(client.timeoutAt(), due);
    client.onTimeout(due);
    assert.equal(client.timeout(due + 1_000_000), 0);
    link.now = due;
    assert.ok(link.take(client).length > 0);
    // Nobody ever answers: the idle timeout is the same timer's business.
    link.advance(60_000);
    assert.equal(client.isTimedOut, true);
    assert.equal(client.timeoutAt(), null);
    assert.equal(client.timeout(link.now), null);
  });

  test('C11 after draining began send gives null always', () => {
    const link = ApiLink.established();
    link.client.close(true, 0, '', link.now);
    link.flush();
    assert.equal(link.server.isDraining, true);
    assert.equal(link.server.streamSend(1, new Uint8Array(10), true), 10);
    link.server.ping(link.now);
    assert.deepEqual(link.take(link.server), []);
    assert.deepEqual(link.take(link.client), []);
    link.advance(10_000);
    assert.equal(link.server.isClosed, true);
    assert.deepEqual(link.take(link.server), []);
  });

  test('C12 the send quantum is a burst of the active path, of a known path, and 0 for an unknown one', () => {
    const { client } = ApiLink.established();
    assert.ok(client.sendQuantum >= 1200);
    assert.equal(client.sendQuantumOnPath(CLIENT, SERVER), client.sendQuantum);
    assert.equal(client.sendQuantumOnPath(CLIENT, STRANGER), 0);
  });

  test('C13 a ping makes the next packet ack-eliciting, exactly once', () => {
    const link = ApiLink.established();
    link.advance(1000);
    const { client, server } = link;
    client.ping(link.now);
    client.ping(link.now);
    assert.equal(link.take(client).length, 1);
    client.pingOnPath(CLIENT, SERVER, link.now);
    const [datagram] = link.take(client);
    const acked = server.stats().sent;
    link.deliver(datagram, true);
    link.advance(100);
    assert.equal(server.stats().sent, acked + 1);
    assert.throws(() => client.pingOnPath(CLIENT, STRANGER, link.now), quic('ERR_QUIC_INVALID_STATE'));
    client.close(true, 0, '', link.now);
    link.flush();
    client.ping(link.now);
    client.pingOnPath(CLIENT, STRANGER, link.now);
    assert.deepEqual(link.take(client), []);
  });

  test('C15 a reserved version makes the server negotiate, and the client fails when it offers none of its own', () => {
    const link = new ApiLink({ client: { version: 0x1a2a_3a4a } });
    const { client } = link;
    const first = parseHeader(link.takeOne(client).datagram, 8);
    assert.equal(first.version, 0x1a2a_3a4a);
    const out = new Uint8Array(100);
    const length = encodeVersionNegotiation(first.scid, first.dcid, out, { versions: [0x5a5a_5a5a] });
    client.recv(out.slice(0, length), { from: SERVER, to: CLIENT }, link.now);
    assert.equal(client.isClosed, true);
    link.flush();
    const last = link.clientEvents.at(-1);
    assert.ok(last?.type === 'closed' && last.error.code === 'ERR_QUIC_VERSION_NEGOTIATION');
  });

  test('arguments of a wrong type or range are named', () => {
    const config = { alpn: ['test'] };
    const wrong = (options: object) => () => Connection.connect({ ...START, config, ...options } as never);
    assert.throws(wrong({ scid: 'abc' }), { code: 'ERR_INVALID_ARG_TYPE', message: /scid/ });
    assert.throws(wrong({ scid: new Uint8Array(21) }), { code: 'ERR_OUT_OF_RANGE', message: /scid/ });
    assert.throws(wrong({ local: { address: 'nowhere', port: 1 } }), {
      code: 'ERR_INVALID_ARG_TYPE',
      message: /local/,
    });
    assert.throws(wrong({ now: Number.NaN }), { code: 'ERR_INVALID_ARG_TYPE', message: /now/ });
    assert.throws(wrong({ serverName: 5 }), { code: 'ERR_INVALID_ARG_TYPE', message: /serverName/ });
    assert.throws(wrong({ dcid: new Uint8Array(7) }), quic('ERR_QUIC_INVALID_DCID', { number: -23 }));
    const { client } = new ApiLink();
    assert.throws(() => client.close(true, -1, '', 0), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => client.close(true, 2n ** 62n, '', 0), { code: 'ERR_OUT_OF_RANGE' });
    assert.equal(client.isClosed, false);
  });
});
