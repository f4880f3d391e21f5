/**
 * Hand-over between processes of one machine, over Unix domain sockets in a folder that belongs to one user: who can
 * connect there is one of ours. A shard's socket is `<folder>/<shard>.sock`.
 */
import { lstat, mkdir, unlink } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join as joinPath } from 'node:path';
import { invalidArgType, invalidArgValue, quicError } from '../errors.ts';
import type { SocketAddress } from '../util/address.ts';
import type { HandOver, ShardPlace } from './hand-over.ts';
import { HandOverReader, handOverFrame } from './hand-over-frames.ts';
import { type DatagramHandler, systemErrorCode } from './socket.ts';

/** Bytes that wait to be taken by another process; beyond it datagrams for that process are lost. */
export const MAX_HAND_OVER_BYTES: number = 4 * 1024 * 1024;

export interface ProcessHandOverOptions {
  /** Made if there is none. It must belong to this user, and nobody else may look into it. */
  readonly folder: string;
}

/**
 * Give one to the endpoint of each process, all with the same folder and each with a `shard` of its own. The sockets are
 * bound with `reusePort`, which needs Node.js 22.12 or later on Linux or FreeBSD, or the addon. Not for Windows.
 */
export class ProcessHandOver implements HandOver {
  readonly folder: string;

  /** Throws TypeError ERR_INVALID_ARG_TYPE, and ERR_QUIC_UNSUPPORTED on Windows. */
  constructor(options: ProcessHandOverOptions) {
    if (typeof options?.folder !== 'string' || options.folder === '')
      throw invalidArgType('folder', 'the path of a folder', options?.folder);
    if (process.platform === 'win32') {
      throw quicError('ERR_QUIC_UNSUPPORTED', { message: 'ProcessHandOver needs Unix domain sockets' });
    }
    this.folder = options.folder;
  }

  /** Rejects also with ERR_INVALID_ARG_VALUE for a folder that others can look into, and with what the system says. */
  async join(shard: number, take: DatagramHandler): Promise<ShardPlace> {
    await ownFolder(this.folder);
    const place = new Place(this.folder);
    await place.open(shard, take);
    return place;
  }
}

class Place implements ShardPlace {
  readonly #folder: string;
  readonly #peers: Map<number, Socket> = new Map();
  readonly #callers: Set<Socket> = new Set();
  #server: Server | null = null;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async open(shard: number, take: DatagramHandler): Promise<void> {
    const path = this.#path(shard);
    const server = createServer((socket) => this.#serve(socket, take));
    // What is left of a process that died is in the way; what lives stays.
    await listenAt(server, path).catch(async (error) => {
      if (systemErrorCode(error) !== 'EADDRINUSE') throw error;
      if (await answers(path)) {
        const message = `Another process has shard ${shard} of ${this.#folder}`;
        throw quicError('ERR_QUIC_SHARD_TAKEN', { message });
      }
      await unlink(path).catch(() => {});
      await listenAt(server, path);
    });
    server.unref();
    this.#server = server;
  }

  send(shard: number, bytes: Uint8Array, from: SocketAddress, to: SocketAddress, ecn: number): boolean {
    if (this.#server === null) return false;
    const socket = this.#peers.get(shard) ?? this.#connect(shard);
    if (socket.writableLength > MAX_HAND_OVER_BYTES) return false;
    socket.write(handOverFrame(bytes, from, to, ecn));
    return true;
  }

  async leave(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    for (const socket of [...this.#peers.values(), ...this.#callers]) socket.destroy();
    // Closing removes the file too.
    if (server !== null) await new Promise((resolve) => server.close(resolve));
  }

  #connect(shard: number): Socket {
    const socket = createConnection(this.#path(shard));
    socket.unref();
    // Gone, or not there yet: what was written is lost, and the next datagram tries again.
    socket.on('error', () => {});
    socket.on('close', () => this.#peers.delete(shard));
    this.#peers.set(shard, socket);
    return socket;
  }

  #serve(socket: Socket, take: DatagramHandler): void {
    const reader = new HandOverReader(take);
    this.#callers.add(socket);
    socket.unref();
    socket.on('error', () => {});
    socket.on('close', () => this.#callers.delete(socket));
    socket.on('data', (piece) => {
      if (!reader.push(piece)) socket.destroy();
    });
  }

  #path(shard: number): string {
    return joinPath(this.#folder, `${shard}.sock`);
  }
}

async function ownFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const found = await lstat(folder);
  const isOurs = found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o077) === 0;
  if (!isOurs) {
    const wanted = 'must be a folder of this user that nobody else can look into (mode 0700)';
    throw invalidArgValue('folder', folder, wanted);
  }
}

function listenAt(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      server.on('error', () => {});
      resolve();
    });
  });
}

/** Whether somebody listens there. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.on('connect', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}
