// The options of `listen({ workers })`: what is refused, what every worker gets, and what all of them share.

import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { invalidArgType, invalidArgValue, outOfRange } from '../errors.ts';
import type { KeyRing } from '../index.ts';
import type { listen } from '../listener/listen.ts';
import { MemoryReplayStore, type ReplayStore } from '../routing/replay-store.ts';

type SingleListenOptions = Parameters<typeof listen>[0];

export interface WorkersOptions {
  /** The module that every worker thread runs: its default export is a `WorkerHandler`. A URL, or one as a string. */
  entry: URL | string;
  /** Threads, 1 to 32. Default: as many as the system can run at once, at most 32. */
  count?: number;
}

/** Those of `listen`, without what stays in one thread. What is a function belongs into the module at `entry`. */
export type WorkerListenOptions = Omit<SingleListenOptions, NotForWorkers> & { workers: WorkersOptions };

type NotForWorkers = 'endpoint' | 'environment' | 'shard' | 'handOver' | 'reusePort';

export interface ParsedWorkers {
  readonly count: number;
  readonly entry: string;
  /** For `listen` in each worker. Can be copied to another thread. */
  readonly options: SingleListenOptions;
  /** What all workers ask about early data; null where none are taken. */
  readonly replayStore: ReplayStore | null;
  /** Rings that the user may change at any time, by the option that has a copy of their keys. */
  readonly rings: ReadonlyMap<RingOption, KeyRing>;
}

/** Options that can be a ring of keys. */
export type RingOption = 'keys' | 'resetSecret' | 'tokenKeys' | 'ticketKeys';

/** Throws Node's argument errors. */
export function parseWorkers({ workers, ...options }: WorkerListenOptions): ParsedWorkers {
  if (typeof workers !== 'object' || workers === null) {
    throw invalidArgType('workers', 'an object with entry and count', workers);
  }
  for (const name of Object.keys(workers)) {
    if (name !== 'entry' && name !== 'count')
      throw invalidArgValue('workers', name, 'has no option of this name; there are entry, count');
  }
  const { count = Math.min(availableParallelism(), MAX_WORKERS) } = workers;
  if (typeof count !== 'number') throw invalidArgType('workers.count', 'of type number', count);
  if (!Number.isInteger(count) || count < 1 || count > MAX_WORKERS) {
    throw outOfRange('workers.count', `an integer >= 1 && <= ${MAX_WORKERS}`, count);
  }
  for (const name of NOT_FOR_WORKERS) {
    if ((options as Record<string, unknown>)[name] !== undefined)
      throw invalidArgValue(name, '…', 'cannot be given together with workers, which each have their own');
  }
  const { replayStore, ...given } = options as SingleListenOptions;
  const rings = ringsOf(given);
  const copied = {
    ...given,
    ...Object.fromEntries([...rings].map(([name, ring]) => [name, [...ring.keys]])),
  };
  return {
    count,
    entry: parseEntry(workers.entry),
    options: { keys: randomBytes(32), ...copyable(copied) } as SingleListenOptions,
    replayStore: options.earlyData === true ? (replayStore ?? memory(options)) : null,
    rings,
  };
}

/** The shards that a connection id can have. */
const MAX_WORKERS = 32;
const RING_OPTIONS: readonly RingOption[] = ['keys', 'resetSecret', 'tokenKeys', 'ticketKeys'];
const NOT_FOR_WORKERS: readonly NotForWorkers[] = [
  'endpoint',
  'environment',
  'shard',
  'handOver',
  'reusePort',
];

function parseEntry(entry: unknown): string {
  if (entry instanceof URL) return entry.href;
  if (typeof entry !== 'string') throw invalidArgType('workers.entry', 'a URL', entry);
  if (!URL.canParse(entry)) {
    throw invalidArgValue(
      'workers.entry',
      entry,
      "must be a URL, as of new URL('./serve.js', import.meta.url)",
    );
  }
  return entry;
}

function ringsOf(options: SingleListenOptions): Map<RingOption, KeyRing> {
  const rings = new Map<RingOption, KeyRing>();
  for (const name of RING_OPTIONS) {
    const value = options[name];
    if (typeof value === 'object' && value !== null && 'rotate' in value) rings.set(name, value);
  }
  return rings;
}

/** As the store of a listener alone: with keys from before, tickets may have been used before. */
function memory({ keys, ticketKeys }: Partial<SingleListenOptions>): ReplayStore {
  const warmsUp = (ticketKeys ?? keys) !== undefined;
  return new MemoryReplayStore({ now: () => performance.now(), warmsUp });
}

function copyable(options: object): object {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => {
      if (value instanceof URL) return [name, fileURLToPath(value)];
      if (!canBeCopied(value)) {
        throw invalidArgValue(
          name,
          value,
          'cannot be copied to worker threads; functions and objects with methods cannot',
        );
      }
      return [name, value];
    }),
  );
}

/** Copies of other objects would come without their classes. */
function canBeCopied(value: unknown): boolean {
  if (typeof value === 'function' || typeof value === 'symbol') return false;
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return false;
  return Object.values(value).every(canBeCopied);
}
