// Remembers which early data were taken, so that copies are not (RFC 8446 §8.2): the interface, and the default for one
// process. Knows ids and times, no packets.

import { bytesKey } from '../util/bytes.ts';
import type { Clock } from '../util/clock.ts';

/**
 * Shared by all servers that have the same ticket keys, or a copy is good for one of each. Answers may take their time:
 * the handshake waits for them.
 */
export interface ReplayStore {
  /**
   * Records an id for `keepFor` milliseconds. True if it was not there, which lets the early data in; false if it was, or
   * if that cannot be told. What is thrown or rejected counts as false, and so does an answer that does not come in
   * {@link REPLAY_ANSWER_TIMEOUT} ms.
   */
  add(id: Uint8Array, keepFor: number): boolean | Promise<boolean>;
}

/** Ids that are remembered. When there are more, early data are refused, and come again after the handshake. */
export const MAX_REPLAY_IDS = 100_000;

export interface MemoryReplayStoreOptions {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Default {@link MAX_REPLAY_IDS}. */
  readonly maxIds?: number;
  /**
   * There may be tickets from before the store was made: nothing is let in until what was taken then has become too old
   * to be copied. Default false.
   */
  readonly warmsUp?: boolean;
}

/** In memory and for one process. */
export class MemoryReplayStore implements ReplayStore {
  readonly #now: () => number;
  readonly #maxIds: number;
  readonly #warmsUp: boolean;
  readonly #begun: number;
  /** When each may be forgotten; in the order of arrival. */
  readonly #ids: Map<string, number> = new Map();

  constructor(options: MemoryReplayStoreOptions) {
    this.#now = options.now;
    this.#maxIds = options.maxIds ?? MAX_REPLAY_IDS;
    this.#warmsUp = options.warmsUp ?? false;
    this.#begun = this.#now();
  }

  get size(): number {
    return this.#ids.size;
  }

  add(id: Uint8Array, keepFor: number): boolean {
    const now = this.#now();
    for (const [known, until] of this.#ids) {
      if (until > now) break;
      this.#ids.delete(known);
    }
    const key = bytesKey(id);
    if (this.#ids.has(key) || this.#ids.size >= this.#maxIds) return false;
    this.#ids.set(key, now + keepFor);
    return !this.#warmsUp || now - this.#begun >= keepFor;
  }
}

/**
 * A store whose answer is false if it does not come in {@link REPLAY_ANSWER_TIMEOUT} ms: the handshake waits for it, and
 * early data that are refused come again after the handshake.
 */
export function answeringInTime(store: ReplayStore, clock: Clock): ReplayStore {
  return {
    add(id, keepFor) {
      const answer = store.add(id, keepFor);
      if (typeof answer !== 'object' || typeof answer?.then !== 'function') return answer;
      return new Promise((resolve, reject) => {
        const timer = clock.createTimer(() => resolve(false));
        timer.set(clock.now() + REPLAY_ANSWER_TIMEOUT);
        answer.then(resolve, reject).finally(() => timer.clear());
      });
    },
  };
}

/** Milliseconds that a handshake waits for a store's answer. */
export const REPLAY_ANSWER_TIMEOUT = 100;
