// One worker thread as the main thread has it: its calls, its counters and its end.

import { Worker } from 'node:worker_threads';
import { type CallHandlers, Calls } from './calls.ts';
import { WorkerCounters } from './counters.ts';
import { type LinkEnd, makeLink, type SocketAddress } from './datagram-link.ts';
import type { RingOption } from './options.ts';
import type { ThreadData } from './thread.ts';

export class WorkerThread {
  readonly shard: number;
  readonly counters: WorkerCounters = new WorkerCounters();
  /** To the sockets of this thread. */
  readonly link: LinkEnd;
  readonly started: number = performance.now();
  readonly #worker: Worker;
  readonly #calls: Calls;

  /** @param onExit hears that the thread ended, and of the error that ended it */
  constructor(
    data: Omit<ThreadData, 'counts' | 'link'>,
    handlers: CallHandlers,
    onExit: (thread: WorkerThread, error: Error) => void,
  ) {
    const [here, there] = makeLink();
    this.shard = data.shard;
    this.link = here;
    const workerData: ThreadData = { ...data, counts: this.counters.memory, link: there };
    // Beside this file, compiled or not.
    const module = new URL(`./thread${import.meta.url.slice(-3)}`, import.meta.url);
    this.#worker = new Worker(module, {
      workerData,
      transferList: [there.port],
      name: `quayside ${data.shard}`,
    });
    this.#calls = new Calls(this.#worker, handlers);
    let failure: Error | null = null;
    this.#worker.on('error', (error: unknown) => {
      failure = error instanceof Error ? error : new Error(String(error));
    });
    this.#worker.on('exit', (code) => {
      const error = failure ?? new Error(`The worker thread ended with exit code ${code}`);
      this.#calls.end(error);
      onExit(this, error);
    });
  }

  get threadId(): number {
    return this.#worker.threadId;
  }

  /** Listens. Gives where it is bound. */
  start(port: number): Promise<SocketAddress> {
    return this.#calls.call('start', port);
  }

  /** The keys of this option are others now. */
  replaceKeys(name: RingOption, keys: readonly Uint8Array[]): Promise<void> {
    return this.#calls.call('keys', { name, keys });
  }

  /** The sockets of all threads have these numbers now, by shard. */
  steer(order: Uint8Array): Promise<void> {
    return this.#calls.call('steer', order);
  }

  stop(): Promise<void> {
    return this.#calls.call('stop');
  }

  restart(): Promise<void> {
    return this.#calls.call('restart');
  }

  /** Lets connections finish for `drain` ms, or until the signal fires, and ends the thread. Never rejects. */
  async close(drain: number, signal: AbortSignal | undefined): Promise<void> {
    const hurry = (): void => void this.#calls.call('hurry').catch(() => {});
    signal?.addEventListener('abort', hurry, { once: true });
    // A thread that is busy for ever does not answer.
    const patience = setTimeout(
      () => void this.#worker.terminate(),
      Math.min(drain + CLOSE_PATIENCE, LONGEST_TIMEOUT),
    );
    try {
      const closing = this.#calls.call('close', drain);
      if (signal?.aborted === true) hurry();
      await closing;
    } catch {
      // It is over already, one way or the other.
    }
    clearTimeout(patience);
    signal?.removeEventListener('abort', hurry);
    await this.#worker.terminate();
  }

  ref(): void {
    this.#worker.ref();
  }

  unref(): void {
    this.#worker.unref();
  }

  /** Two threads hand over to each other from now on. */
  static async connect(a: WorkerThread, b: WorkerThread): Promise<void> {
    const [forA, forB] = makeLink();
    await Promise.all([
      a.#calls.call('connect', { shard: b.shard, end: forA }, [forA.port]),
      b.#calls.call('connect', { shard: a.shard, end: forB }, [forB.port]),
    ]);
  }
}

/** Milliseconds beyond its drain that a thread may take to close. */
const CLOSE_PATIENCE = 5000;
const LONGEST_TIMEOUT = 2 ** 31 - 1;
