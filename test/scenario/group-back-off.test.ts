/** Binds that fail and are tried again, on the virtual clock. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import { type BackOffOptions, ListenGroup } from '../../src/group.ts';
import { type DatagramSocket, VirtualNetwork } from '../../src/sim.ts';
import { seededIdentity } from '../support/certificates.ts';

const PORT = 4433;

test('a bind that fails is tried again after longer and longer pauses, until it works', async () => {
  const { clock, group, occupier, failures, add } = await stage();
  const bound = add({ initialDelay: 100, maxDelay: 1000, factor: 3 });
  await clock.runAsync(clock.now() + 5000);
  assert.deepEqual(failures, [0, 100, 400, 1300, 2300, 3300, 4300]);
  assert.equal(group.listeners()[0]?.state, 'retrying');
  await occupier.close();
  await clock.runAsync(clock.now() + 1000);
  assert.deepEqual(await bound, { address: '10.0.0.1', port: PORT, family: 4 });
  assert.equal(group.listeners()[0]?.state, 'bound');
  await clock.until(group.shutdown());
});

test('by default the pauses begin with 100 ms and double up to 30 s', async () => {
  const { clock, group, failures, add } = await stage();
  add({}).catch(() => {});
  await clock.runAsync(clock.now() + 120_000);
  const pauses = failures.slice(1).map((at, i) => at - (failures[i] ?? 0));
  assert.deepEqual(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
  await clock.until(group.shutdown());
});

test('a pause ends when its listener is killed', async () => {
  const { clock, group, add } = await stage();
  const bound = add({ initialDelay: 60_000 });
  await clock.runAsync(clock.now() + 10);
  await clock.until(group.killListener('q'));
  await assert.rejects(bound, { code: 'ERR_QUIC_LISTENER_FINISHED' });
  assert.equal(group.hasListener('q'), false);
});

/** A group on a virtual host whose port somebody else has. */
async function stage(): Promise<{
  clock: VirtualNetwork['clock'];
  group: ListenGroup<string>;
  occupier: DatagramSocket;
  failures: number[];
  add: (retry: BackOffOptions) => Promise<unknown>;
}> {
  const network = new VirtualNetwork({ seed: 1 });
  const { clock } = network;
  const host = network.addHost('server', ['10.0.0.1']);
  const occupier = await host.sockets.bind({ address: { address: '10.0.0.1', port: PORT, family: 4 } });
  const began = clock.now();
  const failures: number[] = [];
  const group = new ListenGroup<string>(
    { connected: () => null, failed: () => void failures.push(clock.now() - began) },
    { environment: { clock, sockets: host.sockets, random: host.random, provider: nodeProvider } },
  );
  const { certPem: cert, keyPem: key } = seededIdentity();
  const add = (retry: BackOffOptions): Promise<unknown> => {
    const listener = { kind: 'quic', address: '10.0.0.1', port: PORT, alpn: 'test', cert, key } as const;
    const bound = group.addListener({ id: 'q', listener, retry });
    bound.catch(() => {});
    return bound;
  };
  return { clock, group, occupier, failures, add };
}
