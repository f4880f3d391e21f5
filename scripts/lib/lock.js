/** One process at a time: a folder as a lock, with the holder's process id in it. */
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Runs `work` while holding the lock. Waits for whoever holds it; takes it over from a process that is gone.
 * @template T
 * @param {string} folder absolute path of the lock
 * @param {() => void} waiting called once when another process holds it
 * @param {() => T} work synchronous
 * @returns {T}
 */
export function withLock(folder, waiting, work) {
  mkdirSync(dirname(folder), { recursive: true });
  let told = false;
  while (!acquire(folder)) {
    if (!told) waiting();
    told = true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
  try {
    return work();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {string} folder */
function acquire(folder) {
  try {
    mkdirSync(folder);
    writeFileSync(join(folder, 'pid'), String(process.pid));
    return true;
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code !== 'EEXIST' && code !== 'EPERM') throw error;
  }
  if (holderIsGone(folder)) {
    // Moved aside first, so that two waiters cannot both take it over.
    const aside = `${folder}.${process.pid}`;
    try {
      renameSync(folder, aside);
    } catch {
      return false;
    }
    rmSync(aside, { recursive: true, force: true });
  }
  return false;
}

/** @param {string} folder */
function holderIsGone(folder) {
  let pid = 0;
  try {
    pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
  } catch {
    // The holder has not written it yet, has just let go, or ended in between.
  }
  if (!(pid > 0)) {
    const stat = statSync(folder, { throwIfNoEntry: false });
    return stat !== undefined && Date.now() - stat.mtimeMs > 5000;
  }
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'ESRCH';
  }
}
