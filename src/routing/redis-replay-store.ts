// Remembers taken early data in Redis, so that all machines which share ticket keys take a copy at most once between them.
// Knows one command, and neither client library: whoever has a client hands it in.

import { invalidArgType } from '../errors.ts';
import { toHex } from '../util/bytes.ts';
import type { ReplayStore } from './replay-store.ts';

/** A connected client of the packages `redis` (`sendCommand`) or `ioredis` (`call`), or what has one of these methods. */
export type RedisClient =
  | { sendCommand(command: string[]): Promise<unknown> }
  | { call(name: string, ...rest: string[]): Promise<unknown> };

export interface RedisReplayStoreOptions {
  /** Begins each key in Redis. Default `quayside:early-data:`. */
  readonly prefix?: string;
}

/**
 * For the option `replayStore`. One `SET key 1 PX keepFor NX` for each attempt: atomic, and forgotten by Redis itself. While
 * Redis cannot be reached no early data are taken, and connections are made as ever. The client stays its owner's: it is
 * neither connected nor closed here.
 *
 * Set the client to fail at once while it is not connected (`disableOfflineQueue: true` in `redis`, `enableOfflineQueue: false` in
 * `ioredis`), or each attempt waits 100 ms. Ids must survive: a Redis that lost them, or that evicts keys, takes copies again.
 */
export class RedisReplayStore implements ReplayStore {
  readonly #command: (command: string[]) => Promise<unknown>;
  readonly #prefix: string;

  /** Throws TypeError ERR_INVALID_ARG_TYPE. */
  constructor(client: RedisClient, options: RedisReplayStoreOptions = {}) {
    const { prefix = 'quayside:early-data:' } = options;
    if (typeof prefix !== 'string') throw invalidArgType('prefix', 'of type string', prefix);
    // ioredis has a `sendCommand` too, which takes something else.
    if (
      typeof client === 'object' &&
      client !== null &&
      'call' in client &&
      typeof client.call === 'function'
    ) {
      this.#command = ([name, ...rest]) => client.call(name, ...rest);
    } else if (
      typeof client === 'object' &&
      client !== null &&
      'sendCommand' in client &&
      typeof client.sendCommand === 'function'
    ) {
      this.#command = (command) => client.sendCommand(command);
    } else throw invalidArgType('client', 'a client of the package redis or ioredis', client);
    this.#prefix = prefix;
  }

  async add(id: Uint8Array, keepFor: number): Promise<boolean> {
    const key = `${this.#prefix}${toHex(id)}`;
    const reply = await this.#command(['SET', key, '1', 'PX', String(Math.ceil(keepFor)), 'NX']);
    // Null if the key was there. A client may give text as bytes.
    return reply !== null && String(reply) === 'OK';
  }
}
