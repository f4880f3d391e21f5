// Where the package lies, wherever this file was compiled to, and what is in its manifest.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder with the package's own package.json. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    if (existsSync(join(folder, 'package.json')) && manifestIn(folder).name === 'quayside') return folder;
    const above = dirname(folder);
    if (above === folder)
      throw new Error('The package quayside is not complete: its package.json is missing');
    folder = above;
  }
}

export function packageVersion(): string {
  return manifestIn(packageRoot()).version;
}

function manifestIn(folder: string): { name: string; version: string } {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name: string; version: string };
}
