/** Every source file against the floors of the house: `node scripts/check-floors.js`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkFile } from './lib/floors.js';
import { filesBelow, root } from './lib/root.js';

const files = filesBelow('src', (path) => path.endsWith('.ts'));
const faults = files.flatMap((path) => checkFile(path, readFileSync(join(root, path), 'utf8')));
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exitCode = 1;
else console.log(`${files.length} files stand where they may`);
