import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { QUIC_ERRORS, type QuicErrorRow, quicError } from '../../../src/errors.ts';
import { certificateAlert } from '../../../src/pki/certificate-alert.ts';
import { toHex } from '../../../src/util/bytes.ts';
import { ApiLink, CLIENT, quic, SERVER } from '../../support/api-link.ts';
import { coreIdentity } from '../../support/cores.ts';

describe('Connection: closing, state and information', () => {
  test('C90 C92 close tells the peer whose code it is and why; a second one has nothing to do', () => {
    const link = ApiLink.established();
    const { client, server } = link;
    assert.equal(client.localError, null);
    assert.equal(client.close(true, 2n ** 61n, 'the end', link.now), true);
    assert.equal(client.close(true, 1, '', link.now), false);
    const said = { isApplication: true, errorCode: 2n ** 61n, reason: 'the end' };
    assert.deepEqual(client.localError, said);
    link.flush();
    assert.deepEqual(server.peerError, said);
    assert.equal(server.localError, null);
    assert.equal(client.peerError, null);
    assert.equal(server.close(false, 0, '', link.now), false);
  });

  test('C90 what an application says too early becomes APPLICATION_ERROR without a reason', () => {
    const link = new ApiLink();
    const { client, server } = link;
    link.deliver(link.takeOne(client).datagram, true);
    assert.equal(server.isEstablished, false);
    assert.equal(server.close(true, 77, 'secret', link.now), true);
    assert.deepEqual(server.localError, { isApplication: false, errorCode: 0x0cn, reason: '' });
    link.flush();
    assert.deepEqual(client.peerError, { isApplication: false, errorCode: 0x0cn, reason: '' });
  });

  test('C90 a connection that no packet ever reached is closed at once, with nothing sent', () => {
    const { client, now } = new ApiLink();
    assert.equal(client.close(true, 1, '', now), true);
    assert.equal(client.isClosed, true);
    assert.equal(client.send(new Uint8Array(1200), now), null);
    assert.equal(client.timeoutAt(), null);
  });

  test('C91 every state query is right at every step', () => {
    const link = new ApiLink();
    const { client, server } = link;
    const state = () => [client.isEstablished, client.isDraining, client.isClosed, client.isTimedOut];
    assert.deepEqual([client.isServer, server.isServer], [false, true]);
    assert.deepEqual(state(), [false, false, false, false]);
    link.flush();
    link.advance(50);
    assert.deepEqual(state(), [true, false, false, false]);
    assert.deepEqual([client.isResumed, client.isInEarlyData], [false, false]);
    client.close(true, 0, '', link.now);
    assert.deepEqual(state(), [true, false, false, false]);
    const begun = link.now;
    const { datagram } = link.takeOne(client);
    assert.deepEqual(state(), [true, true, false, false]);
    link.deliver(datagram, true);
    assert.equal(server.isDraining, true);
    const pto = client.pathStats()[0].rtt;
    const due = client.timeoutAt();
    // Three probe timeouts, each longer than a round trip.
    assert.ok(due !== null && due - begun >= 3 * pto);
    client.onTimeout(due - 0.001);
    assert.equal(client.isClosed, false);
    client.onTimeout(due);
    assert.equal(client.isClosed, true);
    assert.equal(client.isTimedOut, false);
    assert.equal(client.timeoutAt(), null);
  });

  test('C93 the idle timeout is the smaller of both sides, at least three probe timeouts, and silent', () => {
    const link = ApiLink.established({
      client: { maxIdleTimeout: 60_000 },
      server: { maxIdleTimeout: 2000 },
    });
    const { client, server } = link;
    link.advance(1500);
    client.ping(link.now);
    link.flush();
    const { length } = link.datagrams;
    link.advance(1900);
    assert.equal(client.isClosed || server.isClosed, false);
    link.advance(200);
    assert.deepEqual([client.isClosed, client.isTimedOut], [true, true]);
    assert.deepEqual([server.isClosed, server.isTimedOut], [true, true]);
    assert.equal(client.localError, null);
    // Acknowledgements at most: nobody said goodbye.
    assert.ok(link.datagrams.length <= length + 1);
    assert.equal(client.peerError, null);
    const last = link.clientEvents.at(-1);
    assert.ok(last?.type === 'closed' && last.error.code === 'ERR_QUIC_IDLE_TIMEOUT');
  });

  test('C93 a timeout of almost nothing is three probe timeouts', () => {
    const link = new ApiLink({ client: { maxIdleTimeout: 1 } });
    link.take(link.client);
    link.now += 900;
    link.client.onTimeout(link.now);
    assert.equal(link.client.isClosed, false);
  });

  test('C93 keep-alive holds a connection open', () => {
    const link = ApiLink.established({ client: { maxIdleTimeout: 2000, keepAlive: 500 } });
    link.advance(20_000);
    assert.equal(link.client.isClosed || link.server.isClosed, false);
  });

  test('C94 C101 stats count packets, bytes and streams, and stay after the end', () => {
    // The first window takes less than what is written here.
    const link = ApiLink.established({ client: { sendCapacityFactor: 2 } });
    const { client, server } = link;
    let lost = 0;
    link.filter = (_datagram, isFromClient) => !(isFromClient && lost++ === 2);
    client.streamSend(0, new Uint8Array(20_000), true);
    link.flush();
    link.advance(2000);
    link.filter = null;
    client.streamSend(4, new Uint8Array(10), false);
    client.streamShutdown(4, 'write', 1);
    client.streamShutdown(4, 'read', 1);
    link.flush();
    client.close(true, 0, '', link.now);
    link.flush();
    link.advance(1000);
    assert.equal(client.isClosed, true);
    const stats = client.stats();
    assert.equal(stats.lost, 1);
    assert.equal(stats.lostBytes, 1200);
    assert.ok(stats.retransmitted === 1 || stats.retransmitted === 2);
    assert.ok(stats.streamRetransmittedBytes > 1000 && stats.streamRetransmittedBytes < 1200);
    assert.ok(stats.sentBytes > 20_000 && stats.ackedBytes > 20_000);
    assert.ok(stats.sent > 18 && stats.received > 3 && stats.receivedBytes > 1200);
    assert.deepEqual([stats.resetStreamCountLocal, stats.stoppedStreamCountLocal], [1, 1]);
    assert.equal(stats.pathsCount, 1);
    assert.deepEqual([stats.pathChallengeReceivedCount, stats.amplificationLimitedCount], [0, 0]);
    assert.ok(stats.bytesInFlightDuration > 2 && stats.bytesInFlightDuration < 1000);
    assert.equal(stats.peerTransportParameters?.initialMaxStreamsBidi, 8);
    assert.equal(server.stats().receivedBytes, stats.sentBytes - 1200);
    assert.deepEqual(
      [server.stats().resetStreamCountRemote, server.stats().stoppedStreamCountRemote],
      [1, 1],
    );
    const [path, ...others] = client.pathStats();
    assert.equal(others.length, 0);
    assert.deepEqual(
      [path.local, path.peer, path.active, path.validationState],
      [CLIENT, SERVER, true, 'validated'],
    );
    assert.ok(path.rtt > 0 && path.minRtt !== null && path.minRtt <= path.rtt);
    assert.ok(path.congestionWindow >= 2400 && path.deliveryRate > 0);
    assert.deepEqual([path.sent, path.received, path.lost], [stats.sent, stats.received, 1]);
    assert.equal(path.pmtu, 1200);
    assert.doesNotThrow(() => JSON.stringify([stats, path]));
  });

  test('C94 what a server could not send for want of credit is counted', () => {
    const link = new ApiLink();
    link.deliver(link.takeOne(link.client).datagram, true);
    // A server can write as soon as it has answered, but not more than three times what came.
    assert.equal(link.server.streamSend(1, new Uint8Array(8000), true), 8000);
    link.take(link.server);
    assert.ok(link.server.stats().sentBytes <= 3600);
    assert.equal(link.server.stats().amplificationLimitedCount, 1);
    const { server } = ApiLink.established();
    assert.equal(server.stats().amplificationLimitedCount, 0);
  });

  test('C95 names, ids and parameters of both sides', () => {
    const fresh = new ApiLink();
    assert.equal(fresh.client.traceId, 'c1c1c1c1c1c1c1c1');
    assert.deepEqual([fresh.client.alpnProtocol, fresh.server.serverName], ['', null]);
    assert.equal(fresh.client.peerTransportParameters, null);
    assert.equal(fresh.client.peerCertificate, null);
    assert.equal(fresh.client.peerCertificates, null);
    const { client, server } = ApiLink.established();
    assert.equal(server.traceId, '5e5e5e5e5e5e5e5e');
    assert.deepEqual([client.alpnProtocol, server.alpnProtocol], ['test', 'test']);
    assert.deepEqual([client.serverName, server.serverName], ['localhost', 'localhost']);
    assert.deepEqual(client.destinationId, server.sourceId);
    assert.deepEqual(server.destinationId, client.sourceId);
    assert.equal(server.peerTransportParameters?.initialMaxData, 1 << 20);
    assert.deepEqual(client.peerCertificates, coreIdentity().certificates);
    assert.deepEqual(client.peerCertificate, coreIdentity().certificates[0]);
    assert.equal(server.peerCertificate, null);
  });

  test('C99 errors have quiche numbers and wire codes', () => {
    const numbers: Record<string, number> = {
      ERR_QUIC_BUFFER_TOO_SHORT: -2,
      ERR_QUIC_UNKNOWN_VERSION: -3,
      ERR_QUIC_INVALID_FRAME: -4,
      ERR_QUIC_INVALID_PACKET: -5,
      ERR_QUIC_INVALID_STATE: -6,
      ERR_QUIC_INVALID_STREAM_STATE: -7,
      ERR_QUIC_INVALID_TRANSPORT_PARAMETER: -8,
      ERR_QUIC_CRYPTO_FAIL: -9,
      ERR_QUIC_TLS_FAIL: -10,
      ERR_QUIC_FLOW_CONTROL: -11,
      ERR_QUIC_STREAM_LIMIT: -12,
      ERR_QUIC_FINAL_SIZE: -13,
      ERR_QUIC_CONGESTION_CONTROL: -14,
      ERR_QUIC_STREAM_STOPPED: -15,
      ERR_QUIC_STREAM_RESET: -16,
      ERR_QUIC_ID_LIMIT: -17,
      ERR_QUIC_OUT_OF_IDENTIFIERS: -18,
      ERR_QUIC_KEY_UPDATE: -19,
      ERR_QUIC_CRYPTO_BUFFER_EXCEEDED: -20,
      ERR_QUIC_INVALID_ACK_RANGE: -21,
      ERR_QUIC_OPTIMISTIC_ACK: -22,
      ERR_QUIC_INVALID_DCID: -23,
    };
    const rows = Object.entries(QUIC_ERRORS as Record<string, QuicErrorRow>);
    assert.deepEqual(
      Object.fromEntries(
        rows.flatMap(([code, { number }]) => (number === undefined ? [] : [[code, number]])),
      ),
      Object.fromEntries(rows.flatMap(([code]) => (code in numbers ? [[code, numbers[code]]] : []))),
    );
    assert.equal(
      Object.keys(numbers).every((code) => code in QUIC_ERRORS),
      true,
    );
    const error = quicError('ERR_QUIC_FINAL_SIZE', { streamId: 8 });
    assert.equal(error.errorCode, 6n);
    assert.deepEqual(JSON.parse(JSON.stringify(error)).number, -13);
  });

  test('C21 a client waits for the answer about its server, and a refusal ends both sides', () => {
    const link = new ApiLink({ client: { verifyPeer: true } });
    link.flush();
    const asked = link.clientEvents.find((event) => event.type === 'verify');
    assert.ok(asked?.type === 'verify');
    assert.deepEqual([asked.serverName, asked.certificates], ['localhost', coreIdentity().certificates]);
    assert.equal(link.client.isEstablished, false);
    const error = quicError('ERR_QUIC_CERTIFICATE_UNKNOWN_ISSUER');
    link.client.answerVerification({ alert: certificateAlert(error), error }, link.now);
    link.flush();
    // unknown_ca.
    assert.equal(link.client.localError?.errorCode, 0x130n);
    assert.equal(link.server.peerError?.errorCode, 0x130n);
  });

  test('C22 a server that verifies its clients takes those without a certificate, unless it requires one', () => {
    const link = ApiLink.established({ server: { verifyPeer: true } });
    assert.equal(link.server.peerCertificate, null);
    const strict = new ApiLink({ server: { requireClientCertificate: true } });
    strict.flush();
    assert.equal(strict.server.isEstablished, false);
    // certificate_required.
    assert.equal(strict.server.localError?.errorCode, 0x174n);
  });

  test('C24 a key update by call changes the keys of both sides once', () => {
    const link = ApiLink.established();
    // RFC 9001 §6.1: not before a packet with the present keys was acknowledged.
    assert.equal(link.client.updateKeys(link.now), false);
    link.client.ping(link.now);
    link.flush();
    link.advance(50);
    assert.equal(link.client.updateKeys(link.now), true);
    assert.equal(link.client.updateKeys(link.now), false);
    link.flush();
    link.client.streamSend(0, new Uint8Array(10), true);
    link.flush();
    assert.equal(link.server.isStreamReadable(0), true);
  });

  test('C27 the key log has a line for each secret, the same on both sides', () => {
    const link = new ApiLink();
    const lines: string[][] = [[], []];
    link.client.setKeylog((line) => lines[0].push(line));
    link.server.setKeylog((line) => lines[1].push(line));
    link.flush();
    assert.deepEqual(lines[0].map((line) => line.trim()).sort(), lines[1].map((line) => line.trim()).sort());
    assert.ok(lines[0].length >= 4);
    for (const line of lines[0]) assert.match(line, /^[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]{64,96}\n?$/);
  });

  test('a server without an identity asks its owner who it is', () => {
    const link = new ApiLink({ server: { identity: undefined as never } });
    link.flush();
    const [asked] = link.serverEvents.filter((event) => event.type === 'client-hello');
    assert.ok(asked?.type === 'client-hello');
    assert.deepEqual([asked.hello.serverName, asked.hello.alpn], ['localhost', ['test']]);
    link.server.answerClientHello(
      { identity: coreIdentity(), alpn: ['test'], clientCertificate: 'none' },
      link.now,
    );
    link.flush();
    assert.equal(link.server.isEstablished, true);
    assert.equal(toHex(link.server.sourceId), link.server.traceId);
    const refusing = new ApiLink({ server: { identity: undefined as never } });
    refusing.flush();
    refusing.server.answerClientHello(null, refusing.now);
    refusing.flush();
    assert.ok((refusing.client.peerError?.errorCode ?? 0n) >= 0x100n);
    assert.throws(() => {
      throw refusing.errors[0] ?? quicError('ERR_QUIC_TLS_FAIL');
    }, quic('ERR_QUIC_TLS_FAIL'));
  });
});
