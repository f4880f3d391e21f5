// What runs in each worker thread: a listener of its own, whose connections go to the module of the user. Does what the main
// thread calls for.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { invalidArgValue } from '../errors.ts';
import { KeyRing } from '../index.ts';
import { listen } from '../listener/listen.ts';
import type { QuicListener } from '../listener/listener.ts';
import { Calls } from './calls.ts';
import { WorkerCounters } from './counters.ts';
import type { LinkEnd, SocketAddress } from './datagram-link.ts';
import type { ParsedWorkers, RingOption } from './options.ts';
import { ThreadHandOver } from './thread-hand-over.ts';
import type { WorkerHandler } from './worker-listener.ts';

/** What a worker thread is made with. */
export interface ThreadData {
  readonly shard: number;
  readonly count: number;
  readonly entry: string;
  readonly options: ParsedWorkers['options'];
  readonly hasReplayStore: boolean;
  /** Options with keys that the main thread may change. */
  readonly rings: readonly RingOption[];
  readonly counts: SharedArrayBuffer;
  /** To the sockets of the main thread. */
  readonly link: LinkEnd;
}

if (parentPort !== null) run(parentPort, workerData as ThreadData);

function run(port: MessagePort, data: ThreadData): void {
  const { shard, count, entry, options, hasReplayStore } = data;
  const rings = new Map(data.rings.map((name) => [name, new KeyRing(options[name] as Uint8Array[])]));
  const counters = new WorkerCounters(data.counts);
  const ending = new AbortController();
  let listener: QuicListener | null = null;
  let handler: WorkerHandler | null = null;
  const calls: Calls = new Calls(port, {
    start: async (portNumber: number): Promise<SocketAddress> => {
      handler = await handlerOf(entry);
      listener = await listen({
        ...options,
        ...Object.fromEntries(rings),
        ...(portNumber === 0 ? {} : { port: portNumber }),
        ...(hasReplayStore && { replayStore }),
        shard,
        handOver,
      });
      void serve(listener, handler, counters);
      return listener.address();
    },
    connect: (peer: { shard: number; end: LinkEnd }) => handOver.connect(peer.shard, peer.end),
    keys: ({ name, keys }: { name: RingOption; keys: Uint8Array[] }) => rings.get(name)?.replace(keys),
    steer: (order: Uint8Array) => handOver.steer(order),
    stop: () => listener?.stop(),
    restart: async () => {
      await listener?.start();
      if (listener !== null && handler !== null) void serve(listener, handler, counters);
    },
    close: (drain: number) => listener?.close({ drain, signal: ending.signal }),
    hurry: () => ending.abort(),
  });
  const handOver: ThreadHandOver = new ThreadHandOver(count, calls, data.link, () =>
    counters.add('handedOver', 1),
  );
  const replayStore = {
    add: (id: Uint8Array, keepFor: number) => calls.call<boolean>('replay', { id, keepFor }),
  };
}

async function handlerOf(entry: string): Promise<WorkerHandler> {
  const { default: handler } = (await import(entry)) as { default?: unknown };
  if (typeof handler === 'function') return handler as WorkerHandler;
  throw invalidArgValue('workers.entry', entry, 'must be a module whose default export is a function');
}

async function serve(
  listener: QuicListener,
  handler: WorkerHandler,
  counters: WorkerCounters,
): Promise<void> {
  for await (const connection of listener) {
    counters.add('accepted', 1);
    counters.add('connections', 1);
    const left = (): void => counters.add('connections', -1);
    connection.closed.then(left, left);
    // A handler that fails ends its own connection.
    void (async () => handler(connection))().catch((error: unknown) => {
      connection.destroy(error instanceof Error ? error : new Error(String(error)));
    });
  }
}
