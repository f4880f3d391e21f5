// The admin socket of `serve`: a Unix socket for its own user, which gives one snapshot in JSON to each client. What `top` shows.

import { lstat, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { formatGroupAddress, ListenGroup } from '../../group.ts';
import { CliError } from '../errors.ts';
import { packageVersion } from '../package-root.ts';

/** What a client of the admin socket gets: one line of JSON. */
export interface AdminSnapshot {
  readonly version: string;
  readonly pid: number;
  /** Milliseconds since 1970, as all times here. */
  readonly startedAt: number;
  readonly takenAt: number;
  readonly listeners: readonly {
    readonly id: string;
    readonly kind: string;
    readonly address: string | null;
    readonly state: string;
    readonly startedAt: number;
    readonly connections: number;
  }[];
  readonly connections: readonly {
    readonly id: number;
    readonly listener: string;
    readonly kind: string;
    readonly remoteAddress: string;
    readonly alpn: string | null;
    readonly cipher: string | null;
    readonly state: string;
    readonly startedAt: number;
    readonly streams: number;
    readonly bytesReceived: number;
    readonly bytesSent: number;
  }[];
}

/** The folder of the admin sockets of this user. */
export function adminFolder(): string {
  const { XDG_RUNTIME_DIR } = process.env;
  if (XDG_RUNTIME_DIR !== undefined && XDG_RUNTIME_DIR !== '') return join(XDG_RUNTIME_DIR, 'quayside');
  return join(tmpdir(), `quayside-${process.getuid?.() ?? 'user'}`);
}

/** Opens the socket for a group, at `path` or in the folder of this user. Rejects with a CliError. */
export async function openAdmin(group: ListenGroup, path?: string): Promise<ListenGroup> {
  const startedAt = Date.now();
  const admin = new ListenGroup({
    connected: () => ({
      handler: { run: async (stream) => void stream.end(`${JSON.stringify(snapshot(group, startedAt))}\n`) },
    }),
  });
  const place = path ?? join(adminFolder(), `${process.pid}.sock`);
  try {
    if (path === undefined) await makePrivate(dirname(place));
    await admin.addListener({
      id: 'admin',
      listener: { kind: 'unix', path: place, mode: 0o600, force: true },
      maxConnections: 16,
    });
  } catch (error) {
    throw new CliError(`There is no admin socket for "quayside top": ${(error as Error).message}`, 1, error);
  }
  return admin;
}

/** Nobody else may put something into the folder, or have made it. */
async function makePrivate(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { uid, mode } = await lstat(folder);
  const isOwn = process.getuid === undefined || uid === process.getuid();
  if (!isOwn || (mode & 0o077) !== 0) throw new Error(`the folder ${folder} is open to others`);
}

function snapshot(group: ListenGroup, startedAt: number): AdminSnapshot {
  return {
    version: packageVersion(),
    pid: process.pid,
    startedAt,
    takenAt: Date.now(),
    listeners: group.listeners().map(({ id, address, startedAt: since, ...rest }) => ({
      ...rest,
      id: String(id),
      address: address === null ? null : formatGroupAddress(address),
      startedAt: since.getTime(),
    })),
    connections: group.connections().map((connection) => {
      const { id, kind, alpn, cipher, state, streams, bytesReceived, bytesSent } = connection;
      return {
        ...{ id, kind, alpn, cipher, state, streams, bytesReceived, bytesSent },
        listener: String(connection.listenerId),
        remoteAddress: formatGroupAddress(connection.remoteAddress),
        startedAt: connection.startedAt.getTime(),
      };
    }),
  };
}
