// What `perf client` measures: how fast bytes, requests and handshakes go. One function for each; times in milliseconds.

import type { ConnectionStats, QuicConnection } from '../../index.ts';
import { requestPerf } from './protocol.ts';

/** Bytes by a number of streams at once on one connection. */
export interface TransferResult {
  mode: 'transfer';
  streams: number;
  uploadedBytes: number;
  downloadedBytes: number;
  milliseconds: number;
  /** Both directions together. */
  megabitsPerSecond: number;
  cpuMilliseconds: number;
  connection: ConnectionStats;
}

export interface RequestsResult {
  mode: 'requests';
  streams: number;
  requestBytes: number;
  responseBytes: number;
  requests: number;
  milliseconds: number;
  requestsPerSecond: number;
  /** From opening a stream to its last byte. */
  latency: Latency;
  cpuMilliseconds: number;
}

export interface HandshakesResult {
  mode: 'handshakes';
  parallel: number;
  handshakes: number;
  milliseconds: number;
  handshakesPerSecond: number;
  /** From the first packet to the end of the handshake, name resolution included. */
  latency: Latency;
  cpuMilliseconds: number;
}

export interface Latency {
  median: number;
  p99: number;
  max: number;
}

export type PerfResult = TransferResult | RequestsResult | HandshakesResult;

/** When to stop: after a time or after a number, whichever is first. */
export interface Until {
  readonly milliseconds: number;
  readonly count: number;
  readonly signal: AbortSignal;
}

/** Each stream uploads and then downloads that many bytes. */
export async function measureTransfer(
  connection: QuicConnection,
  { upload, download, streams }: { upload: number; download: number; streams: number },
): Promise<TransferResult> {
  const watch = stopwatch();
  const received = await Promise.all(
    Array.from({ length: streams }, () => requestPerf(connection, upload, download)),
  );
  const { milliseconds, cpuMilliseconds } = watch();
  const uploadedBytes = upload * streams;
  const downloadedBytes = received.reduce((sum, bytes) => sum + bytes, 0);
  return {
    mode: 'transfer',
    streams,
    uploadedBytes,
    downloadedBytes,
    milliseconds,
    megabitsPerSecond: ((uploadedBytes + downloadedBytes) * 8) / 1000 / milliseconds,
    cpuMilliseconds,
    connection: connection.stats,
  };
}

/** Requests on streams of their own, `streams` of them at once. */
export async function measureRequests(
  connection: QuicConnection,
  { upload, download, streams }: { upload: number; download: number; streams: number },
  until: Until,
): Promise<RequestsResult> {
  const { latencies, milliseconds, cpuMilliseconds } = await repeat(streams, until, () =>
    requestPerf(connection, upload, download),
  );
  return {
    mode: 'requests',
    streams,
    requestBytes: upload,
    responseBytes: download,
    requests: latencies.length,
    milliseconds,
    requestsPerSecond: (latencies.length * 1000) / milliseconds,
    latency: summary(latencies),
    cpuMilliseconds,
  };
}

/** Connections that are opened and closed, `parallel` of them at once. */
export async function measureHandshakes(
  open: () => Promise<QuicConnection>,
  parallel: number,
  until: Until,
): Promise<HandshakesResult> {
  const closing: Promise<unknown>[] = [];
  const { latencies, milliseconds, cpuMilliseconds } = await repeat(parallel, until, async () => {
    const connection = await open();
    closing.push(connection.close().catch(() => {}));
  });
  await Promise.all(closing);
  return {
    mode: 'handshakes',
    parallel,
    handshakes: latencies.length,
    milliseconds,
    handshakesPerSecond: (latencies.length * 1000) / milliseconds,
    latency: summary(latencies),
    cpuMilliseconds,
  };
}

/** Runs `once` over and over in so many loops at the same time. */
async function repeat(
  loops: number,
  until: Until,
  once: () => Promise<unknown>,
): Promise<{ latencies: number[]; milliseconds: number; cpuMilliseconds: number }> {
  const watch = stopwatch();
  const end = performance.now() + until.milliseconds;
  const latencies: number[] = [];
  let begun = 0;
  const loop = async () => {
    while (begun < until.count && performance.now() < end && !until.signal.aborted) {
      begun++;
      const start = performance.now();
      await once();
      latencies.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: loops }, loop));
  until.signal.throwIfAborted();
  return { latencies, ...watch() };
}

function stopwatch(): () => { milliseconds: number; cpuMilliseconds: number } {
  const start = performance.now();
  const cpu = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return { milliseconds: performance.now() - start, cpuMilliseconds: (user + system) / 1000 };
  };
}

function summary(latencies: number[]): Latency {
  if (latencies.length === 0) return { median: 0, p99: 0, max: 0 };
  const sorted = latencies.sort((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  return { median: at(0.5), p99: at(0.99), max: at(1) };
}
