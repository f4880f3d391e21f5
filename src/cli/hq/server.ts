// The server's side of `hq-interop`: each bidirectional stream is one request for one file. What goes wrong with one
// ends its stream with a code and nothing else.

import type { FileHandle } from 'node:fs/promises';
import { QuicError, type QuicStream } from '../../index.ts';
import { HqCode, type HqCodeValue, HqError } from './codes.ts';
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
  stream: QuicStream,
  folder: StaticFolder,
  onRequest: (request: HqRequest) => void,
): Promise<void> {
  if (stream.direction === 'uni') return stream.stopSending(HqCode.BAD_REQUEST);
  const progress = { bytes: 0 };
  let path: string | null = null;
  let file: FileHandle | null = null;
  try {
    path = await readRequest(stream);
    void ignoreRest(stream);
    file = await folder.open(path);
    await sendFile(file, stream, progress);
    await file.close();
    file = null;
    // Not waited for: a client that has everything may leave before it acknowledges.
    stream.end().catch(() => {});
    onRequest({ path, code: HqCode.NO_ERROR, bytes: progress.bytes });
  } catch (error) {
    // An error of the stream or connection is the client's leaving; there is nobody to answer.
    if (error instanceof QuicError) {
      onRequest({ path, code: null, bytes: progress.bytes });
      return;
    }
    const code = error instanceof HqError ? error.code : HqCode.SERVER_ERROR;
    refuse(stream, code, path === null);
    onRequest({ path, code, bytes: progress.bytes });
  } finally {
    await file?.close().catch(() => {});
  }
}

async function sendFile(file: FileHandle, stream: QuicStream, progress: { bytes: number }): Promise<void> {
  const buffer = new Uint8Array(CHUNK);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, CHUNK);
    if (bytesRead === 0) break;
    await stream.write(buffer.subarray(0, bytesRead));
    progress.bytes += bytesRead;
  }
}

function refuse(stream: QuicStream, code: HqCodeValue, isReading: boolean): void {
  try {
    stream.reset(code);
    if (isReading) stream.stopSending(code);
  } catch {
    // The stream is over already.
  }
}

/** Bytes read from a file at once. */
const CHUNK = 65_536;
