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
  for await (const chunk of stream) request.push(chunk);
  for (const block of blocks(request.down)) await stream.write(block);
  await stream.end();
}

async function echo(connection: QuicConnection): Promise<void> {
  for await (const datagram of connection.datagrams) void connection.sendDatagram(datagram);
}
