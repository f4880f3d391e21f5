/**
 * Out of Node's Buffers: a Buffer's `slice` shares memory where that of a Uint8Array copies, and strict equality tells the
 * two classes apart, so none leaves the provider.
 */

/** The same memory as a plain Uint8Array. */
export function plainBytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

/** A string with one character for each byte, to key a Map by a whole certificate: without a copy of them as arguments. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
