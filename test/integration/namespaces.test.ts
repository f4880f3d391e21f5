import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { type NamespacePeer, Namespaces, noNamespaces } from '../support/namespaces.ts';
import { withoutNative } from '../support/native.ts';

const skip = noNamespaces() ?? false;

interface Stage {
  net: Namespaces;
  server: NamespacePeer;
  client: NamespacePeer;
  ca: string;
}

async function stage(t: TestContext, backend = 'auto'): Promise<Stage> {
  const net = new Namespaces();
  t.after(() => net.end());
  const [server, client] = await Promise.all([net.start('server'), net.start('client')]);
  const ca = String(await server.call('listen', backend));
  return { net, server, client, ca };
}

test('L43 an interface follows a real device that changes its address, and its server keeps accepting', {
  skip,
}, async (t) => {
  const { net, server, client, ca } = await stage(t);
  net.join('eth0', '10.71.0.2/24', '10.71.0.1/24');
  assert.equal(await server.call('bind', 'iface://v4.eth0:4433'), 'bound 10.71.0.2:4433');
  await client.call('connect', 'old', '10.71.0.2:4433', ca);
  assert.equal(await client.call('echo', 'old', 'one'), 'one');

  // With the same mask it would be a secondary address, which the kernel drops together with the first one.
  net.ip('addr add 10.71.0.3/25 dev eth0');
  net.ip('addr del 10.71.0.2/24 dev eth0');
  await server.tells('rebound iface://v4.eth0:4433 10.71.0.3:4433');
  await client.call('connect', 'new', '10.71.0.3:4433', ca);
  assert.equal(await client.call('echo', 'new', 'two'), 'two');
  assert.equal(await server.call('connections'), 2, 'the address that vanished closed no connection');

  net.ip('addr add 10.71.0.2/24 dev eth0');
  assert.equal(await client.call('echo', 'old', 'three'), 'three');
});

test('L11 a real device that is absent is waited for, and followed when it goes and comes back', {
  skip,
}, async (t) => {
  const { net, server, client, ca } = await stage(t);
  assert.equal(await server.call('bind', 'iface://v4.eth1:4433'), 'waiting');
  net.join('eth1', '10.72.0.2/24', '10.72.0.1/24');
  await server.tells('bound iface://v4.eth1:4433 10.72.0.2:4433');
  await client.call('connect', 'a', '10.72.0.2:4433', ca);
  assert.equal(await client.call('echo', 'a', 'one'), 'one');

  const seen = server.told.length;
  net.ip('link del eth1');
  await server.tells('waiting iface://v4.eth1:4433', seen);
  net.join('eth1', '10.72.0.2/24', '10.72.0.1/24');
  await server.tells('bound iface://v4.eth1:4433 10.72.0.2:4433', seen);
  assert.equal(await client.call('echo', 'a', 'two'), 'two', 'the connection outlived its device');
  await client.call('connect', 'b', '10.72.0.2:4433', ca);
  assert.equal(await client.call('echo', 'b', 'three'), 'three');
  assert.deepEqual(await server.call('closed'), []);
});

test('L42 a real device with link-local IPv6 alone is waited for, and bound past it', { skip }, async (t) => {
  const { net, server } = await stage(t);
  net.join('eth0');
  assert.equal(await server.call('bind', 'iface://v6.eth0:4433'), 'waiting');
  net.ip('addr add fd71::2/64 dev eth0 nodad');
  await server.tells('bound iface://v6.eth0:4433 [fd71::2]:4433');
});

test('L9 a wildcard takes in the addresses of real devices that come later', { skip }, async (t) => {
  const { net, server, client, ca } = await stage(t, 'dgram');
  assert.equal(await server.call('bind', '0.0.0.0:4433'), 'bound 127.0.0.1:4433');
  net.join('eth0', '10.75.0.2/24', '10.75.0.1/24');
  await server.tells('rebound inet://0.0.0.0:4433 127.0.0.1:4433 10.75.0.2:4433');
  await client.call('connect', 'a', '10.75.0.2:4433', ca);
  assert.equal(await client.call('echo', 'a', 'one'), 'one');
});

test('L9 a wildcard that is one socket serves the addresses of real devices that come later', {
  skip: skip || withoutNative,
}, async (t) => {
  const { net, server, client, ca } = await stage(t);
  assert.equal(await server.call('bind', '0.0.0.0:4433'), 'bound 0.0.0.0:4433');
  net.join('eth0', '10.76.0.2/24', '10.76.0.1/24');
  assert.equal(await server.call('bind', 'iface://v4.eth0:4433'), 'bound 10.76.0.2:4433');
  await client.call('connect', 'a', '10.76.0.2:4433', ca);
  assert.equal(await client.call('echo', 'a', 'one'), 'one');
  await server.call('release', '0.0.0.0:4433');
  await client.call('connect', 'b', '10.76.0.2:4433', ca);
  assert.equal(await client.call('echo', 'b', 'two'), 'two');
  await server.call('release', 'iface://v4.eth0:4433');
  await assert.rejects(client.call('connect', 'c', '10.76.0.2:4433', ca) as Promise<unknown>);
  assert.equal(await client.call('echo', 'a', 'three'), 'three');
});

test('L28 L29 L30 interfaces come and go under load, and no connection that was there is lost', {
  skip,
}, async (t) => {
  const { net, server, client, ca } = await stage(t);
  net.join('eth0', '10.73.0.2/24', '10.73.0.1/24');
  await server.call('bind', 'iface://v4.eth0:4433');
  await client.call('load', '10.73.0.2:4433', 20, ca);
  let waves = 0;
  for (; waves < 5; waves++) {
    net.join(`eth${waves + 1}`, `10.74.${waves}.2/24`, `10.74.${waves}.1/24`);
    const uri = `iface://v4.eth${waves + 1}:4433`;
    await server.call('bind', uri);
    await server.call('bind', '10.73.0.2:4433');
    await client.call('load', `10.74.${waves}.2:4433`, 10, ca);
    // Unbound while its connections talk, and bound and unbound again.
    await server.call('release', uri);
    await assert.rejects(client.call('connect', 'late', `10.74.${waves}.2:4433`, ca) as Promise<unknown>);
    await server.call('release', '10.73.0.2:4433');
    if (waves % 2 === 0) await server.call('bind', uri);
    await wait(100);
  }
  // A cable that is out for a moment is loss, and no end.
  net.ip('link set eth2 down');
  await wait(500);
  net.ip('link set eth2 up');
  // Every connection answers once more, those on eth2 when their probes get through again.
  await client.call('rounds');
  assert.deepEqual(await client.call('failures'), []);
  assert.equal(await server.call('connections'), 20 + 10 * waves);
  assert.deepEqual(await server.call('closed'), []);
  await client.call('stop');
});
