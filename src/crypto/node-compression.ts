/**
 * Certificate compression over `node:zlib` (RFC 8879). Owns the bound on what a small input may grow to.
 */

import { brotliCompressSync, brotliDecompressSync, deflateSync, inflateSync } from 'node:zlib';
import { plainBytes } from './node-bytes.ts';

/** Codes of what is here, best first: brotli, zlib. */
export const NODE_COMPRESSIONS: readonly number[] = [2, 1];

/** Throws `RangeError` for an unknown algorithm. */
export function nodeCompress(algorithm: number, bytes: Uint8Array): Uint8Array {
  return plainBytes(row(algorithm).compress(bytes));
}

/** `null` for damaged input and for input that becomes longer than `limit`. Throws `RangeError` as above. */
export function nodeDecompress(algorithm: number, compressed: Uint8Array, limit: number): Uint8Array | null {
  const { decompress } = row(algorithm);
  try {
    return plainBytes(decompress(compressed, { maxOutputLength: Math.max(limit, 1) }));
  } catch {
    return null;
  }
}

function row(algorithm: number): CompressionRow {
  const found = ALGORITHMS[algorithm];
  if (found === undefined) throw new RangeError(`compression algorithm ${algorithm} is not known here`);
  return found;
}

interface CompressionRow {
  readonly compress: (bytes: Uint8Array) => Buffer;
  readonly decompress: (bytes: Uint8Array, options: { maxOutputLength: number }) => Buffer;
}

const ALGORITHMS: Readonly<Record<number, CompressionRow>> = {
  1: { compress: (bytes) => deflateSync(bytes), decompress: inflateSync },
  2: { compress: (bytes) => brotliCompressSync(bytes), decompress: brotliDecompressSync },
};
