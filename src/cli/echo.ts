// The protocol `echo`: what comes on a bidirectional stream goes back on it.

import type { QuicConnection, QuicStream } from '../index.ts';

export const ECHO_ALPN = 'echo';

/** Echoes until the connection ends. Never rejects. */
export async function serveEcho(connection: QuicConnection): Promise<void> {
  try {
    for await (const stream of connection.incomingStreams()) {
      if (stream.direction === 'uni') stream.stopSending(0);
      else void echo(stream);
    }
  } catch {
    // The connection failed; its streams fail with it.
  }
}

async function echo(stream: QuicStream): Promise<void> {
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
