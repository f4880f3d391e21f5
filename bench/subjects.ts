/** Whom the bench measures: this library in its variants, the peers, and the limits of the path under them. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nativeState } from '../src/runtime/native.ts';
import { buildPeer, type PeerKind, type PeerPlace } from '../test/interop/peers/build.ts';
import type { PathName } from './limits/path-socket.ts';

export interface Subject {
  /** The word that chooses it on the command line. */
  readonly name: string;
  readonly title: string;
  readonly kind: 'limit' | 'ours' | 'peer';
  /** The program and its first arguments, or why it cannot be had. Not for limits. */
  readonly command?: () => Promise<readonly string[]>;
  /** Of limits: which one. */
  readonly path?: PathName;
  /** The last argument of both of its ends. */
  readonly variant?: string;
  readonly environment?: NodeJS.ProcessEnv;
  /** Measurements that it takes part in; all if absent. */
  readonly only?: readonly string[];
  /** Measurements that it has no answer to. */
  readonly not?: readonly string[];
  /** How many times the usual bytes it moves, so that a transfer takes about a second with every subject. */
  readonly bytes?: number;
  /** The same for everything that is counted. */
  readonly counts?: number;
}

export const SUBJECTS: readonly Subject[] = [
  {
    name: 'limit',
    title: 'limit of dgram and AES-GCM of node:crypto',
    kind: 'limit',
    path: 'node',
    only: ['download'],
  },
  {
    name: 'limit-wasm',
    title: 'limit of dgram and ChaCha20 of WebAssembly',
    kind: 'limit',
    path: 'wasm',
    only: ['download'],
  },
  {
    name: 'limit-native',
    title: "limit of the addon's sockets and AES-GCM",
    kind: 'limit',
    path: 'native',
    command: native,
    only: ['download'],
    bytes: 6,
  },
  {
    name: 'quayside',
    title: 'quayside, AES-128-GCM',
    kind: 'ours',
    command: () => node('quayside'),
    variant: 'TLS_AES_128_GCM_SHA256',
    environment: { QUAYSIDE_NATIVE: '0' },
  },
  {
    name: 'quayside-chacha',
    title: 'quayside, ChaCha20-Poly1305',
    kind: 'ours',
    command: () => node('quayside'),
    variant: 'TLS_CHACHA20_POLY1305_SHA256',
    environment: { QUAYSIDE_NATIVE: '0' },
    not: ['full', 'resumed', 'idle-memory', 'open-streams', 'idle-beside', 'ack-ranges', 'stream-memory'],
  },
  {
    name: 'quayside-native',
    title: 'quayside with its addon',
    kind: 'ours',
    command: native,
    variant: 'TLS_AES_128_GCM_SHA256',
    not: ['open-streams', 'idle-beside', 'ack-ranges', 'stream-memory'],
    bytes: 3,
  },
  ...workers('portable', '0'),
  ...workers('native', '1'),
  {
    name: 'quinn',
    title: 'quinn 0.9 (Rust)',
    kind: 'peer',
    command: () => foreign('quinn'),
    bytes: 4,
    counts: 2,
  },
  { name: 'quic-go', title: 'quic-go 0.29 (Go)', kind: 'peer', command: () => foreign('quic-go') },
  { name: 'quiche', title: 'quiche through N-API', kind: 'peer', command: () => node('quiche') },
  {
    name: 'matrixai',
    title: '@matrixai/quic 2.0.9',
    kind: 'peer',
    command: () => node('matrixai'),
    // 100 connections of one process do not come to an end with it.
    not: ['resumed', 'datagrams', 'idle-memory', 'requests-100'],
    bytes: 0.04,
    counts: 0.1,
  },
  {
    name: 'tls',
    title: 'node:tls over TCP',
    kind: 'peer',
    command: () => node('tls'),
    not: ['datagrams'],
    bytes: 6,
  },
  {
    name: 'http2',
    title: 'node:http2 over TLS',
    kind: 'peer',
    command: () => node('http2'),
    not: ['datagrams'],
    bytes: 6,
  },
];

export function takesPart(subject: Subject, measurement: string): boolean {
  // Threads are compared with each other.
  if (measurement === 'workers' && subject.only === undefined) return false;
  return subject.only?.includes(measurement) ?? !subject.not?.includes(measurement);
}

async function node(program: string): Promise<readonly string[]> {
  const file = fileURLToPath(new URL(`peers/${program}${import.meta.url.slice(-3)}`, import.meta.url));
  return [process.execPath, '--enable-source-maps', '--expose-gc', file];
}

/** One worker thread and two: what a second one changes. */
function workers(path: 'portable' | 'native', setting: string): Subject[] {
  return [1, 2].map((count) => ({
    name: `workers-${count}-${path}`,
    title: `${count === 1 ? 'one worker thread' : 'two worker threads'}, ${path === 'native' ? 'with the addon' : 'hand-over'}`,
    kind: 'ours',
    command: path === 'native' ? native : () => node('quayside'),
    variant: `TLS_AES_128_GCM_SHA256/${count}`,
    environment: { QUAYSIDE_NATIVE: setting },
    only: ['workers'],
  }));
}

/** Throws why the addon cannot be used. */
async function native(): Promise<readonly string[]> {
  const { addon, sockets, reason, socketReason } = nativeState();
  if (addon === null || sockets === null) throw new Error(reason || socketReason);
  return node('quayside');
}

async function foreign(kind: PeerKind): Promise<readonly string[]> {
  const status = await buildPeer(kind, PLACE);
  if (!status.available) throw new Error(status.reason);
  return status.server.slice(0, 1);
}

const PLACE: PeerPlace = {
  sources: join(process.cwd(), 'bench', 'peers'),
  cache: join(process.cwd(), 'build', 'bench-peers'),
};
