import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Connection } from '../../../src/connection/api.ts';
import { statsOf } from '../../../src/connection/api-stats.ts';
import { ConnectionCounters } from '../../../src/connection/counters.ts';
import { ApiLink, insideOf } from '../../support/api-link.ts';

/** quiche's `Stats` and what it is called here. */
const STATS: Record<string, string> = {
  recv: 'received',
  sent: 'sent',
  lost: 'lost',
  spurious_lost: 'spuriousLost',
  retrans: 'retransmitted',
  sent_bytes: 'sentBytes',
  recv_bytes: 'receivedBytes',
  acked_bytes: 'ackedBytes',
  lost_bytes: 'lostBytes',
  stream_retrans_bytes: 'streamRetransmittedBytes',
  paths_count: 'pathsCount',
  dgram_recv: 'dgramReceived',
  dgram_sent: 'dgramSent',
  reset_stream_count_local: 'resetStreamCountLocal',
  stopped_stream_count_local: 'stoppedStreamCountLocal',
  reset_stream_count_remote: 'resetStreamCountRemote',
  stopped_stream_count_remote: 'stoppedStreamCountRemote',
  data_blocked_sent_count: 'dataBlockedSentCount',
  stream_data_blocked_sent_count: 'streamDataBlockedSentCount',
  data_blocked_recv_count: 'dataBlockedReceivedCount',
  stream_data_blocked_recv_count: 'streamDataBlockedReceivedCount',
  streams_blocked_recv_count: 'streamsBlockedReceivedCount',
  path_challenge_rx_count: 'pathChallengeReceivedCount',
  amplification_limited_count: 'amplificationLimitedCount',
  bytes_in_flight_duration: 'bytesInFlightDuration',
};

/** The same of `PathStats`. */
const PATH_STATS: Record<string, string> = {
  recv: 'received',
  sent: 'sent',
  lost: 'lost',
  retrans: 'retransmitted',
  rtt: 'rtt',
  min_rtt: 'minRtt',
  max_rtt: 'maxRtt',
  rttvar: 'rttVariation',
  rtt_jump_count: 'rttJumpCount',
  cwnd: 'congestionWindow',
  sent_bytes: 'sentBytes',
  recv_bytes: 'receivedBytes',
  lost_bytes: 'lostBytes',
  stream_retrans_bytes: 'streamRetransmittedBytes',
  total_pto_count: 'totalPtoCount',
  dgram_recv: 'dgramReceived',
  dgram_sent: 'dgramSent',
  dgram_lost: 'dgramLost',
  pmtu: 'pmtu',
  delivery_rate: 'deliveryRate',
  max_bandwidth: 'maxBandwidth',
};

const PEER_PARAMETERS = [
  ...['maxIdleTimeout', 'maxUdpPayloadSize', 'initialMaxData', 'initialMaxStreamDataBidiLocal'],
  ...['initialMaxStreamDataBidiRemote', 'initialMaxStreamDataUni', 'initialMaxStreamsBidi'],
  ...['initialMaxStreamsUni', 'ackDelayExponent', 'maxAckDelay', 'disableActiveMigration'],
  ...['activeConnectionIdLimit', 'maxDatagramFrameSize'],
];

type Numbers = Record<string, number>;

const OTHER = { address: '192.0.2.1', port: 50001, family: 4 } as const;

const DATAGRAMS = { recvQueueLen: 8, sendQueueLen: 8 };

/** A run in which every number has a reason to move. */
function eventful(): ApiLink {
  const link = new ApiLink({
    client: { datagrams: DATAGRAMS, activeConnectionIdLimit: 4, maxSendUdpPayloadSize: 1400 },
    server: {
      datagrams: DATAGRAMS,
      activeConnectionIdLimit: 4,
      initialMaxData: 30_000,
      initialMaxStreamsUni: 1,
    },
  });
  const { client, server } = link;
  link.deliver(link.takeOne(client).datagram, true);
  link.now++;
  server.streamSend(1, new Uint8Array(8000), true);
  link.take(server).forEach((datagram) => {
    link.deliver(datagram, false);
  });
  link.flush();
  link.advance(3000);
  for (const side of [client, server]) {
    side.dgramSend(new Uint8Array(50));
    link.flush();
  }
  // A datagram, stream data and then whatever comes for a while are lost in both directions.
  for (const [side, id] of [
    [client, 0],
    [server, 5],
  ] as const) {
    link.filter = () => false;
    side.dgramSend(new Uint8Array(60));
    side.streamSend(id, new Uint8Array(4000), false);
    link.take(side);
    link.filter = null;
    link.advance(3000);
  }
  // Packets that only seem lost: they come after later ones.
  for (const [side, id] of [
    [client, 0],
    [server, 5],
  ] as const) {
    side.streamSend(id, new Uint8Array(9000), false);
    const late = link.take(side);
    link.now++;
    for (const datagram of late.slice(1)) link.deliver(datagram, side === client);
    link.flush();
    link.deliver(late[0], side === client);
    link.flush();
    link.advance(500);
  }
  link.now += 40;
  // Limits that are reached, and streams that are given up.
  for (const side of [client, server]) {
    const first = side === client ? 4 : 9;
    side.streamSend(first, new Uint8Array(100), false);
    side.streamShutdown(first, 'write', 1);
    side.streamShutdown(first, 'read', 1);
    link.flush();
  }
  return link;
}

describe('C94 the numbers of quiche', () => {
  test('C94 stats() has each field, as a number that JSON keeps', () => {
    const { client } = ApiLink.established();
    hasNumbers(client.stats() as unknown as Numbers, Object.values(STATS));
    assert.equal(client.stats().txBufferedState, 'ok');
    const parameters = JSON.parse(JSON.stringify(client.stats().peerTransportParameters));
    for (const name of PEER_PARAMETERS) assert.match(typeof parameters[name], /^(number|boolean)$/, name);
  });

  test('C94 pathStats() has each field, as a number that JSON keeps', () => {
    const [path] = ApiLink.established().client.pathStats();
    hasNumbers(path as unknown as Numbers, Object.values(PATH_STATS));
    assert.deepEqual(Object.keys(path).slice(0, 4), ['local', 'peer', 'validationState', 'active']);
    assert.ok('startupExit' in path);
  });

  test('C94 packets, bytes, losses and datagrams move the numbers of connection and path', () => {
    const { client, server } = eventful();
    for (const side of [client, server]) {
      const stats = side.stats() as unknown as Numbers;
      const [path] = side.pathStats() as unknown as Numbers[];
      const moved = [
        'recv',
        'sent',
        'lost',
        'retrans',
        'sent_bytes',
        'recv_bytes',
        'acked_bytes',
        'lost_bytes',
      ];
      moved.push(
        'stream_retrans_bytes',
        'paths_count',
        'dgram_recv',
        'dgram_sent',
        'bytes_in_flight_duration',
      );
      moved.push('reset_stream_count_local', 'stopped_stream_count_local', 'spurious_lost');
      moved.push('reset_stream_count_remote', 'stopped_stream_count_remote');
      for (const name of moved) assert.ok(stats[STATS[name]] > 0, `${side.isServer} ${name}`);
      for (const [name, ours] of Object.entries(PATH_STATS)) {
        if (name === 'rtt_jump_count') continue;
        assert.ok(path[ours] > 0, `${side.isServer} path ${name}`);
      }
      for (const name of [
        'recv',
        'sent',
        'lost',
        'retrans',
        'sent_bytes',
        'lost_bytes',
        'stream_retrans_bytes',
      ]) {
        assert.equal(path[PATH_STATS[name]], stats[STATS[name]], name);
      }
      assert.deepEqual([path.dgramSent, path.dgramReceived, path.dgramLost], [2, 1, 1]);
      assert.ok(path.minRtt <= path.rtt && path.rtt <= path.maxRtt);
    }
    assert.ok(server.stats().amplificationLimitedCount > 0);
    assert.notEqual(client.pathStats()[0].startupExit, null);
  });

  test('C94 limits that are reached move the numbers of blocked frames on both sides', () => {
    const { client, server, link } = limited({ initialMaxData: 3000, initialMaxStreamDataBidiRemote: 1000 });
    client.streamSend(0, new Uint8Array(5000), false);
    for (const id of [4, 8, 12]) client.streamSend(id, new Uint8Array(1000), false);
    while (client.openStream('uni') !== null);
    link.flush();
    const sent = client.stats();
    const received = server.stats();
    assert.deepEqual([sent.dataBlockedSentCount, received.dataBlockedReceivedCount], [1, 1]);
    assert.equal(sent.streamDataBlockedSentCount, received.streamDataBlockedReceivedCount);
    assert.ok(received.streamDataBlockedReceivedCount > 0);
    assert.equal(received.streamsBlockedReceivedCount, 1);
  });

  test('C94 a probed path has numbers of its own, and its challenge is counted', () => {
    const link = ApiLink.established({ client: { activeConnectionIdLimit: 4 } });
    const { client, server } = link;
    client.newSourceCid(new Uint8Array(8).fill(1), new Uint8Array(16).fill(1));
    server.newSourceCid(new Uint8Array(8).fill(2), new Uint8Array(16).fill(2));
    link.flush();
    client.probePath(OTHER, client.pathStats()[0].peer, link.now);
    const { datagram, info } = link.takeOne(client);
    server.recv(datagram, { from: info.from, to: info.to }, link.now);
    assert.deepEqual([client.stats().pathsCount, server.stats().pathsCount], [2, 2]);
    assert.equal(server.stats().pathChallengeReceivedCount, 1);
    assert.deepEqual([client.pathStats()[1].sent, client.pathStats()[1].sentBytes], [1, 1200]);
  });

  test('C94 rttJumpCount counts samples of more than twice what was usual', () => {
    const { client } = ApiLink.established();
    const { rtt } = insideOf(client).paths.active.recovery;
    rtt.update(rtt.smoothed * 1.9, 0, 2000);
    assert.equal(client.pathStats()[0].rttJumpCount, 0);
    rtt.update(rtt.smoothed * 2.1, 0, 2001);
    assert.equal(client.pathStats()[0].rttJumpCount, 1);
  });

  test('C94 txBufferedState tells when more waits than is held', () => {
    const core = insideOf(ApiLink.established().client);
    const streams = new Proxy(core.streams, {
      get: (target, name) => (name === 'bytesUnsent' ? 7 : Reflect.get(target, name, target)),
    });
    const broken = new Proxy(core, {
      get: (target, name) => (name === 'streams' ? streams : Reflect.get(target, name, target)),
    });
    assert.equal(statsOf(broken, new ConnectionCounters()).txBufferedState, 'inconsistent');
  });
});

describe('C100 what became of what was written', () => {
  test('C100 bytes are pending, then unacknowledged, then acknowledged', () => {
    const link = ApiLink.established();
    const { client } = link;
    assert.deepEqual(bytesOf(client), [0, 0, 0]);
    client.streamSend(0, new Uint8Array(5000), false);
    assert.deepEqual(bytesOf(client), [5000, 0, 0]);
    link.take(client);
    assert.deepEqual(bytesOf(client), [0, 5000, 0]);
    link.advance(3000);
    assert.deepEqual(bytesOf(client), [0, 0, 5000]);
  });

  test('C100 the send queue is congested while data wait for the window', () => {
    const link = ApiLink.established({ client: { sendCapacityFactor: 4 } });
    const { client } = link;
    assert.deepEqual([client.stats().sendQueue.bytes, client.stats().sendQueue.isCongested], [0, false]);
    client.streamSend(0, new Uint8Array(40_000), false);
    link.take(client);
    link.now += 20;
    link.take(client);
    const { bytes, isCongested, bytesInFlight, congestionWindow, isInRecovery } = client.stats().sendQueue;
    assert.ok(bytes > 0 && isCongested && !isInRecovery);
    assert.ok(bytesInFlight > congestionWindow - 1200);
    for (let i = 0; i < 20; i++) {
      link.flush();
      link.advance(100);
    }
    assert.deepEqual([client.stats().sendQueue.bytes, client.stats().sendQueue.isCongested], [0, false]);
  });
});

function limited(server: { initialMaxData: number; initialMaxStreamDataBidiRemote: number }) {
  const link = ApiLink.established({ server });
  return { link, client: link.client, server: link.server };
}

function bytesOf(connection: Connection): number[] {
  const { pendingBytes, unacknowledgedBytes, acknowledgedBytes } = connection.stats();
  return [pendingBytes, unacknowledgedBytes, acknowledgedBytes];
}

function hasNumbers(object: Numbers, names: string[]): void {
  const copy = JSON.parse(JSON.stringify(object)) as Numbers;
  for (const name of names) {
    assert.equal(typeof object[name], 'number', name);
    assert.equal(copy[name], object[name], name);
  }
}
