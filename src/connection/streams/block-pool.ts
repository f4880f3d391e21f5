// Blocks of memory for stream data, in three sizes, used again. Keeps a bounded number of bytes; knows no streams.

import { MAX_KEPT_BLOCK_BYTES } from './defaults.ts';

/** Small streams stay small: a request of 30 bytes holds 512, a transfer holds blocks of 16 KiB. */
export const BLOCK_SIZES: readonly [number, number, number] = [512, 4096, 16_384];

/** Free lists of blocks. May be shared by connections; a block has no owner while it is here. */
export class BlockPool {
  readonly #free: readonly Uint8Array[][] = [[], [], []];
  readonly #keep: number;
  #kept = 0;

  constructor(keepBytes: number = MAX_KEPT_BLOCK_BYTES) {
    this.#keep = keepBytes;
  }

  /** The smallest block that holds `bytes`, or the largest there is. Its content is arbitrary. */
  take(bytes: number): Uint8Array {
    const size = bytes <= BLOCK_SIZES[0] ? 0 : bytes <= BLOCK_SIZES[1] ? 1 : 2;
    const block = this.#free[size].pop();
    if (block === undefined) return new Uint8Array(BLOCK_SIZES[size]);
    this.#kept -= BLOCK_SIZES[size];
    return block;
  }

  /** Nothing else may refer to the block any more. */
  give(block: Uint8Array): void {
    const length = block.length;
    if (this.#kept + length > this.#keep) return;
    const size = length === BLOCK_SIZES[0] ? 0 : length === BLOCK_SIZES[1] ? 1 : 2;
    this.#free[size].push(block);
    this.#kept += length;
  }

  /** Bytes in free blocks. */
  get kept(): number {
    return this.#kept;
  }
}
