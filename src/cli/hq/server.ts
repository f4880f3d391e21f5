// The server's side of `hq-interop`, and of the same protocol over other transports: each stream is one request for one file. What goes wrong with one
// ends its stream with a code and nothing else.

import type { FileHandle } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { write } from '../write.ts';
import { HqCode, type HqCodeValue, HqError, hqReset } from './codes.ts';
import { ignoreRest, readRequest } from './request.ts';
import type { StaticFolder } from './static-folder.ts';

/** What became of a request. */
export interface HqRequest {
  /** As it was sent; null if none could be read. */
  readonly path: string | null;
  /** 0 for a file that was sent whole; null if the client left before. */
  readonly code: HqCodeValue | null;
  /** Bytes of the file that were sent. */
  readonly bytes: number;
}

/** Answers one stream. Never rejects. */
export async function serveHq(
  stream: Duplex,
  folder: StaticFolder,
  onRequest: (request: HqRequest) => void,
): Promise<void> {
  const progress = { bytes: 0 };
  let path: string | null = null;
  let file: FileHandle | null = null;
  try {
    path = await readRequest(stream);
    ignoreRest(stream);
    file = await folder.open(path);
    await sendFile(file, stream, progress);
    // Not waited for: a client that has everything may leave before it says so.
    stream.end();
    onRequest({ path, code: HqCode.NO_ERROR, bytes: progress.bytes });
  } catch (error) {
    // A stream that is over is the client's leaving; there is nobody to answer.
    if (stream.destroyed) {
      onRequest({ path, code: null, bytes: progress.bytes });
      return;
    }
    const code = error instanceof HqError ? error.code : HqCode.SERVER_ERROR;
    stream.destroy(hqReset(code));
    onRequest({ path, code, bytes: progress.bytes });
  } finally {
    await file?.close().catch(() => {});
  }
}

async function sendFile(file: FileHandle, stream: Duplex, progress: { bytes: number }): Promise<void> {
  const buffer = new Uint8Array(CHUNK);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, CHUNK);
    if (bytesRead === 0) break;
    await write(stream, buffer.subarray(0, bytesRead));
    progress.bytes += bytesRead;
  }
}

/** Bytes read from a file at once. */
const CHUNK = 65_536;
