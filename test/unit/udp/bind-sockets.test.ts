import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { VirtualNetwork } from '../../../src/sim/virtual-network.ts';
import { bindSockets } from '../../../src/udp/bind-sockets.ts';
import { dgramSockets } from '../../../src/udp/dgram-socket.ts';
import type { DatagramSocket, SocketFactory } from '../../../src/udp/socket.ts';
import { InterfaceWatcher } from '../../../src/udp/watch-interfaces.ts';
import { formatAddress, type SocketAddress, socketAddress } from '../../../src/util/address.ts';

/** Open UDP handles, once those that are being closed are gone. */
async function udpHandles(): Promise<number> {
  for (let i = 0; i < 5; i++) await turn();
  return process.getActiveResourcesInfo().filter((name) => /udp/i.test(name)).length;
}

function at(ip: string, port: number): SocketAddress {
  const address = socketAddress(ip, port);
  assert.ok(address);
  return address;
}

function ask(from: DatagramSocket, to: SocketAddress, bytes: Uint8Array): Promise<SocketAddress> {
  return new Promise((resolve) => {
    from.onDatagram = (_bytes, answerer) => resolve(answerer);
    from.send(bytes, 0, bytes.length, to);
  });
}

test('one address is one socket', async () => {
  const bound = await bindSockets(dgramSockets, { address: '127.0.0.1', port: 0 });
  assert.equal(bound.sockets.length, 1);
  assert.deepEqual(bound.addresses, [at('127.0.0.1', bound.port)]);
  await bound.close();
});

test('L9 a wildcard is bound on every local address with one port, and tells the wildcard as its address', async () => {
  const before = await udpHandles();
  const bound = await bindSockets(dgramSockets, { port: 0 });
  assert.deepEqual(
    bound.sockets.map(({ localAddress }) => localAddress.address).sort(),
    dgramSockets
      .localAddresses()
      .map(({ address }) => address)
      .sort(),
  );
  for (const socket of bound.sockets) assert.equal(socket.localAddress.port, bound.port);
  const families = new Set(dgramSockets.localAddresses().map(({ family }) => family));
  assert.deepEqual(new Set(bound.addresses.map(({ family }) => family)), families);
  await bound.close();
  assert.equal(await udpHandles(), before);
});

test('answers of a wildcard leave from the address that was asked', async () => {
  const bound = await bindSockets(dgramSockets, { port: 0 });
  for (const socket of bound.sockets) {
    socket.onDatagram = (bytes, from) => socket.send(bytes, 0, bytes.length, from);
  }
  for (const { localAddress } of bound.sockets) {
    const client = await dgramSockets.bind({ address: { ...localAddress, port: 0 } });
    assert.deepEqual(await ask(client, localAddress, Uint8Array.of(1)), localAddress);
    await client.close();
  }
  await bound.close();
});

test('L11 a port in use on one of the addresses fails the whole wildcard and leaves nothing open', async () => {
  const taken = await dgramSockets.bind({ address: at('127.0.0.1', 0) });
  const before = await udpHandles();
  const { port } = taken.localAddress;
  await assert.rejects(
    bindSockets(dgramSockets, { address: '0.0.0.0', port }),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, 'ERR_QUIC_BIND');
      assert.match(error.message, new RegExp(`:${port}.*EADDRINUSE`));
      return true;
    },
  );
  assert.equal(await udpHandles(), before);
  await taken.close();
});

test('an address that is none and a port that is none are refused by name', async () => {
  await assert.rejects(bindSockets(dgramSockets, { address: 'localhost', port: 1 }), {
    name: 'TypeError',
    code: 'ERR_INVALID_ARG_VALUE',
    message: /localhost/,
  });
  for (const port of [-1, 65536, 1.5]) {
    await assert.rejects(bindSockets(dgramSockets, { port }), {
      name: 'RangeError',
      code: 'ERR_OUT_OF_RANGE',
    });
  }
});

function machine(
  ips: readonly string[],
  packetInfo = false,
): { network: VirtualNetwork; sockets: SocketFactory; host: ReturnType<VirtualNetwork['addHost']> } {
  const network = new VirtualNetwork({ seed: 1 });
  const host = network.addHost('a', ips, { capabilities: { packetInfo } });
  return { network, host, sockets: host.sockets };
}

test('with port 0, a port that is taken on a later address makes it look for another', async () => {
  const { sockets } = machine(['10.0.0.1', '10.0.0.2']);
  // The first free port of this host, taken on the second address only.
  const blocker = await sockets.bind({ address: at('10.0.0.2', 49152) });
  const bound = await bindSockets(sockets, { address: '0.0.0.0', port: 0 });
  assert.equal(bound.sockets.length, 2);
  assert.deepEqual(
    bound.sockets.map(({ localAddress }) => localAddress.port),
    [bound.port, bound.port],
  );
  assert.notEqual(bound.port, 49152);
  const free = await sockets.bind({ address: at('10.0.0.1', 49152) });
  await Promise.all([bound.close(), blocker.close(), free.close()]);
});

test('a wildcard of one family leaves the other alone', async () => {
  const { sockets } = machine(['10.0.0.1', 'fd00::1']);
  const bound = await bindSockets(sockets, { address: '::', port: 5 });
  assert.deepEqual(
    bound.sockets.map(({ localAddress }) => formatAddress(localAddress)),
    ['[fd00::1]:5'],
  );
  assert.deepEqual(bound.addresses.map(formatAddress), ['[::]:5']);
  await bound.close();
});

test('a socket with packet info needs one socket per family for the wildcards', async () => {
  const { sockets } = machine(['10.0.0.1', '10.0.0.2', 'fd00::1'], true);
  const bound = await bindSockets(sockets, { port: 0 });
  assert.deepEqual(
    bound.sockets.map(({ localAddress }) => localAddress.address),
    ['0.0.0.0', '::'],
  );
  assert.equal(new Set(bound.sockets.map(({ localAddress }) => localAddress.port)).size, 1);
  await bound.close();
});

test('a wildcard on a machine without addresses of that family is ERR_QUIC_BIND', async () => {
  const { sockets } = machine(['10.0.0.1']);
  await assert.rejects(bindSockets(sockets, { address: '::', port: 7 }), /\[::\]:7.*EADDRNOTAVAIL/);
});

test('a wildcard follows addresses that come and go, until it is closed', async () => {
  const { network, host, sockets } = machine(['10.0.0.1']);
  const watcher = new InterfaceWatcher(network.clock, sockets, { interval: 1000, removeAfter: 2 });
  const bound = await bindSockets(sockets, { address: '0.0.0.0', port: 9 });
  const events: string[] = [];
  bound.onSocketAdded = ({ localAddress }) => events.push(`+${localAddress.address}`);
  bound.onSocketRemoved = ({ localAddress }) => events.push(`-${localAddress.address}`);
  bound.follow(watcher);

  host.addAddress('10.0.0.2');
  host.addAddress('fd00::1');
  await network.clock.runAsync(1000);
  assert.deepEqual(events, ['+10.0.0.2']);
  host.removeAddress('10.0.0.1');
  await network.clock.runAsync(2000);
  assert.deepEqual(events.length, 1, 'one miss is no removal');
  await network.clock.runAsync(3000);
  assert.deepEqual(events, ['+10.0.0.2', '-10.0.0.1']);
  assert.deepEqual(
    bound.sockets.map(({ localAddress }) => formatAddress(localAddress)),
    ['10.0.0.2:9'],
  );

  const [socket] = bound.sockets;
  await bound.close();
  assert.equal(socket.send(Uint8Array.of(1), 0, 1, at('10.0.0.2', 1)), false);
  host.addAddress('10.0.0.3');
  await network.clock.runAsync(9000);
  assert.equal(events.length, 2);
  assert.equal(network.clock.nextAt, null, 'the watcher stopped with its last listener');
});

test('an address that cannot be bound when it comes is tried again', async () => {
  const { network, host, sockets } = machine(['10.0.0.1', '10.0.0.2']);
  host.removeAddress('10.0.0.2');
  const watcher = new InterfaceWatcher(network.clock, sockets, { interval: 1000 });
  const bound = await bindSockets(sockets, { address: '0.0.0.0', port: 9 });
  bound.follow(watcher);
  host.addAddress('10.0.0.2');
  const blocker = await sockets.bind({ address: at('10.0.0.2', 9) });
  await network.clock.runAsync(1000);
  assert.equal(bound.sockets.length, 1);
  await blocker.close();
  await network.clock.runAsync(2000);
  assert.equal(bound.sockets.length, 2);
  await bound.close();
});
