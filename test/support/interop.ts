/**
 * Our side of the interop tests: a server that speaks hq-interop and echo, and a client for both. Peers of
 * other make come from peers.ts. Everything that is opened here is closed when the test is over.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ConnectOptions,
  connect,
  type ListenerCounters,
  type ListenOptions,
  listen,
  type QuicConnection,
  QuicError,
  type QuicStream,
} from '../../src/index.ts';
import { makeTestIdentity, type TestIdentity } from './certificates.ts';
import type { InteropFiles } from './interop-files.ts';
import {
  type PeerClientOptions,
  type PeerClientRun,
  type PeerEvent,
  type PeerKind,
  type PeerServer,
  type PeerServerOptions,
  runPeerClient,
  startPeerServer,
} from './peers.ts';

/** Our listening side as a test sees it. */
export interface OurServer {
  readonly port: number;
  /** Every connection that came, in order. */
  readonly connections: readonly QuicConnection[];
  /** From the request until the last file was acknowledged. */
  readonly mbitPerSecond: number;
  /** Streams that were answered to their end, reset, or failed. */
  readonly answered: number;
  /** Clients without a connection, by reason. */
  readonly turnedAway: ListenerCounters['turnedAway'];
  /** The first connection, once it is there. */
  first(): Promise<QuicConnection>;
}

/** Runs our server while `use` runs. It serves the files over hq-interop and gives everything back over echo. */
export async function withOurServer(
  files: InteropFiles,
  options: Partial<ListenOptions> & { identity?: TestIdentity },
  use: (server: OurServer) => Promise<void>,
): Promise<void> {
  const { identity = makeTestIdentity(), ...rest } = options;
  const listener = await listen({
    address: '127.0.0.1',
    alpn: ['hq-interop', 'echo'],
    cert: identity.certPem,
    key: identity.keyPem,
    ...rest,
  });
  const connections: QuicConnection[] = [];
  let answered = 0;
  let speed = 0;
  const onAnswer = (bytes: number, milliseconds: number): void => {
    answered++;
    if (bytes > 0) speed = mbitPerSecond(bytes, milliseconds);
  };
  void (async () => {
    for await (const connection of listener) {
      connections.push(connection);
      void serve(files, connection, onAnswer).catch(() => {});
    }
  })();
  try {
    await use({
      port: listener.port,
      connections,
      get mbitPerSecond() {
        return speed;
      },
      get answered() {
        return answered;
      },
      get turnedAway() {
        return listener.counters.turnedAway;
      },
      first: async () => {
        await until(() => connections.length > 0);
        return connections[0] as QuicConnection;
      },
    });
  } finally {
    await listener.close();
  }
}

/** Runs a peer's server, which serves the files, while `use` runs. */
export async function withPeerServer(
  kind: PeerKind,
  files: InteropFiles,
  options: Partial<PeerServerOptions> & { identity?: TestIdentity },
  use: (peer: PeerServer) => Promise<void>,
): Promise<void> {
  const { identity, ...rest } = options;
  const { cert, key } = files.identity(identity);
  const peer = await startPeerServer(kind, { cert, key, root: files.folder, idleTimeout: 30_000, ...rest });
  try {
    await use(peer);
  } finally {
    await peer.stop();
  }
}

/** Connects our client while `use` runs; afterwards it is closed with code 0, if `use` did not close it. */
export async function withOurClient(
  peer: PeerServer,
  options: Partial<ConnectOptions> & { host?: string },
  use: (connection: QuicConnection) => Promise<void>,
): Promise<void> {
  const connection = await connectTo(peer, options);
  try {
    await use(connection);
  } finally {
    await connection.close().catch(() => {});
  }
}

/** Our client's connection to a peer's server. */
export function connectTo(
  peer: PeerServer,
  options: Partial<ConnectOptions> & { host?: string } = {},
): Promise<QuicConnection> {
  const { host = '127.0.0.1', ...rest } = options;
  const ca = makeTestIdentity().caPem;
  return connect(
    { host, port: peer.port },
    { alpn: 'hq-interop', ca, serverName: 'localhost', handshakeTimeout: 20_000, ...rest },
  );
}

/** Runs a peer's client against our server, with patience for a loaded machine. */
export function runAgainst(
  server: OurServer,
  kind: PeerKind,
  files: InteropFiles,
  options: Partial<PeerClientOptions>,
): Promise<PeerClientRun> {
  const { ca } = files.identity();
  return runPeerClient(kind, { port: server.port, ca, idleTimeout: 30_000, timeout: 60_000, ...options });
}

/** What came over a stream, to its end. */
export interface Received {
  readonly length: number;
  readonly sha256: string;
  /** From the request to the last byte. */
  readonly mbitPerSecond: number;
}

/** One file over hq-interop. `onChunk` is told how many bytes have come. */
export async function get(
  connection: QuicConnection,
  path: string,
  onChunk?: (length: number) => void,
): Promise<Received> {
  const stream = await connection.createBidirectionalStream();
  stream.end(new TextEncoder().encode(`GET ${path}\r\n`)).catch(() => {});
  return receive(stream, onChunk);
}

/** Sends bytes over an echo connection and takes them back. */
export async function echo(connection: QuicConnection, bytes: Uint8Array): Promise<Received> {
  const stream = await connection.createBidirectionalStream();
  const ended = stream.end(bytes);
  const received = await receive(stream);
  await ended;
  return received;
}

/** How a connection ended, for either side. */
export interface ConnectionEnd {
  readonly kind: string;
  readonly code: number;
  readonly reason: string;
  readonly remote: boolean;
}

/** How a connection ended, in the same words whether it was an error or not. */
export async function endOf(connection: QuicConnection): Promise<ConnectionEnd> {
  try {
    const { errorCode, reason, remote } = await connection.closed;
    return { kind: 'application', code: Number(errorCode), reason, remote };
  } catch (error) {
    if (!(error instanceof QuicError)) throw error;
    const { type, errorCode, reason, remote } = error;
    return { kind: type, code: Number(errorCode), reason, remote };
  }
}

/** The peer fetched exactly these files, unchanged, and said so. */
export function assertDownloads(run: PeerClientRun, files: InteropFiles, paths: readonly string[]): void {
  assert.equal(run.exitCode, 0, run.events.map((event) => JSON.stringify(event)).join('\n'));
  assert.deepEqual(run.results.map(({ path }) => path).sort(), [...paths].sort());
  for (const { path, sha256: hash } of run.results) assert.equal(hash, files.hash(path), path);
}

/** An end, to compare with. */
export function ended(kind: string, code: number, reason: string, remote: boolean): ConnectionEnd {
  return { kind, code, reason, remote };
}

/** The end that a peer's `closed` line tells. */
export function endIn(event: PeerEvent | undefined): ConnectionEnd {
  const { kind = '', code = -1, reason = '', remote } = event ?? {};
  return { kind, code, reason, remote: remote === true };
}

/** Waits until something is so, for half a minute at most. */
export async function until(isSo: () => boolean): Promise<void> {
  const end = performance.now() + 30_000;
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`not so after 30 s: ${isSo}`);
    await sleep(5);
  }
}

function mbitPerSecond(bytes: number, milliseconds: number): number {
  return Math.round((bytes * 8) / 1000 / milliseconds);
}

/** The `skip` of a test that needs IPv6 on this machine. */
export function skipWithoutIpv6(): string | false {
  const has = Object.values(networkInterfaces()).some((list) =>
    list?.some(({ address }) => address === '::1'),
  );
  return has ? false : 'no IPv6 loopback address';
}

async function serve(files: InteropFiles, connection: QuicConnection, onAnswer: OnAnswer): Promise<void> {
  const { alpn } = await connection.opened;
  for await (const stream of connection.incomingStreams()) {
    const started = performance.now();
    let bytes = 0;
    void (alpn === 'echo' ? giveBack(stream) : answer(files, stream))
      .then((length) => {
        bytes = length;
      })
      // A client that leaves makes its streams fail.
      .catch(() => {})
      .then(() => onAnswer(bytes, performance.now() - started));
  }
}

type OnAnswer = (bytes: number, milliseconds: number) => void;

/** Gives how many bytes were acknowledged. */
async function giveBack(stream: QuicStream): Promise<number> {
  let length = 0;
  for await (const chunk of stream) {
    await stream.write(chunk);
    length += chunk.length;
  }
  await stream.end();
  return length;
}

/** Gives how many bytes were sent. */
async function answer(files: InteropFiles, stream: QuicStream): Promise<number> {
  let request = '';
  const decoder = new TextDecoder();
  for await (const chunk of stream) request += decoder.decode(chunk, { stream: true });
  const content = files.contents.get(request.trim().replace(/^GET /, ''));
  if (content === undefined) {
    stream.reset(1);
    return 0;
  }
  await stream.write(content);
  // The client may close before it acknowledges the end.
  await stream.end().catch(() => {});
  return content.length;
}

async function receive(stream: QuicStream, onChunk?: (length: number) => void): Promise<Received> {
  const started = performance.now();
  const hash = createHash('sha256');
  let length = 0;
  for await (const chunk of stream) {
    hash.update(chunk);
    length += chunk.length;
    onChunk?.(length);
  }
  const speed = mbitPerSecond(length, performance.now() - started);
  return { length, sha256: hash.digest('hex'), mbitPerSecond: speed };
}
