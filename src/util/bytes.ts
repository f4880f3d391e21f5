// Small helpers over Uint8Array that need no Buffer and no node: import.
// Owns: joining, comparing, hex, and turning bytes into a Map key. Knows nothing about QUIC.

/** The one empty array: shared, so that "no bytes" costs no allocation. */
export const EMPTY: Uint8Array = new Uint8Array(0);

/**
 * A copy of `bytes[start, end)`. Not `slice`: what dgram gives is a Buffer, and a Buffer's `slice` shares its memory.
 */
export function copyBytes(bytes: Uint8Array, start = 0, end: number = bytes.length): Uint8Array {
  if (start === end) return EMPTY;
  const copy = new Uint8Array(end - start);
  copy.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
  return copy;
}

/** Joins the parts into one new array. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Equality by content. Leaks by its timing where the first difference is: never for secrets. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Equality for secrets (reset tokens, tags): looks at every byte whatever it finds. Lengths are public. */
export function equalConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i] ^ b[i];
  return difference === 0;
}

/** Lower-case hex, two digits per byte. */
export function toHex(bytes: Uint8Array): string {
  let hex = '';
  for (let i = 0; i < bytes.length; i++) hex += HEX[bytes[i]];
  return hex;
}

/** Bytes from hex; blanks are ignored. Throws `RangeError` on anything else than pairs of hex digits. */
export function fromHex(hex: string): Uint8Array {
  const digits = hex.replace(/\s+/g, '');
  if (digits.length % 2 !== 0 || /[^0-9a-fA-F]/.test(digits)) throw new RangeError('not a hex string');
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** A string with one character (U+0000 to U+00FF) per byte, to key a Map by content: half the size of hex. */
export function bytesKey(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  if (end - start <= MAX_ARGUMENTS)
    return String.fromCharCode.apply(null, bytes.subarray(start, end) as never);
  let key = '';
  for (let at = start; at < end; at += MAX_ARGUMENTS) {
    key += String.fromCharCode.apply(null, bytes.subarray(at, Math.min(end, at + MAX_ARGUMENTS)) as never);
  }
  return key;
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));
/** A call takes its arguments on the stack. */
const MAX_ARGUMENTS = 4096;
