// Writing to a stream at the pace of its reader.

import type { Writable } from 'node:stream';

/** Resolves when the stream has taken the bytes, which may not change until then; rejects if it fails. */
export function write(stream: Writable, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
