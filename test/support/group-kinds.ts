/**
 * The four kinds of listeners as a test sees them: how to ask for one, and a client for it. Everything else about a test is
 * the same for all.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { connect } from '../../src/client/connect.ts';
import type { GroupAddress, ListenerKind, ListenerTarget } from '../../src/group.ts';
import { toDuplex } from '../../src/runtime/duplex.ts';
import { type Environment, nodeEnvironment } from '../../src/runtime/environment.ts';
import type { SocketAddress } from '../../src/util/address.ts';
import { makeTestIdentity } from './certificates.ts';

/** Those that this system has. */
export const KINDS: readonly ListenerKind[] =
  process.platform === 'win32' ? ['tcp', 'tls', 'quic'] : ['tcp', 'tls', 'unix', 'quic'];

export const TEST_ALPN = 'test';

/** More than a busy machine needs for many handshakes at once. */
const HANDSHAKE_TIMEOUT = 60_000;

export interface TestClient {
  readonly stream: Duplex;
  /** Another stream of the same connection; a new connection where a kind has one stream only. */
  another(): Promise<TestClient>;
  /** Ends the connection in an orderly way. */
  close(): Promise<void>;
  /** Is gone, as if the machine had lost its power: for QUIC not even a goodbye is sent. */
  vanish(): void;
}

/** Whom a client trusts and what it speaks. Default: the identity and the protocol of tests. */
export interface ClientOptions {
  readonly ca?: string;
  readonly alpn?: string;
  /** Of a QUIC client. Default the process's own. */
  readonly environment?: Environment;
}

/**
 * A listener of a kind on a free place of this machine.
 *
 * @param maxIdleTimeout of QUIC; other kinds are told by the system that a client is gone
 */
export function targetOf(kind: ListenerKind, maxIdleTimeout: number = HANDSHAKE_TIMEOUT): ListenerTarget {
  const { certPem: cert, keyPem: key } = makeTestIdentity();
  switch (kind) {
    case 'tcp':
      return { kind, address: '127.0.0.1' };
    case 'tls':
      return { kind, address: '127.0.0.1', cert, key, alpn: TEST_ALPN, handshakeTimeout: HANDSHAKE_TIMEOUT };
    case 'unix':
      return { kind, path: socketPath() };
    case 'quic':
      return {
        kind,
        address: '127.0.0.1',
        cert,
        key,
        alpn: TEST_ALPN,
        maxIdleTimeout,
        handshakeTimeout: HANDSHAKE_TIMEOUT,
      };
  }
}

/** A path that nothing has. */
export function socketPath(): string {
  return join(tmpdir(), `quayside-${process.pid}-${randomBytes(6).toString('hex')}.sock`);
}

/** A client of a listener; rejects if it is refused before or during its handshake. */
export async function clientOf(
  kind: ListenerKind,
  address: GroupAddress,
  options: ClientOptions = {},
): Promise<TestClient> {
  const { ca = makeTestIdentity().caPem, alpn = TEST_ALPN, environment } = options;
  if (kind === 'quic') return quicClient(address as SocketAddress, ca, alpn, environment);
  const raw = 'path' in address ? connectSocket({ path: address.path, ...HALF_OPEN }) : connectTcp(address);
  raw.on('error', () => {});
  await opened(raw, 'connect');
  const stream =
    kind === 'tls'
      ? connectTls({
          socket: raw,
          ca,
          servername: 'localhost',
          ALPNProtocols: [alpn],
          ...HALF_OPEN,
        } as ConnectionOptions)
      : raw;
  stream.on('error', () => {});
  if (kind === 'tls') await opened(stream, 'secureConnect');
  return {
    stream,
    another: () => clientOf(kind, address, options),
    close: async () => {
      stream.destroy();
    },
    vanish: () => (kind === 'unix' ? raw.destroy() : raw.resetAndDestroy()),
  };
}

/** All that comes, as text. Unlike iteration it leaves the writable side of the stream open. */
export async function readAll(stream: Duplex): Promise<string> {
  let all = '';
  stream.on('data', (chunk) => {
    all += chunk;
  });
  stream.resume();
  await once(stream, 'end');
  return all;
}

/** Resolves when a stream is over from the other side: ended, reset or lost. */
export function lost(stream: Duplex): Promise<void> {
  stream.resume();
  return new Promise((resolve) => {
    for (const event of ['end', 'error', 'close']) stream.once(event, () => resolve());
  });
}

function connectTcp({ address, port }: SocketAddress): Socket {
  return connectSocket({ host: address, port, ...HALF_OPEN });
}

function opened(socket: Socket, event: string): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    socket.once(event, resolve);
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('The server closed the connection')));
  });
}

const HALF_OPEN = { allowHalfOpen: true };
async function quicClient(
  address: SocketAddress,
  ca: string,
  alpn: string,
  base: Environment = nodeEnvironment(),
): Promise<TestClient> {
  const { environment, mute } = mutable(base);
  const connection = await connect(
    { host: address.address, port: address.port },
    {
      alpn,
      ca,
      serverName: 'localhost',
      environment,
      handshakeTimeout: HANDSHAKE_TIMEOUT,
    },
  );
  const open = async (): Promise<TestClient> => {
    const stream = toDuplex(await connection.createBidirectionalStream());
    stream.on('error', () => {});
    return {
      stream,
      another: open,
      close: async () => {
        await connection.close().catch(() => {});
      },
      vanish: () => {
        mute();
        connection.destroy();
      },
    };
  };
  return open();
}

/** An environment whose sockets can be made to send nothing more. */
function mutable(base: Environment): { environment: Environment; mute: () => void } {
  let isMute = false;
  const { sockets } = base;
  const environment: Environment = { ...base };
  environment.sockets = {
    backend: sockets.backend,
    capabilities: sockets.capabilities,
    localAddresses: () => sockets.localAddresses(),
    async bind(options) {
      const socket = await sockets.bind(options);
      const send = socket.send.bind(socket);
      socket.send = (...values) => isMute || send(...values);
      return socket;
    },
  };
  return {
    environment,
    mute: () => {
      isMute = true;
    },
  };
}
