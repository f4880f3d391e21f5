// Reads the admin sockets of running servers: which there are, and what they say.

import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { CliError, oneLine, usageError } from '../errors.ts';
import { type AdminSnapshot, adminFolder } from '../serve/admin.ts';

/** The admin socket that is meant: the one that is given, that of a process, or that of the only server of this user. */
export async function findAdmin({ socket, pid }: { socket?: string; pid?: number }): Promise<string> {
  if (process.platform === 'win32') throw new CliError('There are no admin sockets on Windows');
  if (socket !== undefined) return socket;
  const folder = adminFolder();
  if (pid !== undefined) return join(folder, `${pid}.sock`);
  const names = await readdir(folder).catch(() => [] as string[]);
  const sockets = names.filter((name) => /^\d+\.sock$/.test(name)).map((name) => join(folder, name));
  const found = await Promise.all(
    sockets.map(async (path) => ({ path, snapshot: await readSnapshot(path).catch(() => null) })),
  );
  const live = found.flatMap(({ path, snapshot }) => (snapshot === null ? [] : [{ path, snapshot }]));
  const [first] = live;
  if (first === undefined) {
    throw new CliError('No server of this user is running; start one with "quayside serve"');
  }
  if (live.length === 1) return first.path;
  const pids = live.map(({ snapshot }) => snapshot.pid).sort((a, b) => a - b);
  throw usageError(
    `Several servers are running: choose one with --pid <number>; there are ${pids.join(', ')}`,
  );
}

/** Rejects with a CliError if nobody answers there, or somebody else. */
export async function readSnapshot(path: string): Promise<AdminSnapshot> {
  const socket = connect(path);
  socket.setTimeout(ANSWER_TIME, () => socket.destroy(new Error('no answer came')));
  try {
    const snapshot = JSON.parse(await text(socket)) as AdminSnapshot;
    if (!Array.isArray(snapshot.listeners) || !Array.isArray(snapshot.connections))
      throw new Error('no snapshot');
    return snapshot;
  } catch (error) {
    const why = oneLine((error as Error).message);
    throw new CliError(`No server answers at ${path}: ${why}`, 1, error);
  }
}

/** Milliseconds. */
const ANSWER_TIME = 3000;
