/**
 * What must not be in a tracked file: paths of one developer's machine, addresses of package mirrors. Nor in the lock file:
 * addresses of the packages, which differ from one place to the next. `node scripts/check-tree.js`
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './lib/root.js';
import { npm } from './lib/run.js';

// Spelt in pieces, because this file is tracked too.
const words = [
  ['/', 'work', '/'],
  ['/', 'farm', '/'],
  ['.', 'library', '/'],
  ['/', 'root', '/'],
  ['/', 'Users', '/'],
  ['/tmp/', 'spec'],
  ['C:', '\\Users'],
].map((pieces) => pieces.join(''));
const home = new RegExp(['/', 'home', '/[a-z]'].join(''));

const listed = spawnSync('git', ['ls-files', '-z'], {
  cwd: root,
  encoding: 'utf8',
  maxBuffer: 64 * 1024 * 1024,
});
if (listed.status !== 0) {
  console.log('no git repository here: nothing is tracked');
} else {
  const mirror = mirrorHost();
  let faults = 0;
  const files = listed.stdout.split('\0').filter(Boolean);
  for (const path of files) {
    const stat = statSync(join(root, path), { throwIfNoEntry: false });
    if (!stat?.isFile()) continue;
    const text = readFileSync(join(root, path), 'latin1');
    for (const [index, line] of text.split('\n').entries()) {
      const word =
        words.find((one) => line.includes(one)) ??
        home.exec(line)?.[0] ??
        (mirror && line.includes(mirror) ? mirror : '');
      if (word) {
        console.error(`${path}:${index + 1} contains "${word}", which belongs to one machine`);
        faults++;
      }
    }
    if (path === 'package-lock.json' && /"resolved":/.test(text)) {
      console.error(
        `${path} contains addresses of packages: npm install with omit-lockfile-registry-resolved=true`,
      );
      faults++;
    }
  }
  if (faults > 0) process.exitCode = 1;
  else console.log(`${files.length} tracked files are clean`);
}

/** The host of the registry in use, when it is not the public one. */
function mirrorHost() {
  try {
    const { host, hostname } = new URL(
      npm(['config', 'get', 'registry'], { stdio: ['ignore', 'pipe', 'ignore'] }).trim(),
    );
    if (hostname === 'registry.npmjs.org') return '';
    return ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
      ? host === hostname
        ? ''
        : host
      : hostname;
  } catch {
    return '';
  }
}
