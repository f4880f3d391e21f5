/** No source file grows beyond its limit: `node scripts/check-sizes.js`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesBelow, root } from './lib/root.js';

/** Lines a file in `src/` may have at most. */
const LIMIT = 500;

/** Files with a limit of their own. */
const LIMITS = { 'src/connection/connection.ts': 449 };

let faults = 0;
let longest = { path: '', lines: 0 };
for (const path of filesBelow('src')) {
  const lines = readFileSync(join(root, path), 'utf8').replace(/\n$/, '').split('\n').length;
  const limit = LIMITS[path] ?? LIMIT;
  if (lines > longest.lines) longest = { path, lines };
  if (lines > limit) {
    console.error(`${path} has ${lines} lines, ${limit} are allowed: split off a part`);
    faults++;
  }
}
if (faults > 0) process.exitCode = 1;
else console.log(`the longest is ${longest.path} with ${longest.lines} lines`);
