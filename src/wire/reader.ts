// The only place with raw indexing on input. A cursor over bytes that came from somebody else.
// Owns: bounds. Must not know packets, frames or TLS: it throws `Truncated`, and the caller says whose fault that is.

/** The input ended before the value did. One instance is thrown again and again: a hostile peer costs no stack trace. */
export class Truncated extends Error {
  override readonly name = 'Truncated';
  constructor() {
    super('the input ends too early');
  }
}

/** Largest number that limits and offsets are clamped to. */
const MAX_NUMBER = Number.MAX_SAFE_INTEGER;
/** High 32 bits above which a 62-bit value does not fit into a double. */
const MAX_HIGH = 0x1f_ffff;
const TWO_32 = 0x1_0000_0000;

const TRUNCATED = new Truncated();

/** Reads from `bytes` between `offset` and `end`. After a throw `offset` is where the failed value began. */
export class Reader {
  bytes: Uint8Array;
  offset: number;
  end: number;

  constructor(bytes: Uint8Array = new Uint8Array(0), start = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.offset = start;
    this.end = end;
  }

  /** Points the same reader at other bytes. */
  reset(bytes: Uint8Array, start: number, end: number): this {
    this.bytes = bytes;
    this.offset = start;
    this.end = end;
    return this;
  }

  get remaining(): number {
    return this.end - this.offset;
  }

  u8(): number {
    if (this.offset >= this.end) throw TRUNCATED;
    return this.bytes[this.offset++];
  }

  u16(): number {
    const at = this.#advance(2);
    const bytes = this.bytes;
    return (bytes[at] << 8) | bytes[at + 1];
  }

  u24(): number {
    const at = this.#advance(3);
    const bytes = this.bytes;
    return (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
  }

  u32(): number {
    const at = this.#advance(4);
    return this.#u32At(at);
  }

  /** A variable-length integer as a number: anything above 2^53 - 1 reads as 2^53 - 1. For limits and offsets. */
  varint(): number {
    const at = this.offset;
    if (at >= this.end) throw TRUNCATED;
    const bytes = this.bytes;
    const first = bytes[at];
    if (first < 0x40) {
      this.offset = at + 1;
      return first;
    }
    if (first < 0x80) {
      this.#advance(2);
      return ((first & 0x3f) << 8) | bytes[at + 1];
    }
    if (first < 0xc0) {
      this.#advance(4);
      return ((first & 0x3f) << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
    }
    this.#advance(8);
    const high = this.#u32At(at) & 0x3fff_ffff;
    return high > MAX_HIGH ? MAX_NUMBER : high * TWO_32 + this.#u32At(at + 4);
  }

  /** As `varint`, but a value too large keeps its low two bits, which say who opened the stream and which kind it is. */
  varintStreamId(): number {
    const at = this.offset;
    const value = this.varint();
    // Only the 8-byte form is ever clamped, and then its last byte holds the low two bits.
    return value === MAX_NUMBER ? MAX_NUMBER - 3 + (this.bytes[at + 7] & 0x03) : value;
  }

  /** Without loss: a number up to 2^53 - 1, a bigint above. So equal values are `===`. For identities and error codes. */
  varintExact(): number | bigint {
    const at = this.offset;
    const value = this.varint();
    if (value < MAX_NUMBER) return value;
    const high = this.#u32At(at) & 0x3fff_ffff;
    return high <= MAX_HIGH ? value : BigInt(high) * 0x1_0000_0000n + BigInt(this.#u32At(at + 4));
  }

  /** The next `length` bytes as a view of the input. */
  take(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.bytes.subarray(at, at + length);
  }

  skip(length: number): void {
    this.#advance(length);
  }

  /** TLS presentation language (RFC 8446 §3.4): a vector after its length in 1 byte, as a view. */
  vector8(): Uint8Array {
    return this.#vector(this.u8(), 1);
  }

  /** A vector after its length in 2 bytes, as a view. */
  vector16(): Uint8Array {
    return this.#vector(this.u16(), 2);
  }

  /** A vector after its length in 3 bytes, as a view. */
  vector24(): Uint8Array {
    return this.#vector(this.u24(), 3);
  }

  #vector(length: number, prefix: number): Uint8Array {
    if (length > this.end - this.offset) {
      this.offset -= prefix;
      throw TRUNCATED;
    }
    return this.take(length);
  }

  #advance(length: number): number {
    const at = this.offset;
    // Written so that NaN and negative lengths fail as well.
    if (!(length >= 0 && length <= this.end - at)) throw TRUNCATED;
    this.offset = at + length;
    return at;
  }

  #u32At(at: number): number {
    const bytes = this.bytes;
    return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
  }
}
