// The protocol `echo`: what comes on a bidirectional stream goes back on it.

import type { QuicStream } from '../index.ts';

export const ECHO_ALPN = 'echo';

/** Answers one stream. Never rejects. */
export async function serveEcho(stream: QuicStream): Promise<void> {
  if (stream.direction === 'uni') return stream.stopSending(0);
  try {
    for await (const chunk of stream) await stream.write(chunk);
    await stream.end();
  } catch {
    // One of the sides was given up: so is the other.
    try {
      stream.reset(0);
    } catch {
      // It is over already.
    }
  }
}
