// The two sides of a QuicStream as web streams.

import { QuicError } from '../errors.ts';
import type { QuicStream } from './stream.ts';

/** Cancelling it asks the peer to stop; a QuicError given as reason lends its code. */
export function makeReadable(stream: QuicStream): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = await stream.pull({});
        if (chunk === null) controller.close();
        else controller.enqueue(chunk);
      },
      cancel(reason) {
        stream.stopSending(codeOf(reason));
      },
    },
    { highWaterMark: 0 },
  );
}

/** Closing it ends the stream and waits for the acknowledgement; aborting it resets the stream. */
export function makeWritable(stream: QuicStream): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    write: (chunk) => stream.push(chunk, false, {}),
    close: () => stream.finish(undefined, {}),
    abort: (reason) => stream.reset(codeOf(reason)),
  });
}

/** The application error code that a reason carries; 0 without one. */
export function codeOf(reason: unknown): bigint {
  return reason instanceof QuicError && reason.type === 'application' ? reason.errorCode : 0n;
}
