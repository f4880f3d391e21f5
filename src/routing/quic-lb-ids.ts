// Connection ids that lead load balancers to this server (QUIC-LB). Owns the nonces; the layout is the codec's.

import type { RandomSource } from '../crypto/provider.ts';
import { invalidArgValue } from '../errors.ts';
import { equalConstantTime } from '../util/bytes.ts';
import { type ConnectionIdGenerator, checkShard, SHARDS } from './id-generator.ts';
import { QuicLbCodec } from './quic-lb-codec.ts';
import { parseQuicLb, type QuicLbOptions } from './quic-lb-options.ts';

export class QuicLbIds implements ConnectionIdGenerator {
  readonly length: number;
  readonly codec: QuicLbCodec;
  readonly #serverId: Uint8Array;
  readonly #random: RandomSource;
  readonly #shard: number | null;
  readonly #nonce: Uint8Array;
  readonly #counts: boolean;

  /** Throws as wrong options do: each size has its own error. */
  constructor(options: QuicLbOptions, random: RandomSource, shard: number | null = null) {
    const { layout, serverId } = parseQuicLb(options);
    checkShard(shard);
    if (shard !== null && layout.encodesLength && !layout.workerByte) {
      throw invalidArgValue(
        'encodesLength',
        true,
        'must be false where the low bits of the first octet are the shard',
      );
    }
    this.codec = new QuicLbCodec(layout);
    this.length = this.codec.length;
    this.#serverId = serverId;
    this.#random = random;
    this.#shard = shard;
    this.#nonce = new Uint8Array(layout.nonceLength);
    // Where the nonce is hidden it counts, so that none comes twice; where it can be seen, two must not look related
    // (draft-ietf-quic-load-balancers §9.6). Both begin anywhere.
    this.#counts = layout.algorithm === 'draft';
    random.fill(this.#nonce);
  }

  generate(): Uint8Array {
    if (this.#counts) increment(this.#nonce);
    else this.#random.fill(this.#nonce);
    return this.codec.encode(this.#serverId, this.#nonce, this.#random.integer(SHARDS), this.#shard);
  }

  shardOf(bytes: Uint8Array, start: number): number {
    return this.codec.layout.workerByte ? bytes[start + this.length - 1] : bytes[start] & (SHARDS - 1);
  }

  /** Costs one to four AES blocks. */
  isOurs(bytes: Uint8Array, start: number): boolean {
    const id = this.codec.decodeAt(bytes, start);
    return id !== null && equalConstantTime(id.serverId, this.#serverId);
  }
}

/** The next number, in network order; after the last one the first. */
function increment(bytes: Uint8Array): void {
  for (let at = bytes.length - 1; at >= 0; at--) {
    bytes[at] = (bytes[at] + 1) & 0xff;
    if (bytes[at] !== 0) return;
  }
}
