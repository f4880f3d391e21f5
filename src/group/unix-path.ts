// The file of a Unix socket: published only when the socket listens and has its rights, never in the place of a socket that
// is alive, and removed only if it is still ours. The system's own way, bind and unlink by name, can do none of the three.

import { randomBytes } from 'node:crypto';
import { chmod, link, lstat, rename, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { quicError } from '../errors.ts';
import { systemErrorCode } from '../udp/socket.ts';

/** What tells one file from another that took its name. */
interface FileIdentity {
  readonly dev: number;
  readonly ino: number;
}

/** A short name in the folder of `path` that nobody else uses: the system allows a hundred bytes or so in all. */
export function besidePath(path: string): string {
  return join(dirname(path), `~${randomBytes(4).toString('hex')}`);
}

/**
 * Gives the listening socket at `temporary` the name `path`, and the rights `mode`. Rejects with ERR_QUIC_BIND if there is
 * something already: only with `force`, and only if it is a socket on which nobody listens, it is replaced.
 */
export async function publish(
  temporary: string,
  path: string,
  mode: number | undefined,
  force: boolean,
): Promise<FileIdentity> {
  if (mode !== undefined) await chmod(temporary, mode);
  const { dev, ino } = await lstat(temporary);
  if (force) await removeStale(path);
  try {
    // Fails if the name is taken, unlike `rename`: whoever was first has it.
    await link(temporary, path);
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
    throw quicError('ERR_QUIC_BIND', { message: `Cannot bind ${path}: ${await whatIs(path)}`, cause: error });
  } finally {
    await unlink(temporary);
  }
  return { dev, ino };
}

/** Removes the file if it is the one that was published. */
export async function unpublish(path: string, published: FileIdentity): Promise<void> {
  const found = await lstat(path).catch(() => null);
  if (found !== null && found.dev === published.dev && found.ino === published.ino) {
    await unlink(path).catch(() => {});
  }
}

async function removeStale(path: string): Promise<void> {
  const before = await lstat(path).catch(() => null);
  if (before === null || !before.isSocket() || (await isAlive(path))) return;
  // Taken aside first, then looked at: in between somebody else may have put a live one there.
  const aside = besidePath(path);
  await rename(path, aside);
  const taken = await lstat(aside);
  if (taken.ino !== before.ino || taken.dev !== before.dev) await link(aside, path).catch(() => {});
  await unlink(aside);
}

async function whatIs(path: string): Promise<string> {
  const found = await lstat(path).catch(() => null);
  if (found === null) return 'somebody else was faster';
  if (!found.isSocket()) return 'there is a file of this name that is no socket';
  if (await isAlive(path)) return 'somebody listens there (EADDRINUSE)';
  return 'there is a stale socket (EADDRINUSE); the option force removes it';
}

/** Whether somebody listens. In doubt, yes. */
function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) => resolve(systemErrorCode(error) !== 'ECONNREFUSED'));
  });
}
