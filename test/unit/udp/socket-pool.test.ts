import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressKey } from '../../../src/util/address.ts';
import { at, machine, textOf } from '../../support/sockets.ts';

const A = at('10.0.0.1:4433');

test('L30 who asks for the same address gets the same socket, which closes with its last user', async () => {
  const { host, pool } = machine(['10.0.0.1']);
  const [first, second] = await Promise.all([pool.open(A), pool.open(A)]);
  assert.equal(first, second);
  assert.equal(pool.for(A), first);
  await pool.close(first, 0);
  assert.ok(pool.has(A));
  assert.ok(host.hasReceiver(A));
  await pool.close(second, 0);
  assert.equal(pool.for(A), null);
  assert.equal(host.hasReceiver(A), false);
  await pool.close(second, 0);
});

test('L44 port 0 is a new socket each time', async () => {
  const { pool } = machine(['10.0.0.1']);
  const zero = { ...A, port: 0 };
  const [first, second] = [await pool.open(zero), await pool.open(zero)];
  assert.notEqual(first.localAddress.port, second.localAddress.port);
  assert.equal(pool.sockets.length, 2);
  await pool.closeAll();
});

test('a socket that paths use stays without users, takes nothing new, and goes when they left', async () => {
  const { network, pool, used } = machine(['10.0.0.1']);
  const socket = await pool.open(A);
  used.add(addressKey(A));
  await pool.close(socket, 60_000);
  assert.equal(pool.has(A), false);
  assert.deepEqual(pool.sockets, []);
  await network.clock.runAsync(30_000);
  assert.equal(pool.for(A), socket);
  used.clear();
  pool.onPathsLeft();
  await network.clock.runAsync(30_001);
  assert.equal(pool.for(A), null);
});

test('a socket that waits for its paths notices within a second that they left, and goes at the deadline otherwise', async () => {
  const { network, pool, used } = machine(['10.0.0.1', '10.0.0.2']);
  const [first, second] = [await pool.open(A), await pool.open(at('10.0.0.2:4433'))];
  for (const { localAddress } of [first, second]) used.add(addressKey(localAddress));
  await pool.close(first, 5500);
  await pool.close(second, Infinity);
  await network.clock.runAsync(5499);
  assert.equal(pool.for(first.localAddress), first);
  await network.clock.runAsync(5501);
  assert.equal(pool.for(first.localAddress), null);
  assert.equal(pool.for(second.localAddress), second);
  used.clear();
  await network.clock.runAsync(6501);
  assert.equal(pool.for(second.localAddress), null);
  assert.equal(network.clock.nextAt, null);
});

test('a socket that waits for its paths is taken up again by who asks for its address', async () => {
  const { network, pool, used } = machine(['10.0.0.1']);
  const socket = await pool.open(A);
  used.add(addressKey(A));
  await pool.close(socket, 5000);
  assert.equal(await pool.open(A), socket);
  used.clear();
  await network.clock.runAsync(60_000);
  assert.equal(pool.for(A), socket);
});

test('an address can be opened again while its socket is closing', async () => {
  const { pool } = machine(['10.0.0.1']);
  const first = await pool.open(A);
  void pool.close(first, 0);
  const second = await pool.open(A);
  assert.notEqual(first, second);
  assert.deepEqual(textOf([second.localAddress]), ['10.0.0.1:4433']);
});

test('one of two who open the same address gives up without taking it from the other', async () => {
  const { pool } = machine(['10.0.0.1']);
  const opening = [pool.open(A), pool.open(A)];
  await pool.close(await opening[0], 0);
  assert.equal(await opening[1], pool.for(A));
});

test('a socket with packet info on a wildcard serves each address of its family and port', async () => {
  const { pool } = machine(['10.0.0.1', 'fd00::1'], true);
  const any = await pool.open(at('0.0.0.0:4433'));
  assert.equal(await pool.open(A), any);
  assert.equal(pool.for(at('10.0.0.1:4433')), any);
  assert.equal(pool.for(at('[fd00::1]:4433')), null);
  assert.equal(pool.for(at('10.0.0.1:4434')), null);
  await pool.close(any, 0);
  assert.equal(pool.for(A), any);
  await pool.close(any, 0);
  assert.equal(pool.for(A), null);
});

test('a failed bind leaves nothing behind, and each who waited for it has the error', async () => {
  const { host, pool } = machine(['10.0.0.1']);
  const blocker = await host.sockets.bind({ address: A });
  const failures = await Promise.allSettled([pool.open(A), pool.open(A)]);
  for (const each of failures)
    assert.equal(each.status === 'rejected' && each.reason.code, 'ERR_QUIC_BIND', each.status);
  await blocker.close();
  assert.ok(await pool.open(A));
});

test('closing all frees what is open, what waits and what is being opened', async () => {
  const { host, pool, used, network } = machine(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
  const waiting = await pool.open(A);
  used.add(addressKey(A));
  await pool.close(waiting, Infinity);
  await pool.open(at('10.0.0.2:1'));
  const late = pool.open(at('10.0.0.3:1'));
  await Promise.all([pool.closeAll(), assert.rejects(late, { code: 'ERR_QUIC_ENDPOINT_CLOSED' })]);
  for (const address of [A, at('10.0.0.2:1'), at('10.0.0.3:1')])
    assert.equal(host.hasReceiver(address), false);
  await assert.rejects(pool.open(A), { code: 'ERR_QUIC_ENDPOINT_CLOSED' });
  assert.equal(network.clock.nextAt, null);
});
