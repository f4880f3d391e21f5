/**
 * A step of a release: builds the addon for the systems that this machine has compilers for, into `prebuilds/`, from where
 * the package carries it to those who have none: `npm run build:prebuilds`.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './lib/root.js';

const targets = [
  {
    name: 'linux-x64',
    compilers: process.arch === 'x64' ? ['cc', 'x86_64-linux-gnu-gcc'] : ['x86_64-linux-gnu-gcc'],
  },
  {
    name: 'linux-arm64',
    compilers: process.arch === 'arm64' ? ['cc', 'aarch64-linux-gnu-gcc'] : ['aarch64-linux-gnu-gcc'],
  },
  {
    name: 'linux-x64-musl',
    compilers: process.arch === 'x64' ? ['musl-gcc', 'x86_64-linux-musl-gcc'] : ['x86_64-linux-musl-gcc'],
  },
];

let built = 0;
for (const { name, compilers } of process.platform === 'linux' ? targets : []) {
  const compiler = compilers.find((each) => spawnSync(each, ['--version']).status === 0);
  if (compiler === undefined) {
    console.log(`- ${name}: skipped, none of ${compilers.join(', ')} is here`);
    continue;
  }
  const output = join(root, 'prebuilds', name, 'quayside.node');
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(root, 'bin', 'quayside.js'), 'native', 'build', '--unchecked', '--output', output],
    { env: { ...process.env, CC: compiler }, encoding: 'utf8' },
  );
  console.log(`${status === 0 ? '✓' : '✗'} ${name}: ${status === 0 ? output : stderr}`);
  if (status !== 0) process.exitCode = 1;
  else built++;
}
if (built === 0) process.exitCode = 1;
