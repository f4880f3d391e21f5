import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { optionsTarget } from '../../../src/udp/bind-target.ts';
import { dgramSockets } from '../../../src/udp/dgram-socket.ts';
import { nodeClock } from '../../../src/udp/node-clock.ts';
import type { DatagramSocket } from '../../../src/udp/socket.ts';
import { addressKey, type SocketAddress } from '../../../src/util/address.ts';
import { anyTarget, at, boundTo, machine, poolOf, textOf } from '../../support/sockets.ts';

/** Open UDP handles, once those that are being closed are gone. */
async function udpHandles(): Promise<number> {
  for (let i = 0; i < 5; i++) await turn();
  return process.getActiveResourcesInfo().filter((name) => /udp/i.test(name)).length;
}

function ask(from: DatagramSocket, to: SocketAddress, bytes: Uint8Array): Promise<SocketAddress> {
  return new Promise((resolve) => {
    from.onDatagram = (_bytes, answerer) => resolve(answerer);
    from.send(bytes, 0, bytes.length, to);
  });
}

test('one address is one socket', async () => {
  const { pool } = poolOf(dgramSockets, nodeClock);
  const { binding } = await boundTo(pool, '127.0.0.1:0');
  assert.equal(binding.state, 'bound');
  const [{ port }] = binding.addresses;
  assert.notEqual(port, 0);
  assert.deepEqual(binding.addresses, [at(`127.0.0.1:${port}`)]);
  await binding.release(0);
  assert.equal(binding.state, 'released');
});

test('L9 a wildcard is bound on every local address with one port', async () => {
  const before = await udpHandles();
  const { pool } = poolOf(dgramSockets, nodeClock);
  const { binding } = await boundTo(pool, anyTarget(pool));
  const local = dgramSockets.localAddresses().map(({ address }) => address);
  assert.deepEqual(binding.addresses.map(({ address }) => address).sort(), local.sort());
  assert.equal(new Set(binding.addresses.map(({ port }) => port)).size, 1);
  await binding.release(0);
  assert.equal(await udpHandles(), before);
});

test('answers of a wildcard leave from the address that was asked', async () => {
  const { pool } = poolOf(dgramSockets, nodeClock);
  await boundTo(pool, anyTarget(pool));
  for (const socket of pool.sockets) {
    socket.onDatagram = (bytes, from) => socket.send(bytes, 0, bytes.length, from);
  }
  for (const { localAddress } of pool.sockets) {
    const client = await dgramSockets.bind({ address: { ...localAddress, port: 0 } });
    assert.deepEqual(await ask(client, localAddress, Uint8Array.of(1)), localAddress);
    await client.close();
  }
  await pool.closeAll();
});

test('L11 a port in use on one of the addresses fails the whole wildcard and leaves nothing open', async () => {
  const taken = await dgramSockets.bind({ address: at('127.0.0.1:0') });
  const before = await udpHandles();
  const { port } = taken.localAddress;
  const { pool } = poolOf(dgramSockets, nodeClock);
  await assert.rejects(boundTo(pool, `0.0.0.0:${port}`), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'ERR_QUIC_BIND');
    assert.match(error.message, new RegExp(`:${port}.*EADDRINUSE`));
    return true;
  });
  assert.equal(await udpHandles(), before);
  await taken.close();
});

test('an address that is none and a port that is none are refused by name', () => {
  const { capabilities } = dgramSockets;
  assert.throws(() => optionsTarget('localhost', 1, capabilities), {
    name: 'TypeError',
    code: 'ERR_INVALID_ARG_VALUE',
    message: /localhost/,
  });
  for (const port of [-1, 65536, 1.5]) {
    assert.throws(() => optionsTarget(undefined, port, capabilities), {
      name: 'RangeError',
      code: 'ERR_OUT_OF_RANGE',
    });
  }
});

test('with port 0, a port that is taken on a later address makes it look for another', async () => {
  const { pool, host } = machine(['10.0.0.1', '10.0.0.2']);
  // The first free port of this host, taken on the second address only.
  const blocker = await host.sockets.bind({ address: at('10.0.0.2:49152') });
  const { binding } = await boundTo(pool, '0.0.0.0:0');
  assert.deepEqual(textOf(binding.addresses), ['10.0.0.1:49153', '10.0.0.2:49153']);
  const free = await host.sockets.bind({ address: at('10.0.0.1:49152') });
  await Promise.all([binding.release(0), blocker.close(), free.close()]);
});

test('a wildcard of one family leaves the other alone', async () => {
  const { pool } = machine(['10.0.0.1', 'fd00::1']);
  const { binding } = await boundTo(pool, '[::]:5');
  assert.deepEqual(textOf(binding.addresses), ['[fd00::1]:5']);
  assert.ok(binding.has(at('[fd00::1]:5')));
  assert.equal(binding.has(at('10.0.0.1:5')), false);
});

test('a socket with packet info needs one socket per family for the wildcards', async () => {
  const { pool } = machine(['10.0.0.1', '10.0.0.2', 'fd00::1'], true);
  const { binding } = await boundTo(pool, anyTarget(pool));
  assert.deepEqual(
    binding.addresses.map(({ address }) => address),
    ['0.0.0.0', '::'],
  );
  const [{ port }] = binding.addresses;
  assert.equal(binding.addresses[1].port, port);
  for (const ip of ['10.0.0.2', '[fd00::1]']) assert.ok(binding.has(at(`${ip}:${port}`)));
  const { binding: one } = await boundTo(pool, `10.0.0.1:${port}`);
  assert.deepEqual(textOf(one.addresses), [`10.0.0.1:${port}`]);
  assert.equal(one.has(at(`10.0.0.2:${port}`)), false);
});

test('a wildcard on a machine without addresses of that family is ERR_QUIC_BIND', async () => {
  const { pool } = machine(['10.0.0.1']);
  await assert.rejects(boundTo(pool, '[::]:7'), /\[::\]:7.*EADDRNOTAVAIL/);
});

test('a wildcard follows addresses that come and go, until it is released', async () => {
  const { host, pool, used } = machine(['10.0.0.1']);
  const { binding, told } = await boundTo(pool, '0.0.0.0:9');
  const [first] = pool.sockets;
  host.addAddress('10.0.0.2');
  host.addAddress('fd00::1');
  await binding.update(host.sockets.localAddresses());
  used.add(addressKey(at('10.0.0.1:9')));
  host.removeAddress('10.0.0.1');
  await binding.update(host.sockets.localAddresses());
  await binding.update(host.sockets.localAddresses());
  assert.deepEqual(told, ['bound 10.0.0.1:9', 'rebound 10.0.0.1:9 10.0.0.2:9', 'rebound 10.0.0.2:9']);
  assert.equal(pool.for(at('10.0.0.1:9')), first, 'a path uses it, and the address may come back');
  host.addAddress('10.0.0.1');
  await binding.update(host.sockets.localAddresses());
  assert.ok(pool.has(at('10.0.0.1:9')));
  assert.equal(pool.for(at('10.0.0.1:9')), first);
  await binding.release(0);
  await binding.release(0);
  host.addAddress('10.0.0.3');
  await binding.update(host.sockets.localAddresses());
  assert.deepEqual(told.slice(3), ['rebound 10.0.0.2:9 10.0.0.1:9', 'released']);
  assert.equal(pool.for(at('10.0.0.3:9')), null);
});

test('an address that cannot be bound when it comes is tried again', async () => {
  const { host, pool } = machine(['10.0.0.1']);
  const { binding, told } = await boundTo(pool, '0.0.0.0:9');
  host.addAddress('10.0.0.2');
  const blocker = await host.sockets.bind({ address: at('10.0.0.2:9') });
  for (let i = 0; i < 2; i++) await binding.update(host.sockets.localAddresses());
  assert.equal(binding.state, 'bound');
  await blocker.close();
  await binding.update(host.sockets.localAddresses());
  assert.deepEqual(told, [
    'bound 10.0.0.1:9',
    'rebound 10.0.0.1:9 ERR_QUIC_BIND',
    'rebound 10.0.0.1:9 10.0.0.2:9',
  ]);
});

test('L11 a device that is absent waits without an error, and is bound when it appears', async () => {
  const { host, pool } = machine(['10.0.0.1']);
  const { binding, told } = await boundTo(pool, 'iface://v4.eth7:4433');
  assert.equal(binding.state, 'waiting');
  assert.equal(binding.error?.code, 'ERR_QUIC_INTERFACE_NOT_FOUND');
  host.addAddress('fd00::7', 'eth7');
  await binding.update(host.sockets.localAddresses());
  host.addAddress('10.0.7.1', 'eth7');
  await binding.update(host.sockets.localAddresses());
  assert.deepEqual(told, [
    'waiting ERR_QUIC_INTERFACE_NOT_FOUND',
    'waiting ERR_QUIC_INTERFACE_NO_ADDRESS',
    'bound 10.0.7.1:4433',
  ]);
});

test('L43 a device that changes its address is rebound with its port, and stays where it is otherwise', async () => {
  const { host, pool } = machine([]);
  host.addAddress('10.0.0.5', 'eth0');
  const { binding, told } = await boundTo(pool, 'iface://v4.eth0:0');
  const [{ port }] = binding.addresses;
  host.removeAddress('10.0.0.5');
  host.addAddress('10.0.0.4', 'eth0');
  host.addAddress('10.0.0.5', 'eth0');
  await binding.update(host.sockets.localAddresses());
  assert.equal(told.length, 1, 'another first address is no reason to move');
  host.removeAddress('10.0.0.5');
  await binding.update(host.sockets.localAddresses());
  host.removeAddress('10.0.0.4');
  await binding.update(host.sockets.localAddresses());
  host.addAddress('10.0.0.5', 'eth1');
  await binding.update(host.sockets.localAddresses());
  host.removeAddress('10.0.0.5');
  host.addAddress('10.0.0.5', 'eth0');
  await binding.update(host.sockets.localAddresses());
  assert.deepEqual(told, [
    `bound 10.0.0.5:${port}`,
    `rebound 10.0.0.4:${port}`,
    'waiting ERR_QUIC_INTERFACE_NOT_FOUND',
    `bound 10.0.0.5:${port}`,
  ]);
});

test('L42 a device with IPv6 is bound past its link-local addresses', async () => {
  const { host, pool } = machine([]);
  host.addAddress('fe80::1%eth0', 'eth0');
  const { binding, told } = await boundTo(pool, 'iface://v6.eth0:1');
  host.addAddress('2001:db8::1', 'eth0');
  await binding.update(host.sockets.localAddresses());
  assert.deepEqual(told, ['waiting ERR_QUIC_INTERFACE_NO_ADDRESS', 'bound [2001:db8::1]:1']);
});

test('L43 temporary=true is bound once, and its device has to be there', async () => {
  const { host, pool } = machine([]);
  const uri = 'iface://v4.eth0:4433?temporary=true';
  await assert.rejects(boundTo(pool, uri), { code: 'ERR_QUIC_INTERFACE_NOT_FOUND' });
  host.addAddress('fd00::1', 'eth0');
  await assert.rejects(boundTo(pool, uri), { code: 'ERR_QUIC_INTERFACE_NO_ADDRESS' });
  host.addAddress('10.0.0.1', 'eth0');
  const { binding } = await boundTo(pool, uri);
  assert.equal(binding.target.follows, false);
  assert.deepEqual(textOf(binding.addresses), ['10.0.0.1:4433']);
});

test('L11 a device whose port is taken is a failure that changes nothing', async () => {
  const { host, pool } = machine(['10.0.0.1']);
  const blocker = await host.sockets.bind({ address: at('10.0.0.1:4433') });
  await assert.rejects(boundTo(pool, 'iface://v4.eth0:4433'), /EADDRINUSE/);
  assert.deepEqual(pool.sockets, []);
  await blocker.close();
  assert.equal((await boundTo(pool, 'iface://v4.eth0:4433')).binding.state, 'bound');
});

test('a release while an address is being bound leaves nothing open', async () => {
  const { host, pool } = machine([]);
  const { binding } = await boundTo(pool, 'iface://v4.eth0:4433');
  host.addAddress('10.0.0.1', 'eth0');
  const updating = binding.update(host.sockets.localAddresses());
  await Promise.all([updating, binding.release(0)]);
  assert.deepEqual(pool.sockets, []);
  assert.equal(host.hasReceiver(at('10.0.0.1:4433')), false);
});
