/** The folder of the project, and walking in it. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Absolute path of the clone, without a slash at the end. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '');

/**
 * Every file below a folder, as paths relative to the root with forward slashes, sorted. A folder that does not exist has
 * none.
 * @param {string} folder relative to the root
 * @param {(path: string) => boolean} [wanted]
 * @returns {string[]}
 */
export function filesBelow(folder, wanted = () => true) {
  /** @type {string[]} */
  const found = [];
  collect(folder, found);
  return found.filter(wanted).sort();
}

/** @param {string} folder @param {string[]} found */
function collect(folder, found) {
  let entries;
  try {
    entries = readdirSync(join(root, folder), { withFileTypes: true });
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return;
    throw error;
  }
  for (const entry of entries) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      if (entry.name !== 'node_modules') collect(path, found);
    } else found.push(path);
  }
}
