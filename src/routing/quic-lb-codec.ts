// QUIC-LB connection ids: server id and nonce to an id and back. Owns the layout; where server ids, nonces and shards come
// from is the generator's to say.

import { copyBytes, EMPTY } from '../util/bytes.ts';
import { BlockCipher, draftCipher, type IdCipher, StreamCipher } from './quic-lb-ciphers.ts';
import { type ParsedLayout, parseLayout, type QuicLbLayout } from './quic-lb-options.ts';

/** What is in an id. */
export interface QuicLbId {
  readonly serverId: Uint8Array;
  readonly nonce: Uint8Array;
  /** The byte at the end, where there is one. */
  readonly worker: number | null;
}

export class QuicLbCodec {
  /** Bytes of an id. */
  readonly length: number;
  /** Bits 5 to 7 of its first octet. */
  readonly rotation: number;
  readonly layout: ParsedLayout;
  readonly #cipher: IdCipher | null;

  /** Throws as wrong arguments do: each size has its own error. */
  constructor(layout: QuicLbLayout) {
    this.layout = parseLayout(layout);
    this.length = this.layout.length;
    this.rotation = this.layout.rotation;
    this.#cipher = cipherOf(this.layout);
  }

  /**
   * An id. `serverId` and `nonce` have the lengths of the layout. `lowBits` are those of the first octet where they are
   * not the length, `shard` stands in them or in the worker's byte.
   */
  encode(
    serverId: Uint8Array,
    nonce: Uint8Array,
    lowBits: number = nonce[0] & 0x1f,
    shard: number | null = null,
  ): Uint8Array {
    const { serverIdLength, encodesLength, workerByte } = this.layout;
    const id = new Uint8Array(this.length);
    id[0] = (this.rotation << 5) | (encodesLength ? this.length - 1 : lowBits & 0x1f);
    id.set(serverId, 1);
    id.set(nonce, 1 + serverIdLength);
    if (!workerByte) {
      this.#cipher?.encrypt(id);
      // In the clear, whatever the cipher does to these bits: others route by it, who have no key.
      if (shard !== null) id[0] = (id[0] & 0xe0) | shard;
    } else {
      this.#cipher?.encrypt(id.subarray(0, -1));
      id[this.length - 1] = shard ?? 0;
    }
    return id;
  }

  /** Null if the id is of another length or another configuration, hence not routable by this one. */
  decode(id: Uint8Array): QuicLbId | null {
    return id.length === this.length ? this.decodeAt(id, 0) : null;
  }

  /** The same for an id in a packet, which has a byte at `start + length - 1`. */
  decodeAt(bytes: Uint8Array, start: number): QuicLbId | null {
    if (bytes[start] >> 5 !== this.rotation) return null;
    const { serverIdLength, nonceLength, workerByte } = this.layout;
    const nonceEnd = 1 + serverIdLength + nonceLength;
    const id = copyBytes(bytes, start, start + nonceEnd);
    this.#cipher?.decrypt(id);
    return {
      serverId: id.subarray(1, 1 + serverIdLength),
      nonce: id.subarray(1 + serverIdLength, nonceEnd),
      worker: workerByte ? bytes[start + nonceEnd] : null,
    };
  }
}

function cipherOf({ algorithm, key, serverIdLength, nonceLength }: ParsedLayout): IdCipher | null {
  switch (algorithm) {
    case 'plaintext':
      return null;
    case 'draft':
      return draftCipher(key ?? EMPTY, serverIdLength + nonceLength);
    case 'stream-cipher':
      return new StreamCipher(key ?? EMPTY, serverIdLength);
    case 'block-cipher':
      return new BlockCipher(key ?? EMPTY);
  }
}
