/**
 * A group whose listeners come and go at random while clients of all kinds do: every snapshot has to be consistent, and nothing
 * may be left at the end. Runs on real sockets and on the virtual network alike.
 */
import assert from 'node:assert/strict';
import type { RandomSource } from '../../src/crypto/provider.ts';
import {
  type GroupAddress,
  type GroupOptions,
  IdPool,
  type ListenerKind,
  type ListenerTarget,
  ListenGroup,
} from '../../src/group.ts';
import { heapUsed } from './attack.ts';
import type { TestClient } from './group-kinds.ts';
import { echo, talk } from './group-stage.ts';

/** Where it runs. */
export interface ChaosWorld {
  readonly kinds: readonly ListenerKind[];
  readonly random: RandomSource;
  /** Longest time between two steps, ms. */
  readonly pace: number;
  readonly options: GroupOptions;
  target(kind: ListenerKind): ListenerTarget;
  client(kind: ListenerKind, address: GroupAddress): Promise<TestClient>;
  now(): number;
  pause(milliseconds: number): Promise<void>;
}

export interface ChaosReport {
  readonly steps: number;
  readonly listeners: number;
  readonly connections: number;
  readonly snapshots: number;
  /** Bytes that the heap grew in an hour, by the line that fits best; the first third is warming up. */
  readonly heapSlope: number;
  readonly samples: readonly (readonly [minutes: number, megabytes: number])[];
}

const MAX_LISTENERS = 6;
const MAX_CLIENTS = 24;

/** Goes on for some time, and then shuts down and looks at what is left. */
export async function chaos(world: ChaosWorld, duration: number): Promise<ChaosReport> {
  const { random } = world;
  const idPool = new IdPool();
  const clients = new Set<Promise<void>>();
  const connected = new Set<number>();
  const bound = new Set<unknown>();
  const counts = { steps: 0, listeners: 0, connections: 0, snapshots: 0 };
  const samples: [number, number][] = [];
  const group = new ListenGroup<number>(
    {
      connected: ({ connectionId }) => {
        counts.connections++;
        // Now and then one is refused, and not told of again.
        if (random.integer(20) === 0) return null;
        assert.ok(!connected.has(connectionId), 'an id was given out twice');
        connected.add(connectionId);
        return { handler: { run: echo } };
      },
      disconnected: ({ connectionId }) =>
        assert.ok(connected.delete(connectionId), 'told twice that it is over'),
      bound: (id) => {
        assert.ok(!bound.has(id));
        bound.add(id);
      },
      unbound: (id) => assert.ok(bound.delete(id), 'told twice that it is unbound'),
      errored: (error) => assert.fail(error as Error),
    },
    { ...world.options, idPool },
  );

  const steps: readonly (readonly [weight: number, step: () => unknown])[] = [
    [15, addListener],
    [8, killListener],
    [10, killConnection],
    [67, addClient],
  ];
  const began = world.now();
  const every = duration / 20;
  for (let next = began; world.now() - began < duration; counts.steps++) {
    if (world.now() >= next) {
      samples.push([(world.now() - began) / 60_000, heapUsed() / 1e6]);
      next += every;
    }
    let roll = random.integer(100);
    for (const [weight, step] of steps) {
      if (roll < weight) {
        await step();
        break;
      }
      roll -= weight;
    }
    check();
    await world.pause(random.integer(world.pace));
    check();
  }
  await group.shutdown({ drain: 200 });
  await Promise.all(clients);
  check();
  assert.deepEqual([group.listeners(), group.connections()], [[], []]);
  assert.deepEqual([connected.size, bound.size, idPool.size], [0, 0, 0]);
  return { ...counts, heapSlope: slopeOf(samples.slice(Math.ceil(samples.length / 3))), samples };

  async function addListener(): Promise<void> {
    if (group.listeners().length >= MAX_LISTENERS) return;
    const kind = pick(world.kinds);
    const bound = group.addListener({ id: counts.listeners++, listener: world.target(kind) });
    if (random.integer(4) > 0) await bound;
    else bound.catch(() => {});
  }

  async function killListener(): Promise<void> {
    const listener = pick(group.listeners());
    if (listener === undefined) return;
    const killed = group.killListener(listener.id, { killConnections: random.integer(2) === 0 });
    if (random.integer(2) === 0) await killed;
  }

  function killConnection(): void {
    const connection = pick(group.connections());
    if (connection !== undefined) void group.killConnection(connection.id);
  }

  function addClient(): void {
    const listener = pick(group.listeners());
    if (listener === undefined || listener.address === null || clients.size >= MAX_CLIENTS) return;
    const { kind, address } = listener;
    // What goes wrong for a client is what happens to its listener and its connection.
    const client = runClient(kind, address).catch(() => {});
    clients.add(client);
    void client.then(() => clients.delete(client));
  }

  async function runClient(kind: ListenerKind, address: GroupAddress): Promise<void> {
    const client = await world.client(kind, address);
    const ended = new Promise<never>((_, reject) => {
      const gone = (): void => reject(new Error('gone'));
      for (const event of ['end', 'close', 'error']) client.stream.once(event, gone);
    });
    ended.catch(() => {});
    try {
      for (let i = random.integer(6); i >= 0; i--) {
        await Promise.race([talk(client.stream, 'x'.repeat(1 + random.integer(5000))), ended]);
        await Promise.race([world.pause(random.integer(400)), ended]);
      }
      if (random.integer(4) === 0) client.vanish();
    } finally {
      await client.close();
      client.stream.destroy();
    }
  }

  /** Everything that is shown in one turn fits together. */
  function check(): void {
    counts.snapshots++;
    const listeners = group.listeners();
    const connections = group.connections();
    assert.ok(connections.length <= idPool.size);
    assert.equal(new Set(connections.map(({ id }) => id)).size, connections.length);
    for (const { id, connections: count } of listeners) {
      assert.ok(group.hasListener(id));
      const own = connections.filter(({ listenerId, isOrphan }) => listenerId === id && !isOrphan);
      assert.equal(own.length, count, `listener ${id}`);
    }
    const ids = new Set(listeners.map(({ id }) => id));
    for (const { listenerId, isOrphan } of connections) assert.equal(ids.has(listenerId), !isOrphan);
  }

  function pick<T>(list: readonly T[]): T {
    return list[list.length === 0 ? 0 : random.integer(list.length)] as T;
  }
}

/** Least squares; the unit of the result is bytes an hour. */
function slopeOf(samples: readonly (readonly [number, number])[]): number {
  const mean = (of: (sample: readonly [number, number]) => number): number =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const [x, y] = [mean(([minutes]) => minutes), mean(([, megabytes]) => megabytes)];
  const spread = samples.reduce((sum, [minutes]) => sum + (minutes - x) ** 2, 0);
  const both = samples.reduce((sum, [minutes, megabytes]) => sum + (minutes - x) * (megabytes - y), 0);
  return spread === 0 ? 0 : (both / spread) * 60 * 1e6;
}
