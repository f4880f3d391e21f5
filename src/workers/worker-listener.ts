// One listener over worker threads, as its owner has it: starts them, replaces those that die, drains and counts them all.
// Connections live in the workers; none comes here.

import { invalidArgType, outOfRange, quicError } from '../errors.ts';
import type { ListenerState, QuicConnection } from '../index.ts';
import type { ReplayStore } from '../routing/replay-store.ts';
import type { WorkerCounts } from './counters.ts';
import type { SocketAddress } from './datagram-link.ts';
import { type ParsedWorkers, parseWorkers, type WorkerListenOptions } from './options.ts';
import { RingWatch } from './ring-watch.ts';
import { type PortOptions, SharedPorts } from './shared-ports.ts';
import { WorkerThread } from './worker-thread.ts';

/**
 * The default export of the module at `workers.entry`: takes a connection. It runs in the thread that has the connection.
 * What it throws or rejects with closes that connection.
 */
export type WorkerHandler = (connection: QuicConnection) => unknown;

/** One worker. `accepted` and `handedOver` (datagrams that came from other workers) are those of its present thread. */
export interface WorkerInfo extends WorkerCounts {
  /** Stands in the connection ids that it gives out. */
  readonly shard: number;
  /** Node's number of the thread; -1 while it is being replaced. */
  readonly threadId: number;
  /** How often its thread was replaced. */
  readonly replaced: number;
}

/**
 * Made by `listen({ workers })`. A worker that dies takes its own connections with it and is replaced, after 100 ms and then
 * after twice as long each time, up to 10 s; the process is warned (`QUAYSIDE_WORKER_DIED`).
 */
export class WorkerListener {
  readonly #parsed: ParsedWorkers;
  readonly #ports: SharedPorts;
  readonly #slots: Slot[];
  readonly #rings: RingWatch;
  /** Shards in the order in which the kernel counts their sockets. */
  readonly #order: number[] = [];
  readonly #closed: Promise<void>;
  #state: ListenerState = 'open';
  #address: SocketAddress | null = null;
  #resolveClosed: () => void = () => {};
  #isReferenced = true;

  /** Throws Node's argument errors. */
  constructor(options: WorkerListenOptions) {
    this.#parsed = parseWorkers(options);
    this.#ports = new SharedPorts(this.#parsed.count);
    this.#slots = Array.from({ length: this.#parsed.count }, (_, shard) => new Slot(shard));
    this.#rings = new RingWatch(this.#parsed.rings, (name, keys) => {
      for (const thread of this.#threads) thread.replaceKeys(name, keys).catch(() => {});
    });
    this.#closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  get state(): ListenerState {
    return this.#state;
  }

  /**
   * Starts the workers, or lets them listen again after `stop`. If one cannot start, its error rejects and none is left.
   */
  async start(): Promise<void> {
    if (this.#state === 'closed') throw quicError('ERR_QUIC_LISTENER_FINISHED');
    if (this.#state === 'started') throw quicError('ERR_QUIC_LISTENER_ALREADY_STARTED');
    const isFirst = this.#state === 'open';
    this.#state = 'started';
    if (!isFirst) {
      await Promise.all(this.#threads.map((thread) => thread.restart()));
      return;
    }
    try {
      // One after the other: the first one chooses the port, and the kernel counts sockets in the order of binding.
      for (const slot of this.#slots) await this.#launch(slot);
    } catch (error) {
      this.#state = 'open';
      await this.#end(0, undefined);
      this.#address = null;
      throw error;
    }
  }

  /** New connections are refused; the others live on. `start` goes on. */
  async stop(): Promise<void> {
    if (this.#state === 'open') throw quicError('ERR_QUIC_LISTENER_NOT_STARTED');
    if (this.#state !== 'started') return;
    this.#state = 'stopped';
    await Promise.all(this.#threads.map((thread) => thread.stop()));
  }

  /**
   * Lets connections finish for up to `drain` milliseconds (default 0) or until `signal` fires, closes the rest, ends the
   * threads and frees the port. Idempotent; gives `closed`.
   */
  close(options: { drain?: number; signal?: AbortSignal } = {}): Promise<void> {
    const { drain = 0, signal } = options;
    if (typeof drain !== 'number') throw invalidArgType('drain', 'of type number', drain);
    if (!(drain >= 0 && drain < 2 ** 31)) throw outOfRange('drain', '>= 0 && < 2 ** 31', drain);
    if (this.#state === 'closed') return this.#closed;
    this.#state = 'closed';
    void this.#end(drain, signal).then(() => this.#resolveClosed());
    return this.#closed;
  }

  /** Closes everything now. */
  destroy(): void {
    void this.close();
  }

  get closed(): Promise<void> {
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Where the workers are bound, with the real port. Throws ERR_QUIC_LISTENER_NOT_STARTED before `start`. */
  address(): SocketAddress {
    if (this.#address === null || this.#state !== 'started') throw quicError('ERR_QUIC_LISTENER_NOT_STARTED');
    return this.#address;
  }

  get port(): number {
    return this.address().port;
  }

  /** Each worker, and what it counts now. */
  get workers(): WorkerInfo[] {
    return this.#slots.map(({ shard, thread, replaced }) => ({
      shard,
      threadId: thread?.threadId ?? -1,
      replaced,
      ...(thread?.counters.read() ?? NOTHING),
    }));
  }

  /** Connections that are open now, in all workers. */
  get connections(): number {
    return this.workers.reduce((sum, { connections }) => sum + connections, 0);
  }

  /** Rejects with ERR_QUIC_ACCEPT_IN_WORKERS: connections are given to the module at `workers.entry`. */
  accept(): Promise<never> {
    return Promise.reject(quicError('ERR_QUIC_ACCEPT_IN_WORKERS'));
  }

  /** Throws ERR_QUIC_ACCEPT_IN_WORKERS. */
  tryAccept(): never {
    throw quicError('ERR_QUIC_ACCEPT_IN_WORKERS');
  }

  /** Throws ERR_QUIC_ACCEPT_IN_WORKERS. */
  [Symbol.asyncIterator](): never {
    throw quicError('ERR_QUIC_ACCEPT_IN_WORKERS');
  }

  /** Whether the threads keep the process alive; they do by default. */
  ref(): void {
    this.#isReferenced = true;
    for (const thread of this.#threads) thread.ref();
  }

  unref(): void {
    this.#isReferenced = false;
    for (const thread of this.#threads) thread.unref();
  }

  get #threads(): WorkerThread[] {
    return this.#slots.flatMap(({ thread }) => thread ?? []);
  }

  /** A thread for this place, among the others. Throws what keeps it from listening. */
  async #launch(slot: Slot): Promise<void> {
    const { count, entry, replayStore } = this.#parsed;
    const options = { ...this.#parsed.options, ...this.#rings.current() };
    const { shard } = slot;
    const thread: WorkerThread = new WorkerThread(
      { shard, count, entry, options, hasReplayStore: replayStore !== null, rings: this.#rings.names },
      {
        bind: (port: PortOptions) => this.#ports.bind(shard, port),
        unbind: (address: SocketAddress) =>
          slot.thread === thread ? this.#ports.unbind(shard, address) : null,
        replay: ({ id, keepFor }: { id: Uint8Array; keepFor: number }) =>
          isFirstUse(replayStore, id, keepFor),
      },
      (ended, error) => this.#onExit(slot, ended, error),
    );
    if (!this.#isReferenced) thread.unref();
    slot.thread = thread;
    this.#ports.connect(shard, thread.link);
    this.#address = await thread
      .start(this.#address?.port ?? options.port ?? 0)
      .then((bound) => this.#address ?? bound);
    this.#order.push(shard);
    if (slot.replaced > 0) this.#steer();
    if (this.#state === 'stopped') await thread.stop();
    for (const other of this.#threads) if (other !== thread) await WorkerThread.connect(thread, other);
    slot.isReady = true;
  }

  #onExit(slot: Slot, thread: WorkerThread, error: Error): void {
    if (slot.thread !== thread) return;
    const { isReady } = slot;
    slot.thread = null;
    slot.isReady = false;
    this.#ports.disconnect(slot.shard);
    this.#forgetSocket(slot.shard);
    // Whoever launched it hears of it from there; what is over is over.
    if (!isReady || this.#state === 'closed' || this.#state === 'open') return;
    process.emitWarning(
      `Worker ${slot.shard} of the listener died and is replaced: ${error.stack ?? error.message}`,
      {
        code: 'QUAYSIDE_WORKER_DIED',
      },
    );
    if (performance.now() - thread.started > LONG_LIFE) slot.delay = FIRST_DELAY;
    this.#replace(slot);
  }

  /** The kernel gives the number of a socket that closed to the last one. */
  #forgetSocket(shard: number): void {
    const at = this.#order.indexOf(shard);
    const last = at < 0 ? undefined : this.#order.pop();
    if (last === undefined) return;
    if (at < this.#order.length) this.#order[at] = last;
    this.#steer();
  }

  /** Any of the sockets that share the port takes the rule for all. Without it hand-over has more to do. */
  #steer(): void {
    const [thread] = this.#order.flatMap((shard) => this.#slots[shard].thread ?? []);
    const numbers = this.#slots.map(({ shard }) => Math.max(0, this.#order.indexOf(shard)));
    thread?.steer(Uint8Array.from(numbers)).catch(() => {});
  }

  #replace(slot: Slot): void {
    slot.timer = setTimeout(() => {
      slot.replaced++;
      this.#launch(slot).catch((error: Error) => {
        if (this.#state === 'closed') return;
        process.emitWarning(`Worker ${slot.shard} of the listener could not be replaced: ${error.message}`, {
          code: 'QUAYSIDE_WORKER_DIED',
        });
        void slot.thread?.close(0, undefined);
        slot.thread = null;
        this.#replace(slot);
      });
    }, slot.delay);
    slot.delay = Math.min(slot.delay * 2, LAST_DELAY);
    if (!this.#isReferenced) slot.timer.unref();
  }

  async #end(drain: number, signal: AbortSignal | undefined): Promise<void> {
    this.#rings.stop();
    for (const { timer } of this.#slots) if (timer !== null) clearTimeout(timer);
    await Promise.all(this.#threads.map((thread) => thread.close(drain, signal)));
    await this.#ports.close();
  }
}

/** Milliseconds until the first replacement; twice as long each time, up to the last. */
const FIRST_DELAY = 100;
const LAST_DELAY = 10_000;
/** A thread that lived this long, ms, has its replacement begin at the first delay again. */
const LONG_LIFE = 10_000;

/** The place of one worker, with one thread after the other. */
class Slot {
  readonly shard: number;
  thread: WorkerThread | null = null;
  isReady = false;
  replaced = 0;
  delay: number = FIRST_DELAY;
  timer: NodeJS.Timeout | null = null;

  constructor(shard: number) {
    this.shard = shard;
  }
}

/** Early data are refused where that cannot be told. */
async function isFirstUse(store: ReplayStore | null, id: Uint8Array, keepFor: number): Promise<boolean> {
  return store !== null && (await store.add(id, keepFor));
}

const NOTHING: WorkerCounts = { connections: 0, accepted: 0, handedOver: 0 };
