import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BoundInterface, Interfaces, MAX_INTERFACE_EVENTS } from '../../../src/runtime/interfaces.ts';
import type { InterfaceEvent } from '../../../src/udp/binding.ts';
import { InterfaceWatcher } from '../../../src/udp/watch-interfaces.ts';
import { at, eventText, machine, textOf } from '../../support/sockets.ts';

function stage(ips: readonly string[]): ReturnType<typeof machine> & { interfaces: Interfaces } {
  const made = machine(ips);
  const watcher = new InterfaceWatcher(made.network.clock, made.host.sockets);
  return { ...made, interfaces: new Interfaces(made.pool, watcher) };
}

test('L30 those who bind the same URI share its socket, in whatever spelling, until the last one releases it', async () => {
  const { interfaces, host } = stage(['10.0.0.1']);
  const bound = await Promise.all(
    ['10.0.0.1:4433', 'inet://10.0.0.1:04433'].map((uri) => interfaces.bind(uri)),
  );
  assert.deepEqual(
    bound.map(({ uri, key }) => [uri, key]),
    [
      ['10.0.0.1:4433', 'inet://10.0.0.1:4433'],
      ['inet://10.0.0.1:04433', 'inet://10.0.0.1:4433'],
    ],
  );
  await bound[0].release();
  await bound[0].release();
  assert.equal(bound[0].state, 'released');
  assert.equal(bound[1].state, 'bound');
  assert.ok(host.hasReceiver(at('10.0.0.1:4433')));
  await bound[1].release();
  assert.equal(host.hasReceiver(at('10.0.0.1:4433')), false);
});

test('L44 port 0 of one URI is one socket, with ids it is as many as there are ids', async () => {
  const { interfaces, pool } = stage(['10.0.0.1']);
  const uris = ['10.0.0.1:0', '10.0.0.1:0', '10.0.0.1:0?alloc_port_id=1', '10.0.0.1:0?alloc_port_id=2'];
  const bound: BoundInterface[] = [];
  for (const uri of uris) bound.push(await interfaces.bind(uri));
  const ports = bound.map(({ addresses }) => addresses[0].port);
  assert.equal(ports[0], ports[1]);
  assert.equal(new Set(ports).size, 3);
  assert.equal(pool.sockets.length, 3);
});

test('L26 an address of ours tells on which interfaces a datagram came in', async () => {
  const { interfaces, host, network } = stage(['10.0.0.1', '10.0.0.2']);
  host.addAddress('10.0.1.1', 'eth1');
  await interfaces.bindOptions('0.0.0.0', 4433);
  const one = await interfaces.bind('10.0.0.1:4433');
  const eth1 = await interfaces.bind('iface://v4.eth1:4433');
  assert.deepEqual(interfaces.at(at('10.0.0.1:4433')), ['inet://0.0.0.0:4433', one.key]);
  assert.deepEqual(interfaces.at(at('10.0.0.2:4433')), ['inet://0.0.0.0:4433']);
  assert.deepEqual(interfaces.at(at('10.0.1.1:4433')), ['inet://0.0.0.0:4433', eth1.key]);
  assert.deepEqual(interfaces.at(at('10.0.1.1:4434')), []);
  await one.release();
  assert.deepEqual(interfaces.at(at('10.0.0.1:4433')), ['inet://0.0.0.0:4433']);
  host.removeAddress('10.0.1.1');
  host.addAddress('10.0.1.2', 'eth1');
  await network.clock.runAsync(1000);
  assert.deepEqual(interfaces.at(at('10.0.1.1:4433')), []);
  assert.deepEqual(interfaces.at(at('10.0.1.2:4433')), ['inet://0.0.0.0:4433', eth1.key]);
});

test('L11 a failed bind changes nothing, and can be tried again', async () => {
  const { interfaces, host, network } = stage(['10.0.0.1']);
  const blocker = await host.sockets.bind({ address: at('10.0.0.1:4433') });
  for (const uri of ['10.0.0.1:4433', 'iface://v4.eth0:4433', '10.0.0.9:1'])
    await assert.rejects(interfaces.bind(uri), { code: 'ERR_QUIC_BIND' });
  await assert.rejects(interfaces.bind('eth0'), { code: 'ERR_QUIC_BIND_URI_PORT' });
  assert.equal(network.clock.nextAt, null, 'nothing is watched');
  await blocker.close();
  assert.equal((await interfaces.bind('10.0.0.1:4433')).state, 'bound');
});

test('L43 an interface follows its device as long as it is bound, and its events can be iterated over', async () => {
  const { interfaces, host, network } = stage([]);
  const events = interfaces.events();
  const bound = await interfaces.bind('iface://v4.eth0:4433');
  host.addAddress('10.0.0.1', 'eth0');
  await network.clock.runAsync(1000);
  assert.equal(bound.state, 'bound');
  assert.equal(bound.error, null);
  host.removeAddress('10.0.0.1');
  host.addAddress('10.0.0.2', 'eth0');
  await network.clock.runAsync(2000);
  assert.deepEqual(textOf(bound.addresses), ['10.0.0.2:4433']);
  await bound.release();
  host.addAddress('10.0.0.3', 'eth0');
  await network.clock.runAsync(9000);
  assert.equal(network.clock.nextAt, null, 'nothing is watched any more');
  interfaces.close();
  const seen: InterfaceEvent[] = [];
  for await (const event of events) seen.push(event);
  assert.deepEqual(seen.map(eventText), [
    'waiting ERR_QUIC_INTERFACE_NOT_FOUND',
    'bound 10.0.0.1:4433',
    'rebound 10.0.0.2:4433',
    'released',
  ]);
  assert.equal(seen[0].key, 'iface://v4.eth0:4433');
});

test('events wait for a slow reader up to a limit, and a wait can be given up', async () => {
  const { interfaces } = stage(['10.0.0.1']);
  const slow = interfaces.events();
  for (let i = 0; i < MAX_INTERFACE_EVENTS; i++) {
    const bound = await interfaces.bind(`10.0.0.1:${i + 1}`);
    await bound.release();
  }
  const { value } = await slow.next();
  assert.equal(value.key, `inet://10.0.0.1:${MAX_INTERFACE_EVENTS / 2 + 1}`);
  const controller = new AbortController();
  const waiting = interfaces.events({ signal: controller.signal }).next();
  controller.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
  const left = interfaces.events();
  await left.return?.();
  assert.deepEqual(await left.next(), { done: true, value: undefined });
});

test('drain is checked, and after the end nothing is bound', async () => {
  const { interfaces } = stage(['10.0.0.1']);
  const bound = await interfaces.bind('10.0.0.1:4433');
  await assert.rejects(bound.release({ drain: -1 }), { code: 'ERR_OUT_OF_RANGE' });
  assert.equal(bound.state, 'bound');
  interfaces.close();
  await assert.rejects(interfaces.bind('10.0.0.1:4433'), { code: 'ERR_QUIC_ENDPOINT_CLOSED' });
});
