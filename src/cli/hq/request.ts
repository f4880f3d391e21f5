// The request of HTTP/0.9: one line, `GET /path`, ended by CR LF, by LF or by the end of the stream. Bytes of a stranger,
// so its length and its time are limited.

import type { Duplex } from 'node:stream';
import { HqCode, HqError, hqReset } from './codes.ts';

/** Bytes that a request line may have, its end included. */
export const MAX_REQUEST_LINE = 4096;

/** Bytes after the request line that are read and ignored; with more, the client is told to stop. */
export const MAX_REQUEST_REST = 65_536;

/** Time for the request line to arrive, ms. */
export const REQUEST_TIMEOUT = 10_000;

/** The path as it was sent, beginning with `/`. Throws HqError, or the error of the stream. */
export async function readRequest(stream: Duplex): Promise<string> {
  const line = await readLine(stream);
  const match = /^GET (\/[\x21-\x7e]*)$/.exec(line);
  if (match === null) throw new HqError(HqCode.BAD_REQUEST);
  return match[1];
}

/** Takes what comes after the request, so that the stream can end, up to a limit; then the client is told to stop. */
export function ignoreRest(stream: Duplex): void {
  let ignored = 0;
  stream.on('data', (chunk: Uint8Array) => {
    ignored += chunk.length;
    // Once it has its answer: until then it is held back.
    if (ignored <= MAX_REQUEST_REST) return;
    if (stream.writableFinished) stream.destroy(hqReset(HqCode.REQUEST_TOO_LONG));
    else stream.pause();
  });
  stream.once('finish', () => stream.resume());
}

async function readLine(stream: Duplex): Promise<string> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), REQUEST_TIMEOUT);
  timer.unref();
  try {
    let line = '';
    for (;;) {
      const chunk = stream.read() as Uint8Array | null;
      if (chunk === null) {
        if (stream.readableEnded) return line.replace(/\r$/, '');
        await moreOf(stream, late.signal);
        continue;
      }
      line += latin1(chunk.subarray(0, MAX_REQUEST_LINE + 1));
      const end = line.indexOf('\n');
      const length = end < 0 ? line.length : end + 1;
      if (length > MAX_REQUEST_LINE) throw new HqError(HqCode.REQUEST_TOO_LONG);
      if (end >= 0) return line.slice(0, end).replace(/\r$/, '');
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until there is something to read, or the end. */
function moreOf(stream: Duplex, late: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const events = ['readable', 'end', 'close'] as const;
    const done = (error?: Error): void => {
      for (const event of events) stream.off(event, onMore);
      stream.off('error', done);
      late.removeEventListener('abort', onLate);
      if (error !== undefined) reject(error);
      else resolve();
    };
    const onMore = (): void => done(stream.destroyed && !stream.readableEnded ? gone(stream) : undefined);
    const onLate = (): void => done(new HqError(HqCode.REQUEST_TIMEOUT));
    for (const event of events) stream.on(event, onMore);
    stream.on('error', done);
    late.addEventListener('abort', onLate);
    if (stream.destroyed) onMore();
  });
}

function gone(stream: Duplex): Error {
  return stream.errored ?? new Error('The stream was closed');
}

/** A character for each byte. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
