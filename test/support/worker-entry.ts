/**
 * What the workers of the tests run: each stream is a command, answered with its result.
 *
 *   who      the thread
 *   echo …   the command itself
 *   die      an uncaught error
 */
import { threadId } from 'node:worker_threads';
import type { QuicConnection, QuicStream } from '../../src/index.ts';

export default async function serve(connection: QuicConnection): Promise<void> {
  if (connection.alpn === 'refuse') throw new Error('the handler does not want it');
  for await (const stream of connection.incomingStreams()) void answer(stream).catch(() => {});
}

async function answer(stream: QuicStream): Promise<void> {
  let command = '';
  for await (const bytes of stream) command += new TextDecoder().decode(bytes);
  if (command === 'die') {
    setImmediate(() => {
      throw new Error('a worker of the test dies');
    });
  }
  await stream.write(new TextEncoder().encode(command === 'who' ? String(threadId) : command));
  await stream.end();
}
