// Where our connection ids come from. Owns their length and the shard that is written in them; a generator may hide
// more in an id (a server id, for a load balancer). Knows no table and no connection.

import type { RandomSource } from '../crypto/provider.ts';
import { outOfRange } from '../errors.ts';

/** Makes connection ids of one length (short headers do not tell the length, RFC 9000 §17.3.1). */
export interface ConnectionIdGenerator {
  /** Bytes, 4 to 20. */
  readonly length: number;
  /** A fresh id, hard to guess, the caller's own. */
  generate(): Uint8Array;
  /** The shard (worker or process, 0 to 31) that the id at `start` belongs to; `length` bytes are there. */
  shardOf(bytes: Uint8Array, start: number): number;
  /**
   * Whether the id at `start` names this server. Where it does not, a packet lost its way, and a reset would end a
   * connection that lives elsewhere (RFC 9000 §21.11). Absent: ids name no server.
   */
  isOurs?(bytes: Uint8Array, start: number): boolean;
}

/** Random ids, the shard in the low 5 bits of byte 0. */
export class RandomIds implements ConnectionIdGenerator {
  readonly length: number;
  readonly #random: RandomSource;
  readonly #shard: number | null;

  /**
   * @param length bytes; default 8
   * @param shard 0 to 31; null (the default) fills these bits with randomness too
   * @throws RangeError ERR_OUT_OF_RANGE
   */
  constructor(random: RandomSource, length: number = DEFAULT_ID_LENGTH, shard: number | null = null) {
    if (!Number.isInteger(length) || length < MIN_ID_LENGTH || length > 20)
      throw outOfRange('connectionIdLength', `>= ${MIN_ID_LENGTH} && <= 20`, length);
    checkShard(shard);
    this.length = length;
    this.#random = random;
    this.#shard = shard;
  }

  generate(): Uint8Array {
    const id = new Uint8Array(this.length);
    this.#random.fill(id);
    if (this.#shard !== null) id[0] = (id[0] & ~SHARD_MASK) | this.#shard;
    return id;
  }

  shardOf(bytes: Uint8Array, start: number): number {
    return bytes[start] & SHARD_MASK;
  }
}

/** Throws RangeError ERR_OUT_OF_RANGE. */
export function checkShard(shard: number | null): void {
  if (shard !== null && (!Number.isInteger(shard) || shard < 0 || shard >= SHARDS))
    throw outOfRange('shard', `>= 0 && < ${SHARDS}`, shard);
}

/** Shards that one byte 0 can tell apart. */
export const SHARDS = 32;

/** Bytes of an id unless asked otherwise: never guessed, and a client may use it in an Initial (RFC 9000 §7.2). */
export const DEFAULT_ID_LENGTH = 8;

/** Fewer bytes would soon repeat. */
const MIN_ID_LENGTH = 4;
const SHARD_MASK = SHARDS - 1;
