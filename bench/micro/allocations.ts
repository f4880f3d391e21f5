/**
 * What is allocated for each packet of a bulk transfer, by function: both ends in one process, over dgram on loopback, after a
 * warm-up. What stands below `src/` is ours, the rest is Node.js and V8 (a view of an array counts as `subarray`).
 *
 * `node bench/micro/allocations.ts [cipher suite]` (Node 24; on Node 20 the compiled file). V8's sampling heap profiler, with
 * what the collector took in between: one sample for 512 bytes.
 */

import { readFileSync } from 'node:fs';
import { type HeapProfiler, Session } from 'node:inspector/promises';
import { connect, listen, type QuicConnection } from '../../src/index.ts';
import { makeBenchFiles } from '../files.ts';

const WARM_UP = 30e6;
const BYTES = 60e6;
const BYTES_PER_PACKET = 1400;
const SMALLEST_SHOWN = 2;
const BLOCK = new Uint8Array(256 * 1024).fill(1);
const suite = process.argv[2] ?? 'TLS_CHACHA20_POLY1305_SHA256';

const files = makeBenchFiles();
const windows = { initialMaxData: 24 << 20, initialMaxStreamData: 16 << 20 };
const listener = await listen({
  address: '127.0.0.1',
  alpn: 'bench',
  cert: readFileSync(files.cert, 'utf8'),
  key: readFileSync(files.key, 'utf8'),
  ciphers: [suite],
});
void (async () => {
  for await (const connection of listener) void serve(connection).catch(() => {});
})();
const client = await connect(
  { host: '127.0.0.1', port: listener.port },
  {
    alpn: 'bench',
    ca: readFileSync(files.ca, 'utf8'),
    serverName: 'localhost',
    ciphers: [suite],
    ...windows,
  },
);
await download(WARM_UP);
const session = new Session();
session.connect();
await session.post('HeapProfiler.startSampling', {
  samplingInterval: 512,
  includeObjectsCollectedByMajorGC: true,
  includeObjectsCollectedByMinorGC: true,
} as HeapProfiler.StartSamplingParameterType);
await download(BYTES);
const { profile } = await session.post('HeapProfiler.stopSampling');
show(profile.head, BYTES / BYTES_PER_PACKET);
files.remove();
process.exit();

async function serve(connection: QuicConnection): Promise<void> {
  for await (const stream of connection.incomingStreams()) {
    const request = await stream.read();
    let left = Number(new TextDecoder().decode(request ?? new Uint8Array(0)));
    for (; left > BLOCK.length; left -= BLOCK.length) await stream.write(BLOCK);
    await stream.end(BLOCK.subarray(0, left));
  }
}

async function download(bytes: number): Promise<void> {
  const stream = await client.createBidirectionalStream();
  void stream.end(new TextEncoder().encode(String(bytes))).catch(() => {});
  let received = 0;
  for await (const chunk of stream) received += chunk.length;
  if (received !== bytes) throw new Error(`received ${received} bytes`);
}

function show(head: HeapProfiler.SamplingHeapProfileNode, packets: number): void {
  const byFunction = new Map<string, number>();
  const visit = ({ callFrame, selfSize, children }: HeapProfiler.SamplingHeapProfileNode): void => {
    const place = callFrame.url.replace(/^.*\/(?=(src|bench)\/)/, '');
    const name = `${callFrame.functionName || '(anonymous)'} ${place}${place === '' ? '' : `:${callFrame.lineNumber + 1}`}`;
    byFunction.set(name, (byFunction.get(name) ?? 0) + selfSize);
    for (const child of children) visit(child);
  };
  visit(head);
  const rows = [...byFunction].map(([name, size]) => ({ name, bytes: size / packets }));
  const sum = (isOurs: boolean) =>
    rows.filter(({ name }) => / src\//.test(name) === isOurs).reduce((total, { bytes }) => total + bytes, 0);
  console.log(`node ${process.version}, ${suite}: bytes for each packet, sent and received`);
  console.log(
    `${sum(true).toFixed(0)} in functions of ours, ${sum(false).toFixed(0)} in others, most of all:`,
  );
  for (const { name, bytes } of rows.sort((a, b) => b.bytes - a.bytes))
    if (bytes >= SMALLEST_SHOWN) console.log(`${bytes.toFixed(1).padStart(8)}  ${name}`);
}
