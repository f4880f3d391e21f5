/**
 * HMAC (RFC 2104) out of two one-shot hashes of `node:crypto`. A handshake makes some sixty of them over a few bytes each:
 * measured (bench/micro/hmac.ts), this takes half the CPU of `createHmac`, and leaves no key and stream objects behind,
 * which cost the garbage collector as much again.
 */

import { hash } from 'node:crypto';
import { plainBytes } from './node-bytes.ts';
import type { HashName } from './provider.ts';

export function nodeHmac(name: HashName, key: Uint8Array, data: Uint8Array): Uint8Array {
  const blockSize = name === 'sha256' ? 64 : 128;
  const short = key.length > blockSize ? plainBytes(hash(name, key, 'buffer')) : key;
  const isShort = blockSize + data.length <= INNER.length;
  const inner = isShort ? INNER : new Uint8Array(blockSize + data.length);
  for (let i = 0; i < blockSize; i++) {
    const byte = i < short.length ? (short[i] as number) : 0;
    inner[i] = byte ^ 0x36;
    OUTER[i] = byte ^ 0x5c;
  }
  inner.set(data, blockSize);
  const length = blockSize + data.length;
  const digest = hash(name, isShort ? innerView(length) : inner, 'buffer');
  OUTER.set(digest, blockSize);
  const result = plainBytes(hash(name, name === 'sha256' ? OUTER_256 : OUTER_384, 'buffer'));
  // They held the key.
  inner.fill(0, 0, blockSize);
  OUTER.fill(0, 0, blockSize);
  return result;
}

/** Views of `INNER` by length, made once: the lengths of what a handshake hashes are few. */
function innerView(length: number): Uint8Array {
  let view = INNER_VIEWS[length];
  if (view === undefined) {
    view = INNER.subarray(0, length);
    INNER_VIEWS[length] = view;
  }
  return view;
}

/** What is hashed is put together here: all of a handshake is this short. */
const INNER = new Uint8Array(128 + 512);
const OUTER = new Uint8Array(128 + 48);
const INNER_VIEWS: (Uint8Array | undefined)[] = new Array(INNER.length + 1).fill(undefined);
const OUTER_256: Uint8Array = OUTER.subarray(0, 64 + 32);
const OUTER_384: Uint8Array = OUTER.subarray(0, 128 + 48);
