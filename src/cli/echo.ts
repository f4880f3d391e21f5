// The protocol `echo`: what comes on a stream goes back on it.

import type { Duplex } from 'node:stream';
import { write } from './write.ts';

export const ECHO_ALPN = 'echo';

/** Answers one stream to its end. Rejects if it fails. */
export async function serveEcho(stream: Duplex): Promise<void> {
  for await (const chunk of stream) await write(stream, chunk);
}
