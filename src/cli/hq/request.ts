// The request of HTTP/0.9: one line, `GET /path`, ended by CR LF, by LF or by the end of the stream. Bytes of a stranger,
// so its length and its time are limited.

import type { QuicStream } from '../../index.ts';
import { HqCode, HqError } from './codes.ts';

/** Bytes that a request line may have, its end included. */
export const MAX_REQUEST_LINE = 4096;

/** Bytes after the request line that are read and ignored; with more, the client is told to stop. */
export const MAX_REQUEST_REST = 65_536;

/** Time for the request line to arrive, ms. */
export const REQUEST_TIMEOUT = 10_000;

/** The path as it was sent, beginning with `/`. Throws HqError, or the error of the stream. */
export async function readRequest(stream: QuicStream): Promise<string> {
  const line = await readLine(stream);
  const match = /^GET (\/[\x21-\x7e]*)$/.exec(line);
  if (match === null) throw new HqError(HqCode.BAD_REQUEST);
  return match[1];
}

/** Takes what comes after the request, so that the stream can end, up to a limit. Never throws. */
export async function ignoreRest(stream: QuicStream): Promise<void> {
  try {
    for (let ignored = 0; ignored <= MAX_REQUEST_REST; ) {
      const chunk = await stream.read();
      if (chunk === null) return;
      ignored += chunk.length;
    }
    stream.stopSending(HqCode.REQUEST_TOO_LONG);
  } catch {
    // The client gave its side up, which is its right.
  }
}

async function readLine(stream: QuicStream): Promise<string> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new HqError(HqCode.REQUEST_TIMEOUT)), REQUEST_TIMEOUT);
  timer.unref();
  try {
    let line = '';
    for (;;) {
      const chunk = await stream.read({ signal: late.signal });
      if (chunk === null) return line.replace(/\r$/, '');
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

/** A character for each byte. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
