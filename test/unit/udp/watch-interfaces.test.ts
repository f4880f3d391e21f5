import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualNetwork } from '../../../src/sim/virtual-network.ts';
import { InterfaceWatcher } from '../../../src/udp/watch-interfaces.ts';

test('looks every 5 s by default, tells what came and what went after three misses', () => {
  const network = new VirtualNetwork({ seed: 1 });
  const host = network.addHost('a', ['10.0.0.1']);
  const watcher = new InterfaceWatcher(network.clock, host.sockets);
  const heard: string[] = [];
  const unsubscribe = watcher.subscribe((current, added, removed) => {
    const names = (list: readonly { address: string }[]) => list.map(({ address }) => address).join(',');
    heard.push(`${network.clock.now()} [${names(current)}] +${names(added)} -${names(removed)}`);
  });
  host.addAddress('10.0.0.2');
  host.removeAddress('10.0.0.1');
  network.clock.run(15_000);
  assert.deepEqual(heard, [
    '5000 [10.0.0.2,10.0.0.1] +10.0.0.2 -',
    '10000 [10.0.0.2,10.0.0.1] + -',
    '15000 [10.0.0.2] + -10.0.0.1',
  ]);
  unsubscribe();
  network.clock.run(60_000);
  assert.equal(heard.length, 3);
});

test('an address that comes back in time was never gone', () => {
  const network = new VirtualNetwork({ seed: 1 });
  const host = network.addHost('a', ['10.0.0.1']);
  const watcher = new InterfaceWatcher(network.clock, host.sockets);
  watcher.subscribe((_current, added, removed) => assert.equal(added.length + removed.length, 0));
  for (let i = 0; i < 5; i++) {
    host.removeAddress('10.0.0.1');
    watcher.check();
    watcher.check();
    host.addAddress('10.0.0.1');
    watcher.check();
  }
});

test('watching does not keep a simulation or a process going', () => {
  const network = new VirtualNetwork({ seed: 1 });
  const host = network.addHost('a', ['10.0.0.1']);
  new InterfaceWatcher(network.clock, host.sockets).subscribe(() => {});
  assert.equal(network.clock.runUntilIdle(), 0);
});
