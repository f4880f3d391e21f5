// The protocol `perf`, both sides of it. The client opens a bidirectional stream and sends eight bytes, the number of bytes
// that it wants back (big endian), then anything it wants to upload, then FIN. Then the server sends that many bytes
// and FIN. The layout is that of the QUIC performance draft (draft-banks-quic-performance).

import type { QuicConnection, QuicStream } from '../../index.ts';

export const PERF_ALPN = 'perf';

/** Application error code for a stream that does not begin with eight bytes, or asks for more than 2^53 - 1. */
export const PERF_BAD_REQUEST = 1;

/** Answers until the connection ends. Never rejects. */
export async function servePerf(connection: QuicConnection): Promise<void> {
  try {
    for await (const stream of connection.incomingStreams()) void answer(stream);
  } catch {
    // The connection failed; its streams fail with it.
  }
}

/** One request. Resolves with the number of bytes that came back, when all of them and FIN are here. */
export async function requestPerf(
  connection: QuicConnection,
  upload: number,
  download: number,
): Promise<number> {
  const stream = await connection.createBidirectionalStream();
  const sent = send(stream, upload, download);
  sent.catch(() => {});
  let received = 0;
  for (;;) {
    const chunk = await stream.read();
    if (chunk === null) break;
    received += chunk.length;
  }
  await sent;
  return received;
}

async function send(stream: QuicStream, upload: number, download: number): Promise<void> {
  const head = new Uint8Array(8);
  new DataView(head.buffer).setBigUint64(0, BigInt(download));
  if (upload === 0) {
    await stream.end(head);
    return;
  }
  await stream.write(head);
  await sendBytes(stream, upload);
}

async function answer(stream: QuicStream): Promise<void> {
  try {
    const wanted = await readRequest(stream);
    if (!stream.isWritable) return;
    if (wanted === null) stream.reset(PERF_BAD_REQUEST);
    else await sendBytes(stream, wanted);
  } catch {
    // The client gave the stream up.
  }
}

/** Reads all of the upload. Null for a request that cannot be answered. */
async function readRequest(stream: QuicStream): Promise<number | null> {
  const head = new Uint8Array(8);
  let length = 0;
  for (;;) {
    const chunk = await stream.read();
    if (chunk === null) break;
    if (length < 8) head.set(chunk.subarray(0, 8 - length), length);
    length += chunk.length;
  }
  const wanted = new DataView(head.buffer).getBigUint64(0);
  return length < 8 || wanted > BigInt(Number.MAX_SAFE_INTEGER) ? null : Number(wanted);
}

/** Zeros, then FIN. */
async function sendBytes(stream: QuicStream, count: number): Promise<void> {
  let left = count;
  for (; left > CHUNK.length; left -= CHUNK.length) await stream.write(CHUNK);
  await stream.end(CHUNK.subarray(0, left));
}

const CHUNK = new Uint8Array(65_536);
