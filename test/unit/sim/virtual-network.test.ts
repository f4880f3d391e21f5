import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LinkOptions } from '../../../src/sim/link.ts';
import { PacketLog } from '../../../src/sim/packet-log.ts';
import type { VirtualHost } from '../../../src/sim/virtual-host.ts';
import { VirtualNetwork } from '../../../src/sim/virtual-network.ts';
import type { DatagramSocket } from '../../../src/udp/socket.ts';
import { formatAddress, parseAddress, type SocketAddress } from '../../../src/util/address.ts';

function at(text: string): SocketAddress {
  const address = parseAddress(text);
  assert.ok(address);
  return address;
}

interface Arrival {
  time: number;
  bytes: number[];
  from: string;
  local: string;
  ecn: number;
}

/** What a socket receives from now on. */
function listen(network: VirtualNetwork, socket: DatagramSocket): Arrival[] {
  const arrivals: Arrival[] = [];
  socket.onDatagram = (bytes, from, local, ecn) => {
    arrivals.push({
      time: network.clock.now(),
      bytes: [...bytes],
      from: formatAddress(from),
      local: formatAddress(local),
      ecn,
    });
  };
  return arrivals;
}

function send(socket: DatagramSocket, to: SocketAddress, ...bytes: number[]): boolean {
  return socket.send(Uint8Array.from(bytes), 0, bytes.length, to);
}

async function twoHosts(link: LinkOptions = {}, seed = 1) {
  const network = new VirtualNetwork({ seed });
  const a = network.addHost('a', ['10.0.0.1', 'fd00::1']);
  const b = network.addHost('b', ['10.0.0.2', 'fd00::2']);
  const { forward, backward } = network.link(a, b, link);
  const socketA = await a.sockets.bind({ address: at('10.0.0.1:1') });
  const socketB = await b.sockets.bind({ address: at('10.0.0.2:2') });
  return { network, a, b, forward, backward, socketA, socketB };
}

test('a datagram arrives after the delay, with its addresses and ECN bits, and belongs to the receiver', async () => {
  const { network, socketA, socketB } = await twoHosts({ delay: 15 });
  const arrivals = listen(network, socketB);
  const bytes = Uint8Array.of(0, 1, 2, 3);
  assert.equal(socketA.send(bytes, 1, 2, socketB.localAddress, 0, 2), true);
  bytes.fill(99);
  network.clock.run(14.999);
  assert.deepEqual(arrivals, []);
  network.clock.run(15);
  assert.deepEqual(arrivals, [{ time: 15, bytes: [1, 2], from: '10.0.0.1:1', local: '10.0.0.2:2', ecn: 2 }]);
});

test('each direction has its own options and counters', async () => {
  const { network, a, b, socketA, socketB } = await twoHosts();
  const { forward, backward } = network.link(a, b, { delay: 10 }, { delay: 20, drop: [1] });
  const [atA, atB] = [listen(network, socketA), listen(network, socketB)];
  send(socketA, socketB.localAddress, 1);
  send(socketB, socketA.localAddress, 2);
  send(socketB, socketA.localAddress, 3, 3);
  network.clock.runUntilIdle();
  assert.deepEqual(
    atB.map(({ time, bytes }) => [time, bytes]),
    [[10, [1]]],
  );
  assert.deepEqual(
    atA.map(({ time, bytes }) => [time, bytes]),
    [[20, [3, 3]]],
  );
  assert.equal(forward.counters.delivered, 1);
  assert.deepEqual([backward.counters.entered, backward.counters.enteredBytes], [2, 3]);
  assert.deepEqual([backward.counters.dropped.script, backward.counters.deliveredBytes], [1, 2]);
});

test('headers count 28 bytes on IPv4 and 48 on IPv6', async () => {
  const { network, a, b, socketA, socketB } = await twoHosts({ bandwidth: 8000 });
  const six = [
    await a.sockets.bind({ address: at('[fd00::1]:1') }),
    await b.sockets.bind({ address: at('[fd00::2]:2') }),
  ];
  const [four, sixes] = [listen(network, socketB), listen(network, six[1])];
  send(socketA, socketB.localAddress, 1, 2);
  network.clock.runUntilIdle();
  assert.equal(four[0].time, 30);
  send(six[0], six[1].localAddress, 1, 2);
  network.clock.runUntilIdle();
  assert.equal(sixes[0].time, 80);
});

test('a duplicate is a copy of its own', async () => {
  const { network, socketA, socketB } = await twoHosts({ duplication: 1, duplicateDelay: 2 });
  const seen: number[][] = [];
  socketB.onDatagram = (bytes) => {
    seen.push([network.clock.now(), ...bytes]);
    bytes.fill(0);
  };
  send(socketA, socketB.localAddress, 5, 6);
  network.clock.runUntilIdle();
  assert.deepEqual(seen, [
    [0, 5, 6],
    [2, 5, 6],
  ]);
});

test('corruption reaches the receiver as one changed byte', async () => {
  const { network, socketA, socketB } = await twoHosts({ corruption: 1 });
  const arrivals = listen(network, socketB);
  const log = new PacketLog(network);
  for (let i = 0; i < 50; i++) send(socketA, socketB.localAddress, ...Array(100).fill(7));
  network.clock.runUntilIdle();
  for (const { bytes } of arrivals) {
    assert.equal(bytes.filter((byte) => byte !== 7).length, 1);
    assert.ok(bytes.findIndex((byte) => byte !== 7) < 50);
  }
  assert.ok(log.select('delivered').every(({ isCorrupted }) => isCorrupted));
});

test('datagrams to nobody, to no socket and to a closed socket are dropped and counted', async () => {
  const { network, forward, socketA, socketB } = await twoHosts({ delay: 1 });
  const log = new PacketLog(network);
  send(socketA, at('10.9.9.9:1'), 1);
  send(socketA, at('10.0.0.2:77'), 1);
  send(socketA, socketB.localAddress, 1);
  await socketB.close();
  network.clock.runUntilIdle();
  assert.equal(network.unreachable, 1);
  assert.equal(forward.counters.dropped.unbound, 2);
  assert.deepEqual(
    log.select('dropped').map(({ reason }) => reason),
    ['unreachable', 'unbound', 'unbound'],
  );
});

test('a link between addresses goes before one between hosts, and that before the default', async () => {
  const network = new VirtualNetwork({ seed: 1, link: { delay: 1 } });
  const a = network.addHost('a', ['10.0.0.1', '10.1.0.1']);
  const b = network.addHost('b', ['10.0.0.2']);
  const sink = await b.sockets.bind({ address: at('10.0.0.2:2') });
  const [wifi, cell] = [
    await a.sockets.bind({ address: at('10.0.0.1:1') }),
    await a.sockets.bind({ address: at('10.1.0.1:1') }),
  ];
  const arrivals = listen(network, sink);
  const delays = () => {
    const start = network.clock.now();
    arrivals.length = 0;
    send(wifi, sink.localAddress, 1);
    send(cell, sink.localAddress, 2);
    network.clock.runUntilIdle();
    return arrivals.sort((x, y) => x.bytes[0] - y.bytes[0]).map(({ time }) => time - start);
  };
  assert.deepEqual(delays(), [1, 1]);
  network.link(a, b, { delay: 5 });
  assert.deepEqual(delays(), [5, 5]);
  network.link('10.1.0.1', b, { delay: 40 });
  assert.deepEqual(delays(), [5, 40]);
  network.link('10.1.0.1', '10.0.0.2', { delay: 50 });
  assert.deepEqual(delays(), [5, 50]);
});

test('a host talks to itself over its loopback, past all links', async () => {
  const network = new VirtualNetwork({ seed: 1, link: { loss: 1 } });
  const a = network.addHost('a', ['127.0.0.1', '10.0.0.1']);
  network.addHost('b', ['127.0.0.1']);
  const one = await a.sockets.bind({ address: at('127.0.0.1:1') });
  const two = await a.sockets.bind({ address: at('0.0.0.0:2') });
  const arrivals = listen(network, one);
  send(two, one.localAddress, 1);
  network.clock.runUntilIdle();
  assert.deepEqual(
    arrivals.map(({ from }) => from),
    ['127.0.0.1:2'],
  );
});

test('an address belongs to one host; a removed one hears nothing', async () => {
  const { network, a, b, socketA, socketB } = await twoHosts();
  assert.throws(() => network.addHost('c', ['10.0.0.2']), /belongs to b/);
  const arrivals = listen(network, socketB);
  b.removeAddress('10.0.0.2');
  send(socketA, socketB.localAddress, 1);
  send(socketB, socketA.localAddress, 1);
  network.clock.runUntilIdle();
  assert.equal(arrivals.length, 0);
  assert.equal(socketB.counters.sendErrors, 1);
  a.addAddress('10.0.0.2');
  assert.deepEqual(a.addresses, ['10.0.0.1', 'fd00::1', '10.0.0.2']);
});

async function trace(seed: number): Promise<PacketLog> {
  const { network, socketA, socketB } = await twoHosts(
    {
      delay: 5,
      jitter: 2,
      loss: 0.1,
      corruption: 0.1,
      duplication: 0.1,
      reordering: 0.1,
      bandwidth: 1e6,
      queue: 5,
    },
    seed,
  );
  const log = new PacketLog(network);
  socketB.onDatagram = (bytes, from) => socketB.send(bytes, 0, bytes.length, from);
  for (let i = 0; i < 200; i++) {
    network.clock.schedule(i * 3, () => send(socketA, socketB.localAddress, i, ...Array(400).fill(i)));
  }
  network.clock.runUntilIdle();
  return log;
}

test('the same seed gives the same trace, another seed another', async () => {
  const [first, again, other] = [await trace(7), await trace(7), await trace(8)];
  assert.deepEqual(first.lines, again.lines);
  assert.equal(first.digest(), again.digest());
  assert.notEqual(first.digest(), other.digest());
  assert.ok(first.count('dropped', 'a>b', 'loss') > 0);
  assert.ok(first.count('delivered', 'b>a') > 0);
});

test('what happens in one direction does not change the chance of the other', async () => {
  const fates = async (busy: boolean) => {
    const { network, socketA, socketB } = await twoHosts({ loss: 0.5 });
    const log = new PacketLog(network);
    for (let i = 0; i < 50; i++) {
      send(socketA, socketB.localAddress, i);
      if (busy) send(socketB, socketA.localAddress, i);
    }
    network.clock.runUntilIdle();
    return log.select('dropped', 'a>b').map(({ index }) => index);
  };
  assert.deepEqual(await fates(true), await fates(false));
});

test('a stopped log hears no more', async () => {
  const { network, socketA, socketB } = await twoHosts();
  const log = new PacketLog(network);
  send(socketA, socketB.localAddress, 1);
  network.clock.runUntilIdle();
  const { length } = log.events;
  assert.equal(length, 2);
  log.stop();
  send(socketA, socketB.localAddress, 1);
  assert.equal(log.events.length, length);
});

async function behindNat(
  options: { firstRebind?: number; rebindEvery?: number; rebindAddress?: boolean } = {},
) {
  const hosts = await twoHosts({ delay: 10 });
  const nat = hosts.network.addNat(hosts.a, { outside: ['203.0.113.1', '203.0.113.2'], ...options });
  const seen: string[] = [];
  hosts.socketB.onDatagram = (bytes, from) => {
    seen.push(formatAddress(from));
    hosts.socketB.send(bytes, 0, bytes.length, from);
  };
  return { ...hosts, nat, seen, arrivals: listen(hosts.network, hosts.socketA) };
}

test('a NAT shows the outside address, and the answers find the way in', async () => {
  const { network, socketA, socketB, seen, arrivals } = await behindNat();
  send(socketA, socketB.localAddress, 1);
  send(socketA, socketB.localAddress, 2);
  network.clock.runUntilIdle();
  assert.deepEqual(seen, ['203.0.113.1:40000', '203.0.113.1:40000']);
  assert.deepEqual(
    arrivals.map(({ local, from }) => [local, from]),
    [
      ['10.0.0.1:1', '10.0.0.2:2'],
      ['10.0.0.1:1', '10.0.0.2:2'],
    ],
  );
});

test('two flows have two outside ports', async () => {
  const { network, a, socketA, socketB, seen } = await behindNat();
  const other: VirtualHost = a;
  const second = await other.sockets.bind({ address: at('10.0.0.1:9') });
  send(socketA, socketB.localAddress, 1);
  send(second, socketB.localAddress, 1);
  network.clock.runUntilIdle();
  assert.deepEqual(seen, ['203.0.113.1:40000', '203.0.113.1:40001']);
});

test('after a rebinding the port is new and datagrams to the old binding are dropped', async () => {
  const { network, nat, backward, socketA, socketB, seen, arrivals } = await behindNat();
  send(socketA, socketB.localAddress, 1);
  network.clock.run(15);
  nat.rebind();
  network.clock.run(30);
  assert.deepEqual(arrivals, [], 'the answer was on its way to the old port');
  assert.equal(backward.counters.dropped.nat, 1);
  send(socketB, at(seen[0]), 1);
  send(socketA, socketB.localAddress, 2);
  network.clock.run(60);
  assert.equal(backward.counters.dropped.nat, 2);
  assert.deepEqual(seen, ['203.0.113.1:40000', '203.0.113.1:40001']);
  assert.equal(arrivals.length, 1);
});

test('planned rebindings come first and then regularly, with the address if asked', async () => {
  const portsAt = async (rebindAddress: boolean) => {
    const { network, nat, socketA, socketB, seen } = await behindNat({
      firstRebind: 1000,
      rebindEvery: 5000,
      rebindAddress,
    });
    for (const time of [0, 999, 1000, 5999, 6000, 11_000]) {
      network.clock.schedule(time, () => send(socketA, socketB.localAddress, 1));
    }
    network.clock.runUntilIdle();
    assert.equal(nat.rebinds, 3);
    return seen.map((text) => text.replace('203.0.113.', ''));
  };
  assert.deepEqual(await portsAt(false), ['1:40000', '1:40000', '1:40001', '1:40001', '1:40002', '1:40003']);
  assert.deepEqual(await portsAt(true), ['1:40000', '1:40000', '2:40001', '2:40001', '1:40002', '2:40003']);
});
