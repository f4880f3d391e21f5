/** Measurements of this library with both ends in processes of their own. */
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { BenchFiles } from './files.ts';
import { ask, nextMessage, startChild, stopChild } from './processes/child.ts';
import type { ClientResult } from './processes/quayside-peer.ts';

const PEER = fileURLToPath(new URL(`./processes/quayside-peer${import.meta.url.slice(-3)}`, import.meta.url));

export interface Goodput {
  mbps: number;
  serverCpuPerGB: number;
  clientCpuPerGB: number;
}

interface ServerReport {
  cpu: number;
  rss: number;
}

/** Runs `body` with a server and a client process, which end with it. */
async function withPair<T>(files: BenchFiles, body: (server: ChildProcess, client: ChildProcess) => Promise<T>): Promise<T> {
  const server = startChild(PEER, ['server', files.cert, files.key], ['--expose-gc']);
  let client: ChildProcess | null = null;
  try {
    const { port } = await nextMessage<{ port: number }>(server);
    client = startChild(PEER, ['client', String(port), files.ca]);
    await nextMessage(client);
    return await body(server, client);
  } finally {
    stopChild(client);
    stopChild(server);
  }
}

/** One connection, one stream, after a warm-up of a quarter of the bytes that does not count. */
export function measureGoodput(files: BenchFiles, kind: 'download' | 'upload', bytes: number): Promise<Goodput> {
  return withPair(files, async (server, client) => {
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

export interface HandshakeRate {
  perSecond: number;
  /** CPU milliseconds per handshake. */
  serverCpu: number;
  clientCpu: number;
}

/** One after the other, each on a new connection, verified, closed. */
export function measureHandshakes(files: BenchFiles, count: number): Promise<HandshakeRate> {
  return withPair(files, async (server, client) => {
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

/** Bytes that the server's resident memory grows by for each idle connection, after a warm-up and a collection. */
export function measureIdleMemory(files: BenchFiles, connections: number): Promise<number> {
  return withPair(files, async (server, client) => {
    const warm = Math.min(200, connections);
    await ask<ClientResult>(client, { kind: 'idle', amount: warm });
    const before = await ask<ServerReport>(server, 'cpu');
    await ask<ClientResult>(client, { kind: 'idle', amount: warm + connections });
    const after = await ask<ServerReport>(server, 'cpu');
    return (after.rss - before.rss) / connections;
  });
}
