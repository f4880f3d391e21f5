// A QuicStream as a Node Duplex, for code that expects a socket.

import { Duplex } from 'node:stream';
import type { QuicStream } from './stream.ts';
import { codeOf } from './web-streams.ts';

/**
 * Wraps a stream in a Duplex and locks its other ways of use. A side that the stream lacks is ended from the start.
 * Ending the writable side sends FIN; `destroy(error)` resets and stops with the error's application code, or 0.
 */
export function toDuplex(stream: QuicStream): Duplex {
  if (stream.isReadable) stream.claim('read', 'duplex');
  if (stream.isWritable) stream.claim('write', 'duplex');
  let isReading = false;
  let isWhole = false;
  const duplex = new Duplex({
    allowHalfOpen: true,
    read() {
      if (!stream.isReadable) {
        this.push(null);
        return;
      }
      if (isReading) return;
      isReading = true;
      void pump(this);
    },
    write(chunk: Uint8Array, _encoding, done) {
      stream.push(chunk, false, {}).then(() => done(), done);
    },
    final(done) {
      stream.finish(undefined, {}).catch((error) => duplex.destroy(error));
      done();
    },
    destroy(error, done) {
      if (stream.isReadable) stream.stopSending(codeOf(error));
      if (stream.isWritable && !duplex.writableFinished) stream.reset(codeOf(error));
      done(error);
    },
  });
  if (!stream.isWritable) duplex.end();
  // Heard of here too, since perhaps nobody reads or writes. What has come to its end can still be read.
  stream.onLost = (error) => {
    if (isWhole && !duplex.readableEnded) duplex.once('end', () => duplex.destroy(error));
    else duplex.destroy(error);
  };

  async function pump(target: Duplex): Promise<void> {
    try {
      for (;;) {
        const chunk = await stream.pull({});
        isWhole = chunk === null;
        const wantsMore = target.push(
          chunk === null ? null : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength),
        );
        if (chunk === null || !wantsMore) break;
      }
      isReading = false;
    } catch (error) {
      target.destroy(error as Error);
    }
  }
  return duplex;
}
