// Numbers that workers count and the main thread reads, in shared memory.

/** What one worker counts. */
export const COUNTS = ['connections', 'accepted', 'handedOver'] as const;
export type Count = (typeof COUNTS)[number];

export type WorkerCounts = Readonly<Record<Count, number>>;

export class WorkerCounters {
  readonly memory: SharedArrayBuffer;
  readonly #counts: Int32Array<SharedArrayBuffer>;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(4 * COUNTS.length)) {
    this.memory = memory;
    this.#counts = new Int32Array(memory);
  }

  add(count: Count, by: number): void {
    Atomics.add(this.#counts, COUNTS.indexOf(count), by);
  }

  read(): WorkerCounts {
    const [connections, accepted, handedOver] = COUNTS.map((_, at) => Atomics.load(this.#counts, at));
    return { connections, accepted, handedOver };
  }
}
