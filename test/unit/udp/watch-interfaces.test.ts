import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualNetwork } from '../../../src/sim/virtual-network.ts';
import { InterfaceWatcher } from '../../../src/udp/watch-interfaces.ts';

function watched(): {
  network: VirtualNetwork;
  host: ReturnType<VirtualNetwork['addHost']>;
  watcher: InterfaceWatcher;
  heard: string[];
  unsubscribe: () => void;
} {
  const network = new VirtualNetwork({ seed: 1 });
  const host = network.addHost('a', ['10.0.0.1']);
  const watcher = new InterfaceWatcher(network.clock, host.sockets);
  const heard: string[] = [];
  const unsubscribe = watcher.subscribe((current) => {
    heard.push(`${network.clock.now()} ${current.map(({ address }) => address).join(',')}`);
  });
  return { network, host, watcher, heard, unsubscribe };
}

test('looks every second by default, as long as somebody listens', () => {
  const { network, host, heard, unsubscribe } = watched();
  host.addAddress('10.0.0.2');
  network.clock.run(1500);
  host.removeAddress('10.0.0.1');
  network.clock.run(2000);
  assert.deepEqual(heard, ['1000 10.0.0.1,10.0.0.2', '2000 10.0.0.2']);
  unsubscribe();
  network.clock.run(60_000);
  assert.equal(heard.length, 2);
});

test('a hint makes it look at once, a storm of hints ten times a second', () => {
  const { network, watcher, heard } = watched();
  network.clock.run(500);
  watcher.hint();
  network.clock.run(510);
  assert.deepEqual(heard, ['500 10.0.0.1']);
  for (let now = 510; now < 900; now += 10) {
    watcher.hint();
    network.clock.run(now);
  }
  assert.deepEqual(
    heard.map((each) => each.split(' ')[0]),
    ['500', '600', '700', '800'],
  );
  network.clock.run(1900);
  assert.equal(heard.at(-1), '1900 10.0.0.1', 'the next regular look counts from the last one');
});

test('a hint that nobody listens for does nothing', () => {
  const { network, watcher, heard, unsubscribe } = watched();
  unsubscribe();
  watcher.hint();
  network.clock.run(5000);
  assert.deepEqual(heard, []);
});

test('watching does not keep a simulation or a process going', () => {
  const { network } = watched();
  assert.equal(network.clock.runUntilIdle(), 0);
});
