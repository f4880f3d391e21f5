/**
 * What is in the package, and whether every kind of consumer finds its types and code in it:
 * `node scripts/check-packaging.js`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pack, unpack } from './lib/pack.js';
import { root } from './lib/root.js';
import { run } from './lib/run.js';

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const needed = [
  'LICENSE',
  'README.md',
  'CHANGELOG.md',
  'package.json',
  'bin/quayside.js',
  'native/src/addon.c',
];
const allowed =
  /^(?:bin\/quayside\.js|(?:demo|dist|src)\/.+|native\/src\/[^/]+\.[ch]|prebuilds\/[^/]+\/quayside\.node|LICENSE|README\.md|CHANGELOG\.md|package\.json)$/;
const forbidden = /(?:^|\/)(?:test|tests|bench|scripts|build|node_modules)\/|\.test\.|\.tsbuildinfo$/;
const faults = [];

try {
  for (const [name, target] of Object.entries(manifest.scripts)) {
    if (['preinstall', 'install', 'postinstall'].includes(name))
      faults.push(`package.json has an install script: ${target}`);
  }
  if (existsSync(join(root, 'binding.gyp')))
    faults.push('binding.gyp in the root makes npm compile at every install');
  const { tarball, files } = pack();
  for (const file of needed) if (!files.includes(file)) faults.push(`the package lacks ${file}`);
  for (const file of files) {
    if (!allowed.test(file) || forbidden.test(file)) faults.push(`the package contains ${file}`);
  }
  for (const [name, target] of Object.entries(manifest.exports)) {
    const paths = typeof target === 'string' ? [target] : Object.values(target);
    for (const path of paths) {
      if (!files.includes(path.replace('./', '')))
        faults.push(`exports["${name}"] leads to ${path}, which is not in the package`);
    }
  }
  // `esm-only`: no CommonJS build; require() loads the same modules from Node.js 20.19 on.
  /** @type {[string, string[]][]} */
  const tools = [
    ['publint', ['node_modules/publint/src/cli.js', 'run', tarball, '--strict']],
    [
      'attw',
      [
        'node_modules/@arethetypeswrong/cli/dist/index.js',
        tarball,
        '--profile',
        'esm-only',
        '--no-color',
        '--no-emoji',
      ],
    ],
  ];
  for (const [name, args] of tools) {
    const { code, output } = await run(process.execPath, args);
    if (code !== 0) faults.push(`${name}:\n${output.trim()}`);
  }
  console.log(`${files.length} files in the package`);
} catch (error) {
  faults.push(error.message);
} finally {
  unpack();
}
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exitCode = 1;
