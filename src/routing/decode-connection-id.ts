// What a connection id says to somebody who looks at it: a few bits to everybody, the server id to those who know the
// layout, and its key where there is one.

import { invalidArgType } from '../errors.ts';
import { SHARDS } from './id-generator.ts';
import { QuicLbCodec } from './quic-lb-codec.ts';
import { bytesOf, type QuicLbLayout } from './quic-lb-options.ts';

export interface DecodedConnectionId {
  /** Bytes. */
  readonly length: number;
  /** The configuration it was made by, 0 to 6; 7 means that no balancer can route it. */
  readonly rotation: number;
  readonly isRoutable: boolean;
  /** The low 5 bits of the first octet: the shard, the length, or anything. */
  readonly lowBits: number;
  /** They say how many bytes follow, by intention or by chance. */
  readonly encodesLength: boolean;
  /** Null unless a layout of its rotation and length was given. */
  readonly serverId: Uint8Array | null;
  readonly nonce: Uint8Array | null;
  /** The byte at the end that some layouts have. */
  readonly worker: number | null;
}

/**
 * Decodes an id of bytes or of hexadecimal text. Without layouts it says what can be seen without a key; the server id
 * comes from the first layout that has the id's rotation and length. An empty id is unroutable. Throws TypeError
 * ERR_INVALID_ARG_TYPE and ERR_INVALID_ARG_VALUE, and for impossible layouts RangeError ERR_OUT_OF_RANGE.
 */
export function decodeConnectionId(
  id: Uint8Array | string,
  layouts: QuicLbLayout | readonly QuicLbLayout[] = [],
): DecodedConnectionId {
  const bytes = bytesOf('id', id);
  if (typeof layouts !== 'object' || layouts === null)
    throw invalidArgType('layouts', 'a layout or a list of them', layouts);
  const codecs = (Array.isArray(layouts) ? layouts : [layouts]).map((layout) => new QuicLbCodec(layout));
  const rotation = bytes.length === 0 ? UNROUTABLE : bytes[0] >> 5;
  const lowBits = bytes.length === 0 ? 0 : bytes[0] & (SHARDS - 1);
  let found = null;
  for (const codec of codecs) found ??= codec.decode(bytes);
  return {
    length: bytes.length,
    rotation,
    isRoutable: rotation !== UNROUTABLE,
    lowBits,
    encodesLength: bytes.length > 0 && lowBits === bytes.length - 1,
    serverId: found?.serverId ?? null,
    nonce: found?.nonce ?? null,
    worker: found?.worker ?? null,
  };
}

/** draft-ietf-quic-load-balancers §3.2. */
const UNROUTABLE = 7;
