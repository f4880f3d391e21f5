/** What is measured, the same for every library: both ends are processes of their own. */
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { BenchFiles } from './files.ts';
import { ask, nextMessage, startChild, stopChild } from './processes/child.ts';
import type { ClientResult } from './processes/quayside-peer.ts';

/** A library to measure, by the module that plays both of its ends. */
export interface Subject {
  readonly name: string;
  readonly file: string;
}

const HERE = new URL('.', import.meta.url);
/** Compiled, this file is below `build/`; the module that is not compiled stays where it was. */
const SOURCE = HERE.href.includes('/build/bench/') ? new URL('../../bench/', HERE) : HERE;

export const QUAYSIDE: Subject = {
  name: 'quayside',
  file: fileURLToPath(new URL(`processes/quayside-peer${import.meta.url.slice(-3)}`, HERE)),
};
export const MATRIXAI: Subject = {
  name: '@matrixai/quic',
  file: fileURLToPath(new URL('processes/matrixai-peer.mjs', SOURCE)),
};

export interface Goodput {
  mbps: number;
  serverCpuPerGB: number;
  clientCpuPerGB: number;
}

export interface HandshakeRate {
  perSecond: number;
  /** CPU milliseconds per handshake. */
  serverCpu: number;
  clientCpu: number;
}

interface ServerReport {
  cpu: number;
  rss: number;
}

/** One connection, one stream, after a warm-up of a quarter of the bytes that does not count. */
export function measureGoodput(
  subject: Subject,
  files: BenchFiles,
  kind: 'download' | 'upload',
  bytes: number,
): Promise<Goodput> {
  return withPair(subject, files, async (server, client) => {
    await ask<ClientResult>(client, { kind, amount: Math.ceil(bytes / 4) });
    const before = await ask<ServerReport>(server, 'cpu');
    const result = await ask<ClientResult>(client, { kind, amount: bytes });
    const after = await ask<ServerReport>(server, 'cpu');
    const gigabytes = bytes / 1e9;
    return {
      mbps: (gigabytes * 8e3) / result.seconds,
      serverCpuPerGB: (after.cpu - before.cpu) / gigabytes,
      clientCpuPerGB: result.cpu / gigabytes,
    };
  });
}

/** One after the other, each on a new connection, closed before the next. A quarter of them warms up. */
export function measureHandshakes(
  subject: Subject,
  files: BenchFiles,
  count: number,
): Promise<HandshakeRate> {
  return withPair(subject, files, async (server, client) => {
    await ask<ClientResult>(client, { kind: 'handshakes', amount: Math.ceil(count / 4) });
    const before = await ask<ServerReport>(server, 'cpu');
    const result = await ask<ClientResult>(client, { kind: 'handshakes', amount: count });
    const after = await ask<ServerReport>(server, 'cpu');
    return {
      perSecond: count / result.seconds,
      serverCpu: ((after.cpu - before.cpu) * 1000) / count,
      clientCpu: (result.cpu * 1000) / count,
    };
  });
}

/**
 * Bytes that the server's resident memory grows by for each idle connection. As many connections come and go first, so
 * that the heap has the size that handshakes need, and garbage is collected before each reading.
 */
export function measureIdleMemory(subject: Subject, files: BenchFiles, connections: number): Promise<number> {
  return withPair(subject, files, async (server, client) => {
    await ask<ClientResult>(client, { kind: 'handshakes', amount: connections });
    const before = await ask<ServerReport>(server, 'cpu');
    await ask<ClientResult>(client, { kind: 'idle', amount: connections });
    const after = await ask<ServerReport>(server, 'cpu');
    return (after.rss - before.rss) / connections;
  });
}

/** Runs `body` with a server and a client process, which end with it. */
async function withPair<T>(
  { file }: Subject,
  files: BenchFiles,
  body: (server: ChildProcess, client: ChildProcess) => Promise<T>,
): Promise<T> {
  const server = startChild(file, ['server', files.cert, files.key], ['--expose-gc']);
  let client: ChildProcess | null = null;
  try {
    const { port } = await nextMessage<{ port: number }>(server);
    client = startChild(file, ['client', String(port), files.ca]);
    await nextMessage(client);
    return await body(server, client);
  } finally {
    stopChild(client);
    stopChild(server);
  }
}
