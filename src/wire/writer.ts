// A cursor over bytes that go out, with the room that is left.
// Owns: raw indexing on output. Callers look at `remaining` first: running over the end is our own mistake (`RangeError`).

import { varintLength } from './varint.ts';

const TWO_32 = 0x1_0000_0000;

/** Writes into `bytes` from `offset`, never at or past `end`. Integers are big-endian. */
export class Writer {
  bytes: Uint8Array;
  offset: number;
  end: number;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.offset = start;
    this.end = end;
  }

  /** Points the same writer at other bytes. */
  reset(bytes: Uint8Array, start: number, end: number): this {
    this.bytes = bytes;
    this.offset = start;
    this.end = end;
    return this;
  }

  get remaining(): number {
    return this.end - this.offset;
  }

  u8(value: number): void {
    const at = this.#advance(1);
    this.bytes[at] = value;
  }

  u16(value: number): void {
    const at = this.#advance(2);
    this.bytes[at] = value >>> 8;
    this.bytes[at + 1] = value;
  }

  u24(value: number): void {
    const at = this.#advance(3);
    this.bytes[at] = value >>> 16;
    this.bytes[at + 1] = value >>> 8;
    this.bytes[at + 2] = value;
  }

  u32(value: number): void {
    this.#u32At(this.#advance(4), value);
  }

  /** The shortest variable-length form, RFC 9000 §16. */
  varint(value: number | bigint): void {
    if (typeof value === 'bigint') this.#bigVarint(value);
    else if (value < 0x40 && value >= 0) this.u8(value);
    else if (value < 0x4000 && value >= 0) this.u16(value | 0x4000);
    else if (value < 0x4000_0000 && value >= 0) this.u32(value | 0x8000_0000);
    else {
      varintLength(value);
      const at = this.#advance(8);
      this.#u32At(at, Math.floor(value / TWO_32) | 0xc000_0000);
      this.#u32At(at + 4, value);
    }
  }

  /** The 2-byte form, for a length that is patched later; `value` below 2^14. */
  varint2(value: number): void {
    if (!(value >= 0 && value < 0x4000)) throw new RangeError(`${value} does not fit a 2-byte varint`);
    this.u16(value | 0x4000);
  }

  /** The 4-byte form; `value` below 2^30. */
  varint4(value: number): void {
    if (!(value >= 0 && value < 0x4000_0000)) throw new RangeError(`${value} does not fit a 4-byte varint`);
    this.u32(value | 0x8000_0000);
  }

  /** Copies `source[start..end)`. */
  copy(source: Uint8Array, start = 0, end: number = source.length): void {
    const at = this.#advance(end - start);
    // `set` needs a view for a part of the source; short runs are cheaper byte by byte than the view is.
    if (start === 0 && end === source.length) this.bytes.set(source, at);
    else if (end - start <= 16) for (let i = start; i < end; i++) this.bytes[at + i - start] = source[i];
    else this.bytes.set(source.subarray(start, end), at);
  }

  /** `count` times the same byte. */
  fill(byte: number, count: number): void {
    const at = this.#advance(count);
    this.bytes.fill(byte, at, at + count);
  }

  /** Overwrites two bytes that were written before. */
  patchU16(at: number, value: number): void {
    this.bytes[at] = value >>> 8;
    this.bytes[at + 1] = value;
  }

  /** Overwrites a `varint2` that was written before. */
  patchVarint2(at: number, value: number): void {
    if (!(value >= 0 && value < 0x4000)) throw new RangeError(`${value} does not fit a 2-byte varint`);
    this.patchU16(at, value | 0x4000);
  }

  /** Leaves room for a TLS vector's length of 1, 2 or 3 bytes; hand the returned mark to `closeVector`. */
  openVector(lengthBytes: 1 | 2 | 3): number {
    return this.#advance(lengthBytes);
  }

  /** Writes the length of everything since `openVector` into the room left there. */
  closeVector(mark: number, lengthBytes: 1 | 2 | 3): void {
    const length = this.offset - mark - lengthBytes;
    if (length < 0 || length >= 2 ** (8 * lengthBytes)) throw new RangeError(`a vector of ${length} bytes`);
    for (let i = 0; i < lengthBytes; i++) this.bytes[mark + i] = length >>> (8 * (lengthBytes - 1 - i));
  }

  #bigVarint(value: bigint): void {
    if (value <= 0x3fff_ffffn) {
      this.varint(Number(value));
      return;
    }
    varintLength(value);
    const at = this.#advance(8);
    this.#u32At(at, Number(value >> 32n) | 0xc000_0000);
    this.#u32At(at + 4, Number(value & 0xffff_ffffn));
  }

  #advance(length: number): number {
    const at = this.offset;
    if (!(length >= 0 && length <= this.end - at)) {
      throw new RangeError(`writing ${length} bytes where ${this.end - at} are left`);
    }
    this.offset = at + length;
    return at;
  }

  #u32At(at: number, value: number): void {
    const bytes = this.bytes;
    bytes[at] = value >>> 24;
    bytes[at + 1] = value >>> 16;
    bytes[at + 2] = value >>> 8;
    bytes[at + 3] = value;
  }
}
