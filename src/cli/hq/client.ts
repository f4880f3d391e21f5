// The client's side of `hq-interop`: one stream, one line, one file.

import type { QuicConnection } from '../../index.ts';

/** ALPN of HTTP/0.9 over QUIC. */
export const HQ_ALPN = 'hq-interop';

/**
 * Asks for a file and hands its bytes to `onChunk`, one chunk after the other, waiting for each. Gives the number of bytes.
 * Rejects with the error of the stream: ERR_QUIC_STREAM_RESET carries the server's code.
 */
export async function fetchHq(
  connection: QuicConnection,
  path: string,
  onChunk: (chunk: Uint8Array) => void | Promise<void>,
  signal?: AbortSignal,
): Promise<number> {
  const stream = await connection.createBidirectionalStream({ signal });
  // A server that refuses at once may never acknowledge the request; the answer is what counts.
  stream.end(new TextEncoder().encode(`GET ${path}\r\n`)).catch(() => {});
  let bytes = 0;
  try {
    for (;;) {
      const chunk = await stream.read({ signal });
      if (chunk === null) return bytes;
      await onChunk(chunk);
      bytes += chunk.length;
    }
  } catch (error) {
    // Whoever does not take the rest says so. Does nothing if the stream is over.
    stream.stopSending(0);
    throw error;
  }
}
