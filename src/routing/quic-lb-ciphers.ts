// How QUIC-LB hides server id and nonce in a connection id: the two ways of draft-ietf-quic-load-balancers, and the
// two of the Erlang implementation of QUIC, which are of its own. Each is its own inverse or has one. Knows bytes only:
// which of them are the server id is the codec's to say.

import { createCipheriv, createDecipheriv } from 'node:crypto';
import { EMPTY } from '../util/bytes.ts';

/** Works in place on `id[1, 1 + size)`, where `id[0]` is the first octet. */
export interface IdCipher {
  encrypt(id: Uint8Array): void;
  decrypt(id: Uint8Array): void;
}

/** A block of 16 bytes makes one AES block; anything else takes four passes (draft-ietf-quic-load-balancers §5.4). */
export function draftCipher(key: Uint8Array, size: number): IdCipher {
  return size === BLOCK ? new SinglePass(key) : new FourPass(key, size);
}

/** draft-ietf-quic-load-balancers §5.4.1. */
class SinglePass implements IdCipher {
  readonly #aes: AesBlock;

  constructor(key: Uint8Array) {
    this.#aes = new AesBlock(key);
  }

  encrypt(id: Uint8Array): void {
    id.set(this.#aes.encrypt(id.subarray(1, 1 + BLOCK)), 1);
  }

  decrypt(id: Uint8Array): void {
    id.set(this.#aes.decrypt(id.subarray(1, 1 + BLOCK)), 1);
  }
}

/** A Feistel network over two halves that share the middle byte if there is one (draft-ietf-quic-load-balancers §5.4.2). */
class FourPass implements IdCipher {
  readonly #aes: AesBlock;
  readonly #size: number;
  readonly #left: Uint8Array;
  readonly #right: Uint8Array;
  readonly #block: Uint8Array = new Uint8Array(BLOCK);

  constructor(key: Uint8Array, size: number) {
    this.#aes = new AesBlock(key);
    this.#size = size;
    const half = Math.ceil(size / 2);
    this.#left = new Uint8Array(half);
    this.#right = new Uint8Array(half);
  }

  encrypt(id: Uint8Array): void {
    this.#split(id);
    for (let pass = 1; pass <= 4; pass++) this.#pass(pass);
    this.#join(id);
  }

  decrypt(id: Uint8Array): void {
    this.#split(id);
    for (let pass = 4; pass >= 1; pass--) this.#pass(pass);
    this.#join(id);
  }

  /** Odd passes change the right half by the left one, even passes the other way round. */
  #pass(pass: number): void {
    const [from, to] = pass % 2 === 1 ? [this.#left, this.#right] : [this.#right, this.#left];
    const block = this.#block.fill(0);
    block.set(from);
    block[14] = this.#size;
    block[15] = pass;
    xor(to, this.#aes.encrypt(block));
    this.#trim();
  }

  #split(id: Uint8Array): void {
    const half = this.#left.length;
    this.#left.set(id.subarray(1, 1 + half));
    this.#right.set(id.subarray(1 + this.#size - half, 1 + this.#size));
    this.#trim();
  }

  #join(id: Uint8Array): void {
    const rightAt = 1 + this.#size - this.#right.length;
    id.set(this.#left, 1);
    const middle = id[rightAt];
    id.set(this.#right, rightAt);
    if (this.#size % 2 === 1) id[rightAt] |= middle;
  }

  /** Of the byte in the middle each half has 4 bits. */
  #trim(): void {
    if (this.#size % 2 === 0) return;
    this.#left[this.#left.length - 1] &= 0xf0;
    this.#right[0] &= 0x0f;
  }
}

/** Erlang's stream cipher: the low bits of the first octet and the server id, under a key stream that the nonce makes. */
export class StreamCipher implements IdCipher {
  readonly #aes: AesBlock;
  readonly #serverIdLength: number;
  readonly #block: Uint8Array = new Uint8Array(BLOCK);

  constructor(key: Uint8Array, serverIdLength: number) {
    this.#aes = new AesBlock(key);
    this.#serverIdLength = serverIdLength;
  }

  encrypt(id: Uint8Array): void {
    const nonceAt = 1 + this.#serverIdLength;
    this.#block.fill(0).set(id.subarray(nonceAt, nonceAt + BLOCK));
    const stream = this.#aes.encrypt(this.#block);
    id[0] ^= stream[0] & 0x1f;
    xor(id.subarray(1, nonceAt), stream.subarray(1));
  }

  decrypt(id: Uint8Array): void {
    this.encrypt(id);
  }
}

/** Erlang's block cipher: three ways, by whether server id and nonce are less, as much as or more than 15 bytes. */
export class BlockCipher implements IdCipher {
  readonly #aes: AesBlock;

  constructor(key: Uint8Array) {
    this.#aes = new AesBlock(key);
  }

  encrypt(id: Uint8Array): void {
    const payload = id.subarray(1);
    if (id.length < BLOCK) this.#feistel(...halves(payload));
    else if (id.length === BLOCK) xor(payload, this.#fixedStream());
    else {
      payload.set(this.#aes.encrypt(payload.subarray(0, BLOCK)));
      xor(payload.subarray(BLOCK), this.#aes.encrypt(payload.subarray(0, BLOCK)));
    }
  }

  decrypt(id: Uint8Array): void {
    const payload = id.subarray(1);
    if (id.length < BLOCK) this.#feistel(...(halves(payload).reverse() as Halves));
    else if (id.length === BLOCK) xor(payload, this.#fixedStream());
    else {
      xor(payload.subarray(BLOCK), this.#aes.encrypt(payload.subarray(0, BLOCK)));
      payload.set(this.#aes.decrypt(payload.subarray(0, BLOCK)));
    }
  }

  /** The same for every id: two ids of one server look alike where their nonces do. */
  #fixedStream(): Uint8Array {
    return this.#aes.encrypt(this.#aes.encrypt(new Uint8Array(BLOCK)));
  }

  /** Four rounds, in place. With the halves the other way round it undoes itself. */
  #feistel(one: Uint8Array, other: Uint8Array): void {
    for (let i = 0; i < 2; i++) {
      xor(one, this.#aes.encrypt(padded(other)));
      xor(other, this.#aes.encrypt(padded(one)));
    }
  }
}

type Halves = [left: Uint8Array, right: Uint8Array];

/** The left one is longer by the odd byte. */
function halves(payload: Uint8Array): Halves {
  const half = Math.ceil(payload.length / 2);
  return [payload.subarray(0, half), payload.subarray(half)];
}

/** AES-128 on single blocks, as the draft's functions use it. */
class AesBlock {
  readonly #encrypt: (block: Uint8Array) => Uint8Array;
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key;
    const cipher = createCipheriv('aes-128-ecb', key, EMPTY).setAutoPadding(false);
    this.#encrypt = (block) => cipher.update(block);
  }

  encrypt(block: Uint8Array): Uint8Array {
    return this.#encrypt(block);
  }

  decrypt(block: Uint8Array): Uint8Array {
    return createDecipheriv('aes-128-ecb', this.#key, EMPTY).setAutoPadding(false).update(block);
  }
}

function xor(into: Uint8Array, stream: Uint8Array): void {
  for (let i = 0; i < into.length; i++) into[i] ^= stream[i];
}

function padded(bytes: Uint8Array): Uint8Array {
  const block = new Uint8Array(BLOCK);
  block.set(bytes);
  return block;
}

const BLOCK = 16;
