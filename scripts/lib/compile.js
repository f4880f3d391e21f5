/** Compiling only what changed: a stamp beside the output keeps the signature of the sources and the compiler's answer. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { filesBelow, root } from './root.js';

/**
 * @typedef {object} Target
 * @property {string} name what messages call it
 * @property {string} project the tsconfig, relative to the root
 * @property {string[]} sources folders whose `.ts` files count
 * @property {string} output the folder whose absence makes it stale
 * @property {string} stamp where its state is kept
 * @property {string[]} options further compiler options
 * @property {boolean} prune whether outputs without a source are removed
 */

/** @type {Target} */
export const distribution = {
  name: 'the library',
  project: 'tsconfig.build.json',
  sources: ['src'],
  output: 'dist',
  stamp: 'build/.dist.json',
  options: [],
  prune: true,
};

/** @type {Target} */
export const tests = {
  name: 'the tests',
  project: 'tsconfig.test.json',
  sources: ['src', 'test', 'bench'],
  output: 'build/test',
  stamp: 'build/.test.json',
  options: ['--incremental', '--tsBuildInfoFile', 'build/.test.tsbuildinfo'],
  prune: false,
};

/**
 * Whether the output is what the sources say, and what the compiler said about them.
 * @param {Target} target
 * @returns {{ fresh: boolean, signature: string, errors: string }}
 */
export function stateOf(target) {
  const signature = signatureOf(target);
  if (!existsSync(join(root, target.output))) return { fresh: false, signature, errors: '' };
  try {
    const stamp = JSON.parse(readFileSync(join(root, target.stamp), 'utf8'));
    return { fresh: stamp.signature === signature, signature, errors: stamp.errors };
  } catch {
    return { fresh: false, signature, errors: '' };
  }
}

/**
 * Compiles. Output is written even when types are wrong; the compiler's complaints come back.
 * @param {Target} target
 * @param {string} signature of the sources before compiling
 * @returns {string} the errors, empty when there are none
 */
export function compile(target, signature) {
  const output = join(root, target.output);
  if (!existsSync(output)) for (const file of buildInfo(target)) rmSync(join(root, file), { force: true });
  const compiler = join(root, 'node_modules/typescript/lib/tsc.js');
  const run = spawnSync(
    process.execPath,
    [compiler, '-p', target.project, '--pretty', 'false', ...target.options],
    {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  if (run.error) throw new Error(`the compiler could not be started: ${run.error.message}`);
  if (run.signal) throw new Error(`the compiler was ended by ${run.signal}`);
  if (run.status !== 0 && !existsSync(output)) {
    throw new Error(`compiling ${target.name} failed:\n${run.stdout}${run.stderr}`);
  }
  if (target.prune) prune(target);
  const errors = run.status === 0 ? '' : `${run.stdout}${run.stderr}`.trim();
  mkdirSync(dirname(join(root, target.stamp)), { recursive: true });
  writeFileSync(join(root, target.stamp), JSON.stringify({ signature, errors }));
  return errors;
}

/** @param {Target} target */
function signatureOf(target) {
  const hash = createHash('sha256');
  const sources = target.sources.flatMap((folder) => filesBelow(folder, (path) => path.endsWith('.ts')));
  for (const path of [...sources, 'tsconfig.json', target.project, 'package.json']) {
    const stat = statSync(join(root, path), { throwIfNoEntry: false });
    hash.update(`${path} ${stat?.mtimeMs} ${stat?.size}\n`);
  }
  return hash.digest('hex');
}

/** Outputs whose source is gone would otherwise travel in the package. @param {Target} target */
function prune(target) {
  const sources = new Set(filesBelow('src').map((path) => path.replace(/\.ts$/, '')));
  for (const path of filesBelow(target.output)) {
    const source = path.replace(target.output, 'src').replace(/(\.d\.ts|\.js)(\.map)?$/, '');
    if (!sources.has(source)) rmSync(join(root, path), { force: true });
  }
}

/** @param {Target} target */
function buildInfo(target) {
  const at = target.options.indexOf('--tsBuildInfoFile');
  return at < 0 ? [] : [target.options[at + 1]];
}
