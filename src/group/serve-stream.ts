// The life of one stream in the hands of its handler: it is over when the handler is and the stream is closed. The same for
// sockets and for the streams of QUIC connections.

import type { Duplex } from 'node:stream';
import type { Clock } from '../util/clock.ts';

/** Time for a client to end its side after the handler is done and all that it wrote has been taken, ms. */
export const LINGER_TIME = 5000;

/**
 * Runs `run` and waits for the end of the stream. Rejects with what `run` threw, unless that is what the stream itself
 * failed with: then it is the connection's end, not the handler's fault.
 */
export async function serveStream(
  stream: Duplex,
  run: () => void | Promise<void> | undefined,
  clock: Clock,
): Promise<void> {
  const closed = closeOf(stream);
  iterateHalfOpen(stream);
  try {
    const running = run();
    if (typeof running?.then === 'function') {
      await running;
      finish(stream, clock);
    }
  } catch (error) {
    const isStreams = error === stream.errored || isPremature(error, stream);
    stream.destroy(error instanceof Error ? error : new Error(String(error)));
    await closed;
    if (!isStreams) throw error;
  }
  await closed;
}

/** Resolves when the stream is closed. */
export function closeOf(stream: Duplex): Promise<void> {
  if (stream.closed) return Promise.resolve();
  return new Promise((resolve) => stream.once('close', () => resolve()));
}

/**
 * Ends the writable side, drops what still comes, and frees the stream when the client has ended too. A socket closed with
 * unread data in it would send a reset, which can take from the client what was written last. A client that reads slowly
 * gets everything, as if the handler had written it piece by piece: only then its time begins.
 */
function finish(stream: Duplex, clock: Clock): void {
  if (stream.closed) return;
  const timer = clock.createTimer(() => stream.destroy());
  timer.unref();
  const free = (): void => {
    if (!stream.writableFinished) return;
    if (stream.readableEnded) stream.destroy();
    else timer.set(clock.now() + LINGER_TIME);
  };
  stream.once('close', () => timer.clear());
  stream.once('end', free);
  stream.once('finish', free);
  stream.end();
  stream.resume();
  free();
}

/**
 * Lets iteration leave the stream alone: its end is the handler's. Node's own iterator destroys the stream when the loop is
 * over, so that nothing could be answered to a client that ends its side first.
 */
function iterateHalfOpen(stream: Duplex): void {
  stream[Symbol.asyncIterator] = () => stream.iterator({ destroyOnReturn: false });
}

/** Node's own word for "the stream was destroyed meanwhile", as iteration and pipelines throw it. */
function isPremature(error: unknown, stream: Duplex): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : '';
  return stream.destroyed && (code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ERR_STREAM_DESTROYED');
}
