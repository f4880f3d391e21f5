import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CoreOptions } from '../../../src/connection/parse-config.ts';
import { Frame, readFrame } from '../../../src/wire/frame-reader.ts';
import { Reader } from '../../../src/wire/reader.ts';
import { ApiLink, insideOf, quic } from '../../support/api-link.ts';

const ON: Partial<CoreOptions> = { datagrams: true, datagramFates: true };

function bothWith(client: Partial<CoreOptions> = ON, server: Partial<CoreOptions> = ON): ApiLink {
  return ApiLink.established({ client, server });
}

function bytes(length: number, first = 0): Uint8Array {
  return new Uint8Array(length).map((_, i) => first + i);
}

function fates(link: ApiLink): [number, string][] {
  const found: [number, string][] = [];
  for (let each = link.client.nextDgramFate(); each !== null; each = link.client.nextDgramFate()) {
    found.push([each.id, each.fate]);
  }
  return found;
}

/** Makes the client believe that the server announced this limit. */
function believe(link: ApiLink, maxDatagramFrameSize: number): void {
  const core = insideOf(link.client);
  core.remoteParameters = { ...core.remoteParameters, maxDatagramFrameSize };
}

describe('Datagrams: negotiation', () => {
  test('C60 C64 RFC 9221 §3 a peer without the option is sent nothing', () => {
    const link = bothWith(ON, {});
    assert.equal(link.client.peerTransportParameters?.maxDatagramFrameSize, 0);
    assert.equal(link.server.peerTransportParameters?.maxDatagramFrameSize, 65535);
    assert.equal(link.client.dgramMaxWritableLength, null);
    assert.throws(() => link.client.dgramSend(bytes(1)), quic('ERR_QUIC_INVALID_STATE', { number: -6 }));
    // The other way the peer would take them, but nothing may be queued.
    assert.equal(link.server.isDgramSendQueueFull, true);
    assert.equal(link.server.dgramSend(bytes(1)), null);
  });

  test('C60 RFC 9221 §3 nothing is sent before the parameters of the peer came', () => {
    const link = new ApiLink({ client: ON, server: ON });
    assert.equal(link.client.dgramMaxWritableLength, null);
    assert.throws(() => link.client.dgramSend(bytes(1)), quic('ERR_QUIC_INVALID_STATE'));
  });

  test('T17 RFC 9221 §3 a datagram that was not asked for closes the connection', () => {
    const link = bothWith(ON, {});
    believe(link, 65535);
    assert.equal(link.client.dgramSend(bytes(10)), 0);
    link.flush();
    assert.equal(link.client.peerError?.errorCode, 0x0an);
    assert.match(link.client.peerError?.reason ?? '', /DATAGRAM/);
  });

  test('T17 RFC 9221 §3 a frame above the announced size closes the connection, one of that size does not', () => {
    const link = bothWith(ON, { datagrams: { maxFrameSize: 100 } });
    assert.equal(link.client.dgramMaxWritableLength, 97);
    link.client.dgramSend(bytes(97));
    link.flush();
    assert.deepEqual(link.server.dgramRecv(), bytes(97));
    believe(link, 200);
    link.client.dgramSend(bytes(98));
    link.flush();
    assert.equal(link.client.peerError?.errorCode, 0x0an);
    assert.equal(link.server.dgramRecv(), null);
  });

  test('C60 wrong options are named', () => {
    const config = (datagrams: unknown) => new ApiLink({ client: { datagrams } as Partial<CoreOptions> });
    assert.throws(() => config('yes'), { code: 'ERR_INVALID_ARG_TYPE', message: /datagrams/ });
    assert.throws(() => config({ queue: 1 }), { code: 'ERR_INVALID_ARG_VALUE', message: /recvQueueLen/ });
    assert.throws(() => config({ recvQueueLen: -1 }), { code: 'ERR_OUT_OF_RANGE', message: /recvQueueLen/ });
    assert.throws(() => config({ sendQueueBytes: '1' }), { code: 'ERR_INVALID_ARG_TYPE' });
  });
});

describe('Datagrams: sending', () => {
  test('C60 C64 the longest datagram passes and one byte more is too large', () => {
    const link = bothWith();
    const longest = link.client.dgramMaxWritableLength as number;
    // 1200 bytes less flags, id of 8 bytes, packet number, tag, and type and length of the frame.
    assert.equal(longest, 1200 - 1 - 8 - 4 - 16 - 3);
    assert.throws(
      () => link.client.dgramSend(bytes(longest + 1)),
      quic('ERR_QUIC_BUFFER_TOO_SHORT', { number: -2 }),
    );
    assert.equal(link.client.dgramSend(bytes(longest)), 0);
    link.flush();
    assert.deepEqual(link.server.dgramRecv(), bytes(longest));
  });

  test('C103 RFC 9221 §4 an empty datagram arrives, and makes the connection readable', () => {
    const link = bothWith();
    link.client.dgramSend(new Uint8Array(0));
    link.flush();
    assert.equal(link.server.dgramFrontLength, 0);
    assert.equal(link.server.isReadable(), true);
    assert.deepEqual(link.server.dgramRecv(), new Uint8Array(0));
    assert.equal(link.server.isReadable(), false);
  });

  test('C60 C61 a full queue takes nothing, in items or in bytes', () => {
    const link = bothWith({ datagrams: { sendQueueLen: 3, sendQueueBytes: 100 } });
    const { client } = link;
    assert.equal(client.dgramSend(bytes(40)), 0);
    assert.equal(client.dgramSend(bytes(61)), null);
    assert.equal(client.isDgramSendQueueFull, false);
    assert.equal(client.dgramSend(bytes(60)), 1);
    assert.equal(client.isDgramSendQueueFull, true);
    assert.deepEqual([client.dgramSendQueueLength, client.dgramSendQueueByteSize], [2, 100]);
    link.flush();
    assert.deepEqual([client.dgramSendQueueLength, client.dgramSendQueueByteSize], [0, 0]);
    for (const id of [2, 3, 4]) assert.equal(client.dgramSend(bytes(1)), id);
    assert.equal(client.dgramSend(bytes(1)), null);
    assert.equal(client.isDgramSendQueueFull, true);
  });

  test('C61 dgramSend keeps a copy, dgramSendOwned does not', () => {
    const link = bothWith();
    const data = bytes(4);
    link.client.dgramSend(data);
    link.client.dgramSendOwned(data);
    data.fill(9);
    link.flush();
    assert.deepEqual(link.server.dgramRecv(), bytes(4));
    assert.deepEqual(link.server.dgramRecv(), new Uint8Array(4).fill(9));
  });

  test('C63 what matches is purged and the rest goes out in order', () => {
    const link = bothWith();
    for (let i = 0; i < 6; i++) link.client.dgramSend(bytes(3, i));
    assert.equal(
      link.client.dgramPurge((data) => (data[0] as number) % 2 === 1),
      3,
    );
    assert.deepEqual([link.client.dgramSendQueueLength, link.client.dgramSendQueueByteSize], [3, 9]);
    link.flush();
    const received: (number | undefined)[] = [];
    for (let each = link.server.dgramRecv(); each !== null; each = link.server.dgramRecv())
      received.push(each[0]);
    assert.deepEqual(received, [0, 2, 4]);
    assert.deepEqual(fates(link).slice(0, 3), [
      [1, 'abandoned'],
      [3, 'abandoned'],
      [5, 'abandoned'],
    ]);
    assert.equal(link.client.stats().dgramAbandoned, 3);
  });

  test('C63 a predicate that throws purges nothing', () => {
    const link = bothWith();
    for (let i = 0; i < 3; i++) link.client.dgramSend(bytes(3, i));
    const fail = () => {
      throw new Error('no');
    };
    assert.throws(() => link.client.dgramPurge(fail), /no/);
    assert.equal(link.client.dgramSendQueueLength, 3);
  });

  test('RFC 9221 §5.4 datagrams wait for the congestion window', () => {
    const link = bothWith();
    for (let i = 0; i < 100; i++) link.client.dgramSend(bytes(1000));
    const first = link.take(link.client);
    assert.ok(first.length >= 8 && first.length <= 12, `${first.length} datagrams`);
    assert.equal(link.client.dgramSendQueueLength, 100 - first.length);
    for (const datagram of first) link.deliver(datagram, true);
    link.flush();
    link.advance(2000);
    assert.equal(link.client.dgramSendQueueLength, 0);
    assert.equal(link.server.dgramRecvQueueLength, 100);
  });

  test('C62 a datagram that needs a whole packet is not held up by acknowledgements', () => {
    const link = bothWith();
    const longest = link.client.dgramMaxWritableLength as number;
    const out = new Uint8Array(1200);
    for (let i = 0; i < 4; i++) link.client.dgramSend(bytes(longest));
    for (let i = 0; i < 8; i++) {
      // Something to acknowledge comes before each packet, and only one leaves, as when pacing is strict.
      link.server.streamSend(1, bytes(10));
      for (const datagram of link.take(link.server)) link.deliver(datagram, false);
      const info = link.client.send(out, link.now);
      if (info !== null) link.deliver(out.slice(0, info.length), true);
    }
    assert.equal(link.server.dgramRecvQueueLength, 4);
  });

  test('C60 nothing is taken and nothing thrown once the connection ends', () => {
    const link = bothWith();
    link.client.close(true, 0, '', link.now);
    assert.equal(link.client.dgramSend(bytes(1)), null);
    link.flush();
    link.advance(10_000);
    assert.equal(link.client.dgramSend(bytes(1)), null);
  });
});

describe('Datagrams: receiving', () => {
  test('C61 lengths, sizes, peek and both kinds of reading', () => {
    const link = bothWith();
    const { client, server } = link;
    const out = new Uint8Array(10);
    assert.deepEqual(
      [server.dgramFrontLength, server.dgramRecv(), server.dgramRecv(out)],
      [null, null, null],
    );
    assert.equal(server.dgramPeek(out), null);
    client.dgramSend(bytes(5));
    client.dgramSend(bytes(7, 50));
    link.flush();
    assert.deepEqual([server.dgramRecvQueueLength, server.dgramRecvQueueByteSize], [2, 12]);
    assert.equal(server.dgramFrontLength, 5);
    assert.equal(server.dgramPeek(out, 3), 3);
    assert.deepEqual(out.subarray(0, 4), Uint8Array.of(0, 1, 2, 0));
    assert.equal(server.dgramPeek(out), 5);
    assert.equal(server.dgramRecvQueueLength, 2);
    assert.equal(server.dgramRecv(out), 5);
    assert.deepEqual(out.subarray(0, 5), bytes(5));
    assert.deepEqual(server.dgramRecv(), bytes(7, 50));
    assert.deepEqual([server.dgramRecvQueueLength, server.dgramRecvQueueByteSize], [0, 0]);
    assert.equal(server.stats().dgramDelivered, 2);
  });

  test('C61 a buffer that is too short is an error that keeps the datagram', () => {
    const link = bothWith();
    link.client.dgramSend(bytes(5));
    link.flush();
    const out = new Uint8Array(4);
    const short = quic('ERR_QUIC_BUFFER_TOO_SHORT', { number: -2 });
    assert.throws(() => link.server.dgramRecv(out), short);
    assert.throws(() => link.server.dgramPeek(out, 5), short);
    assert.deepEqual(link.server.dgramRecv(), bytes(5));
  });

  test('C62 a full queue drops the oldest, in items and in bytes, and counts them', () => {
    const link = bothWith(ON, { datagrams: { recvQueueLen: 3, recvQueueBytes: 20 } });
    const { client, server } = link;
    for (let i = 0; i < 5; i++) client.dgramSend(bytes(2, i));
    link.flush();
    assert.equal(server.isDgramRecvQueueFull, true);
    assert.equal(server.dgramFrontLength, 2);
    assert.equal(server.stats().dgramDropped, 2);
    client.dgramSend(bytes(18, 100));
    link.flush();
    assert.deepEqual([server.dgramRecvQueueLength, server.dgramRecvQueueByteSize], [2, 20]);
    assert.deepEqual([server.dgramRecv()?.[0], server.dgramRecv()?.[0]], [4, 100]);
    client.dgramSend(bytes(2, 7));
    // Larger than all that may wait: it goes, and not what waits.
    client.dgramSend(bytes(21));
    link.flush();
    assert.equal(server.dgramRecv()?.[0], 7);
    const { dgramReceived, dgramDelivered, dgramDropped } = server.stats();
    assert.deepEqual([dgramReceived, dgramDelivered, dgramDropped], [8, 3, 5]);
    assert.equal(client.stats().dgramSent, 8);
  });

  test('T17 a million datagrams that nobody reads fill a bounded queue', () => {
    const { server } = bothWith();
    const { datagrams } = insideOf(server);
    const frame = new Frame();
    const packet = Uint8Array.of(0x31, 0x04, 1, 2, 3, 4);
    const reader = new Reader();
    for (let i = 0; i < 1_000_000; i++) {
      readFrame(reader.reset(packet, 0, packet.length), frame);
      datagrams.onFrame(frame, packet);
    }
    assert.equal(server.dgramRecvQueueLength, 1024);
    assert.equal(server.stats().dgramDropped, 1_000_000 - 1024);
  });

  test('RFC 9221 §4 a frame without a length reaches to the end of the packet', () => {
    const { server } = bothWith(ON, { datagrams: { maxFrameSize: 5 } });
    const { datagrams } = insideOf(server);
    const take = (packet: Uint8Array) => {
      const frame = new Frame();
      readFrame(new Reader(packet), frame);
      datagrams.onFrame(frame, packet);
    };
    take(Uint8Array.of(0x30, 1, 2, 3, 4));
    assert.deepEqual(server.dgramRecv(), Uint8Array.of(1, 2, 3, 4));
    take(Uint8Array.of(0x31, 3, 1, 2, 3));
    assert.throws(() => take(Uint8Array.of(0x30, 1, 2, 3, 4, 5)), { code: 0x0a });
    assert.throws(() => take(Uint8Array.of(0x31, 4, 1, 2, 3, 4)), { code: 0x0a });
  });
});

describe('Datagrams: fate', () => {
  test('C62 RFC 9221 §5.2 each is told once, acknowledged or lost, and nothing is sent again', () => {
    const link = bothWith();
    let packets = 0;
    link.filter = (_datagram, isFromClient) => !isFromClient || packets++ % 3 !== 0;
    for (let i = 0; i < 9; i++) link.client.dgramSend(bytes(1000, i));
    link.flush();
    link.filter = null;
    link.advance(5000);
    const told = fates(link);
    assert.deepEqual(told.map(([id]) => id).sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    const arrived: (number | undefined)[] = [];
    for (let each = link.server.dgramRecv(); each !== null; each = link.server.dgramRecv())
      arrived.push(each[0]);
    const acked = told.filter(([, fate]) => fate === 'acknowledged').map(([id]) => id);
    assert.deepEqual(acked.sort(), arrived);
    assert.equal(arrived.length, 6);
    const { dgramSent, dgramAcked, dgramLost } = link.client.stats();
    assert.deepEqual([dgramSent, dgramAcked, dgramLost], [9, 6, 3]);
    assert.equal(link.client.stats().streamRetransmittedBytes, 0);
  });

  test('RFC 9221 §5.2 a probe timeout alone does not make a datagram lost', () => {
    const link = bothWith();
    link.filter = (_datagram, isFromClient) => isFromClient;
    link.client.dgramSend(bytes(100));
    link.flush();
    assert.equal(link.server.dgramRecvQueueLength, 1);
    link.advance(1500);
    assert.deepEqual(fates(link), []);
    link.filter = null;
    link.advance(5000);
    assert.deepEqual(fates(link), [[0, 'acknowledged']]);
    assert.equal(link.server.stats().dgramReceived, 1);
  });

  test('C62 a probe still repeats what stands beside a datagram', () => {
    const link = bothWith();
    link.client.streamSend(0, bytes(50), true);
    link.client.dgramSend(bytes(60));
    link.filter = (_datagram, isFromClient) => !isFromClient;
    link.flush();
    link.filter = null;
    link.advance(5000);
    assert.deepEqual(link.server.streamRecv(0, new Uint8Array(100)), { length: 50, fin: true });
    assert.equal(link.server.dgramRecv(), null);
    assert.deepEqual(fates(link), [[0, 'lost']]);
  });

  test('C62 without the option nothing is collected', () => {
    const link = bothWith({ datagrams: true });
    link.client.dgramSend(bytes(10));
    link.flush();
    link.advance(100);
    assert.equal(link.client.nextDgramFate(), null);
    assert.equal(link.client.stats().dgramAcked, 1);
  });

  test('C62 fates that nobody collects stop the sending, not the memory', () => {
    const link = bothWith({
      datagrams: { sendQueueLen: 1 << 20, sendQueueBytes: 1 << 20 },
      datagramFates: true,
    });
    let taken = 0;
    const predicate = () => true;
    for (; link.client.dgramSend(bytes(0)) !== null; taken++)
      if (taken % 1000 === 0) link.client.dgramPurge(predicate);
    assert.equal(taken, 65_536);
    assert.notEqual(link.client.nextDgramFate(), null);
    assert.equal(link.client.dgramSend(bytes(0)), 65_536);
  });
});
