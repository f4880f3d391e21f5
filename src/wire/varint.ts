// Variable-length integers, RFC 9000 §16: sizes, bounds and a stand-alone codec.
// The hot paths are in Reader and Writer; this file must not know them.

/** Largest value that a variable-length integer carries: 2^62 - 1. RFC 9000 §16. */
export const MAX_VARINT: bigint = 0x3fff_ffff_ffff_ffffn;

/** Bytes of the shortest form of `value`. Throws `RangeError` outside 0 to 2^62 - 1. */
export function varintLength(value: number | bigint): 1 | 2 | 4 | 8 {
  if (value < 0x40) {
    if (value >= 0) return 1;
  } else if (value < 0x4000) return 2;
  else if (value < 0x4000_0000) return 4;
  else if (typeof value === 'bigint' ? value <= MAX_VARINT : value <= Number.MAX_SAFE_INTEGER) return 8;
  throw new RangeError(`${value} is no variable-length integer`);
}

/** The shortest form of `value` as new bytes. Throws `RangeError` outside 0 to 2^62 - 1. */
export function encodeVarint(value: number | bigint): Uint8Array {
  const length = varintLength(value);
  const bytes = new Uint8Array(length);
  let rest = BigInt(value);
  for (let i = length - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  bytes[0] |= LENGTH_BITS[length];
  return bytes;
}

/** The value at `offset` without loss and the bytes that it took; `null` when it is cut off. */
export function decodeVarint(bytes: Uint8Array, offset = 0): { value: bigint; length: number } | null {
  if (offset >= bytes.length) return null;
  const length = 1 << (bytes[offset] >> 6);
  if (offset + length > bytes.length) return null;
  let value = BigInt(bytes[offset] & 0x3f);
  for (let i = 1; i < length; i++) value = (value << 8n) | BigInt(bytes[offset + i]);
  return { value, length };
}

const LENGTH_BITS: Readonly<Record<1 | 2 | 4 | 8, number>> = { 1: 0x00, 2: 0x40, 4: 0x80, 8: 0xc0 };
