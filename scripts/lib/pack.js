/** The package as users get it. */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setUp } from '../setup.js';
import { root } from './root.js';
import { npm } from './run.js';

/**
 * Builds what is stale and packs.
 * @returns {{ tarball: string, files: string[] }} absolute path of the tarball, and what is in it
 */
export function pack() {
  const { errors } = setUp({ build: true });
  if (errors) throw new Error(`the sources have type errors:\n${errors}`);
  const folder = join(root, 'build', 'pack', String(process.pid));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  // The build above is what the script `prepare` would make.
  const told = npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder]);
  const parsed = JSON.parse(told.slice(told.search(/[[{]/)));
  const [answer] = Array.isArray(parsed) ? parsed : Object.values(parsed);
  const [name] = readdirSync(folder);
  return { tarball: join(folder, name), files: answer.files.map(({ path }) => path) };
}

/** Removes what `pack` made. */
export function unpack() {
  rmSync(join(root, 'build', 'pack', String(process.pid)), { recursive: true, force: true });
}
