import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VirtualHostOptions } from '../../../src/sim/virtual-host.ts';
import { VirtualNetwork } from '../../../src/sim/virtual-network.ts';
import { formatAddress, parseAddress, type SocketAddress } from '../../../src/util/address.ts';

function at(text: string): SocketAddress {
  const address = parseAddress(text);
  assert.ok(address);
  return address;
}

function hosts(options?: VirtualHostOptions) {
  const network = new VirtualNetwork({ seed: 1 });
  const a = network.addHost('a', ['10.0.0.1', '10.0.0.2', 'fd00::1'], options);
  const b = network.addHost('b', ['10.0.0.9']);
  return { network, clock: network.clock, a, b };
}

test('binding fails as on a real machine', async () => {
  const { a } = hosts();
  const first = await a.sockets.bind({ address: at('10.0.0.1:5') });
  await assert.rejects(a.sockets.bind({ address: at('10.0.0.1:5') }), /10\.0\.0\.1:5.*EADDRINUSE/);
  await assert.rejects(a.sockets.bind({ address: at('0.0.0.0:5') }), {
    code: 'ERR_QUIC_BIND',
    message: /EADDRINUSE/,
  });
  await assert.rejects(a.sockets.bind({ address: at('10.0.0.9:5') }), /EADDRNOTAVAIL/);
  await (await a.sockets.bind({ address: at('10.0.0.2:5') })).close();
  await (await a.sockets.bind({ address: at('[::]:5') })).close();
  await first.close();
  const wildcard = await a.sockets.bind({ address: at('0.0.0.0:5') });
  await assert.rejects(a.sockets.bind({ address: at('10.0.0.1:5') }), /EADDRINUSE/);
  await wildcard.close();
});

test('port 0 gives a free port, not always the same', async () => {
  const { a } = hosts();
  const [one, two] = [
    await a.sockets.bind({ address: at('10.0.0.1:0') }),
    await a.sockets.bind({ address: at('10.0.0.1:0') }),
  ];
  assert.ok(one.localAddress.port >= 49152);
  assert.notEqual(one.localAddress.port, two.localAddress.port);
});

test('without packet info a wildcard socket neither knows nor chooses its address', async () => {
  const { clock, a, b } = hosts();
  const wildcard = await a.sockets.bind({ address: at('0.0.0.0:5') });
  const peer = await b.sockets.bind({ address: at('10.0.0.9:9') });
  const seen: string[] = [];
  wildcard.onDatagram = (bytes, from, local) => {
    seen.push(formatAddress(local));
    wildcard.send(bytes, 0, bytes.length, from, 0, 0, at('10.0.0.2:5'));
  };
  peer.onDatagram = (_bytes, from) => seen.push(formatAddress(from));
  peer.send(Uint8Array.of(1), 0, 1, at('10.0.0.2:5'));
  clock.runUntilIdle();
  assert.deepEqual(seen, ['0.0.0.0:5', '10.0.0.1:5']);
});

test('with packet info it knows and chooses', async () => {
  const { clock, a, b } = hosts({ capabilities: { packetInfo: true } });
  const wildcard = await a.sockets.bind({ address: at('0.0.0.0:5') });
  const peer = await b.sockets.bind({ address: at('10.0.0.9:9') });
  const seen: string[] = [];
  wildcard.onDatagram = (bytes, from, local) => {
    seen.push(formatAddress(local));
    wildcard.send(bytes, 0, bytes.length, from, 0, 0, local);
  };
  peer.onDatagram = (_bytes, from) => seen.push(formatAddress(from));
  peer.send(Uint8Array.of(1), 0, 1, at('10.0.0.2:5'));
  clock.runUntilIdle();
  assert.deepEqual(seen, ['10.0.0.2:5', '10.0.0.2:5']);
});

test('ECN bits pass only through sockets that can', async () => {
  for (const ecn of [true, false]) {
    const { clock, a, b } = hosts({ capabilities: { ecn } });
    const sender = await a.sockets.bind({ address: at('10.0.0.1:5') });
    const peer = await b.sockets.bind({ address: at('10.0.0.9:9') });
    let seen = -1;
    peer.onDatagram = (_bytes, _from, _local, bits) => {
      seen = bits;
    };
    sender.send(Uint8Array.of(1), 0, 1, peer.localAddress, 0, 2);
    clock.runUntilIdle();
    assert.equal(seen, ecn ? 2 : 0);
  }
});

test('a connected socket hears its peer only, and knows its own address', async () => {
  const { clock, a, b } = hosts();
  const peer = await b.sockets.bind({ address: at('10.0.0.9:9') });
  const stranger = await b.sockets.bind({ address: at('10.0.0.9:8') });
  const client = await a.sockets.bind({ address: at('0.0.0.0:0'), remote: peer.localAddress });
  assert.equal(client.localAddress.address, '10.0.0.1');
  const seen: number[] = [];
  client.onDatagram = (bytes) => seen.push(bytes[0]);
  stranger.send(Uint8Array.of(8), 0, 1, client.localAddress);
  peer.send(Uint8Array.of(9), 0, 1, client.localAddress);
  client.send(Uint8Array.of(1), 0, 1, stranger.localAddress);
  clock.runUntilIdle();
  assert.deepEqual(seen, [9]);
  assert.equal(client.counters.sendErrors, 1);
});

test('segments become datagrams', async () => {
  const { clock, a, b } = hosts();
  const peer = await b.sockets.bind({ address: at('10.0.0.9:9') });
  const sender = await a.sockets.bind({ address: at('10.0.0.1:5') });
  const seen: number[][] = [];
  peer.onDatagram = (bytes) => seen.push([...bytes]);
  sender.send(Uint8Array.of(0, 1, 2, 3, 4, 5), 1, 5, peer.localAddress, 2);
  clock.runUntilIdle();
  assert.deepEqual(seen, [[1, 2], [3, 4], [5]]);
});

test('a bounded queue refuses, and says when there is room', async () => {
  const { clock, a, b } = hosts({ sendQueue: 2 });
  const peer = await b.sockets.bind({ address: at('10.0.0.9:9') });
  const sender = await a.sockets.bind({ address: at('10.0.0.1:5') });
  const push = () => sender.send(Uint8Array.of(1), 0, 1, peer.localAddress);
  let writable = 0;
  sender.onWritable = () => {
    writable++;
    assert.equal(push(), true);
  };
  assert.deepEqual([push(), push(), push()], [true, true, false]);
  assert.equal(sender.counters.queueFull, 1);
  clock.runUntilIdle();
  assert.equal(writable, 1);
  assert.equal(sender.pending, 0);
  assert.equal(peer.counters.receivedDatagrams, 3);
});

test('a closed socket takes and gives nothing, and its port is free', async () => {
  const { clock, a, b } = hosts();
  const peer = await b.sockets.bind({ address: at('10.0.0.9:9') });
  const sender = await a.sockets.bind({ address: at('10.0.0.1:5') });
  sender.onDatagram = () => assert.fail('closed');
  peer.send(Uint8Array.of(1), 0, 1, sender.localAddress);
  await sender.close();
  await sender.close();
  assert.equal(sender.send(Uint8Array.of(1), 0, 1, peer.localAddress), false);
  clock.runUntilIdle();
  await a.sockets.bind({ address: at('10.0.0.1:5') });
});
