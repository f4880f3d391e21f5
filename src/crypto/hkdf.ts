/**
 * HKDF (RFC 5869) and the TLS 1.3 form of its labels, built on the provider's HMAC: one HMAC per 32 or 48 bytes of
 * output is a quarter of the cost of the ready-made function of `node:crypto`.
 */

import { copyBytes, EMPTY } from '../util/bytes.ts';
import type { CryptoProvider, HashName } from './provider.ts';

/** RFC 5869 §2.2. An empty salt counts as a string of zeros. */
export function hkdfExtract(
  provider: CryptoProvider,
  hash: HashName,
  salt: Uint8Array,
  inputKeyingMaterial: Uint8Array,
): Uint8Array {
  return provider.hmac(hash, salt, inputKeyingMaterial);
}

/** RFC 5869 §2.3. `length` is at most 255 times the hash length. */
export function hkdfExpand(
  provider: CryptoProvider,
  hash: HashName,
  pseudoRandomKey: Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array {
  if (length > 255 * hashLength(hash)) throw new RangeError(`HKDF cannot expand to ${length} bytes`);
  const out = new Uint8Array(length);
  let previous: Uint8Array = EMPTY;
  for (let at = 0, counter = 1; at < length; at += previous.length, counter++) {
    const input = new Uint8Array(previous.length + info.length + 1);
    input.set(previous);
    input.set(info, previous.length);
    input[input.length - 1] = counter;
    previous = provider.hmac(hash, pseudoRandomKey, input);
    out.set(previous.subarray(0, length - at), at);
  }
  return out;
}

/**
 * HKDF-Expand-Label (RFC 8446 §7.1): the label is ASCII and is given without its `tls13 ` prefix. QUIC's own labels have
 * an empty context (RFC 9001 §5.1).
 */
export function hkdfExpandLabel(
  provider: CryptoProvider,
  hash: HashName,
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  if (context.length > 0 || length > hashLength(hash)) {
    return hkdfExpand(provider, hash, secret, hkdfLabel(label, context, length), length);
  }
  // Nearly all labels are of this kind: one block, and the same input every time.
  const block = provider.hmac(hash, secret, firstBlock(label, length));
  return length === block.length ? block : copyBytes(block, 0, length);
}

/** HkdfLabel with an empty context and the counter of the first block (RFC 5869 §2.3), kept: labels are few. */
function firstBlock(label: string, length: number): Uint8Array {
  const key = `${length} ${label}`;
  let block = FIRST_BLOCKS.get(key);
  if (block === undefined) {
    const info = hkdfLabel(label, EMPTY, length);
    block = new Uint8Array(info.length + 1);
    block.set(info);
    block[info.length] = 1;
    if (FIRST_BLOCKS.size < MAX_FIRST_BLOCKS) FIRST_BLOCKS.set(key, block);
  }
  return block;
}

const FIRST_BLOCKS = new Map<string, Uint8Array>();

/** An application may export secrets under labels of its own, without end. */
const MAX_FIRST_BLOCKS = 256;

/** The HkdfLabel structure of RFC 8446 §7.1. */
export function hkdfLabel(label: string, context: Uint8Array, length: number): Uint8Array {
  const full = `tls13 ${label}`;
  const out = new Uint8Array(2 + 1 + full.length + 1 + context.length);
  out[0] = length >>> 8;
  out[1] = length;
  out[2] = full.length;
  for (let i = 0; i < full.length; i++) out[3 + i] = full.charCodeAt(i);
  out[3 + full.length] = context.length;
  out.set(context, 4 + full.length);
  return out;
}

/** Bytes in a digest of this hash. */
export function hashLength(hash: HashName): number {
  return hash === 'sha256' ? 32 : 48;
}
