/** What a server does on a connection, in its own thread or in those of workers. */
import type { QuicConnection, QuicStream } from '../../src/index.ts';
import { blocks, HeadReader } from './end.ts';

export default function answerAll(connection: QuicConnection): void {
  void answerStreams(connection).catch(() => {});
  void echo(connection).catch(() => {});
}

async function answerStreams(connection: QuicConnection): Promise<void> {
  for await (const stream of connection.incomingStreams()) void answer(stream).catch(() => {});
}

async function answer(stream: QuicStream): Promise<void> {
  const request = new HeadReader();
  await readAll(stream, (chunk) => request.push(chunk));
  for (const block of blocks(request.down)) await stream.write(block, OWNED);
  await stream.end();
}

/** Reads into memory of its own, as whoever reads much would. */
export async function readAll(stream: QuicStream, onChunk: (chunk: Uint8Array) => void): Promise<void> {
  const into = INPUTS.pop() ?? new Uint8Array(INPUT_LENGTH);
  for (let chunk = await stream.read({ into }); chunk !== null; chunk = await stream.read({ into }))
    onChunk(chunk);
  INPUTS.push(into);
}

async function echo(connection: QuicConnection): Promise<void> {
  for await (const datagram of connection.datagrams) void connection.sendDatagram(datagram);
}

/** The pieces of what is sent never change. */
export const OWNED = { owned: true };
const INPUT_LENGTH = 64 * 1024;
/** What no stream reads into at the moment. */
const INPUTS: Uint8Array[] = [];
