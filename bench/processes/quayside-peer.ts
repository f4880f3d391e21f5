/**
 * One end of a measurement with this library: `server` answers, `client` does what it is told and reports. A stream
 * begins with 8 bytes, the number of bytes that the server is to send back; the rest of it is read and thrown away.
 */
import { readFileSync } from 'node:fs';
import { connect, listen, type QuicConnection, type QuicStream } from '../../src/index.ts';
import { cpuSeconds } from './child.ts';

const BLOCK = new Uint8Array(256 * 1024).fill(0x5a);

/** Windows as in the comparison of the peers. */
const WINDOWS = {
  initialMaxData: 24 * 1024 * 1024,
  initialMaxStreamData: 16 * 1024 * 1024,
  maxStreamsBidi: 10_000,
  maxIdleTimeout: 120_000,
};

export async function serve(certFile: string, keyFile: string): Promise<void> {
  const listener = await listen({
    address: '127.0.0.1',
    alpn: 'bench',
    cert: readFileSync(certFile, 'utf8'),
    key: readFileSync(keyFile, 'utf8'),
    ciphers: ['TLS_AES_128_GCM_SHA256'],
    ...WINDOWS,
  });
  process.on('message', (message) => {
    if (message === 'cpu') process.send?.({ cpu: cpuSeconds(), rss: residentAfterCollection() });
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.({ port: listener.port });
  for await (const connection of listener) void answer(connection).catch(() => {});
}

async function answer(connection: QuicConnection): Promise<void> {
  for await (const stream of connection.incomingStreams()) void answerStream(stream).catch(() => {});
}

async function answerStream(stream: QuicStream): Promise<void> {
  let wanted = -1;
  const head = new Uint8Array(8);
  let got = 0;
  for await (const chunk of stream) {
    for (let i = 0; i < chunk.length && got < 8; i++) head[got++] = chunk[i];
    if (got === 8 && wanted < 0) wanted = Number(new DataView(head.buffer).getBigUint64(0));
  }
  for (let left = wanted; left > BLOCK.length; left -= BLOCK.length) await stream.write(BLOCK);
  await stream.end(BLOCK.subarray(0, wanted % BLOCK.length || (wanted > 0 ? BLOCK.length : 0)));
}

export interface ClientTask {
  kind: 'download' | 'upload' | 'handshakes' | 'idle';
  /** Bytes, handshakes or connections. */
  amount: number;
}

export interface ClientResult {
  seconds: number;
  cpu: number;
}

/** Does tasks as they come in messages. */
export function runClient(port: number, caFile: string): void {
  const ca = readFileSync(caFile, 'utf8');
  const open = () =>
    connect(
      { host: '127.0.0.1', port },
      { alpn: 'bench', ca, serverName: 'localhost', ciphers: ['TLS_AES_128_GCM_SHA256'], ...WINDOWS },
    );
  let connection: QuicConnection | null = null;
  const kept: QuicConnection[] = [];
  process.on('disconnect', () => process.exit(0));
  process.on('message', async (task: ClientTask) => {
    if (task.kind !== 'handshakes') connection ??= await open();
    const cpu = cpuSeconds();
    const start = performance.now();
    if (task.kind === 'handshakes') {
      for (let i = 0; i < task.amount; i++) await (await open()).close();
    } else if (task.kind === 'idle') {
      while (kept.length < task.amount) kept.push(await open());
    } else await transfer(connection as QuicConnection, task);
    process.send?.({
      seconds: (performance.now() - start) / 1000,
      cpu: cpuSeconds() - cpu,
    } satisfies ClientResult);
  });
  process.send?.('ready');
}

async function transfer(connection: QuicConnection, { kind, amount }: ClientTask): Promise<void> {
  const stream = await connection.createBidirectionalStream();
  const head = new Uint8Array(8);
  new DataView(head.buffer).setBigUint64(0, BigInt(kind === 'download' ? amount : 1));
  await stream.write(head);
  let left = kind === 'upload' ? amount : 0;
  for (; left > BLOCK.length; left -= BLOCK.length) await stream.write(BLOCK);
  const ended = stream.end(BLOCK.subarray(0, left));
  let received = 0;
  for await (const chunk of stream) received += chunk.length;
  await ended;
  if (received !== (kind === 'download' ? amount : 1)) throw new Error(`received ${received} bytes`);
}

/** A collection that also gives empty pages back to the system, where the runtime has that. */
function residentAfterCollection(): number {
  const { gc } = globalThis as { gc?: (options?: object) => void };
  gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  return process.memoryUsage().rss;
}

const [role, ...args] = process.argv.slice(2);
if (role === 'server') await serve(args[0], args[1]);
else runClient(Number(args[0]), args[1]);
