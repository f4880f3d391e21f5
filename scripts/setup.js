/**
 * Makes a clone ready: installs the dependencies and builds the library when they are missing or out of date. Quick when
 * there is nothing to do, and safe when several processes ask at once. Shared by `bin/quayside.js`, the test runner and
 * the checks.
 *
 *   node scripts/setup.js [dependencies] [build] [--force]
 *
 * Everything it says goes to standard error, so that the output of a command stays clean.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { wasmIsFresh } from './build-wasm.js';
import { compile, distribution, stateOf } from './lib/compile.js';
import { withLock } from './lib/lock.js';
import { root } from './lib/root.js';

const lock = join(root, 'build', '.setup-lock');

/**
 * @param {{ build?: boolean, force?: boolean }} [wanted] `build`: the library too, not the dependencies alone
 * @returns {{ errors: string }} the compiler's complaints about the library, empty when there are none
 */
export function setUp({ build = false, force = false } = {}) {
  // Set while npm runs below: a `prepare` script that comes back here must not wait for its own parent.
  if (process.env.QUAYSIDE_SETTING_UP) return { errors: '' };
  const ready = () =>
    dependenciesAreReady() && wasmIsFresh() && (!build || (!force && stateOf(distribution).fresh));
  if (ready()) return { errors: build ? stateOf(distribution).errors : '' };
  return withLock(
    lock,
    () => say('another process is setting up, waiting for it'),
    () => {
      if (!dependenciesAreReady()) installDependencies();
      if (!wasmIsFresh()) compileWasm();
      if (!build) return { errors: '' };
      const state = stateOf(distribution);
      if (state.fresh && !force) return { errors: state.errors };
      const started = performance.now();
      const errors = compile(distribution, state.signature);
      say(`built in ${seconds(started)}`);
      if (errors) say(`the sources have type errors, first of them:\n  ${errors.split('\n', 1)[0]}`);
      return { errors };
    },
  );
}

/** Whether what the lock file asks for is what is installed. Optional packages may be missing. */
export function dependenciesAreReady() {
  const wanted = join(root, 'package-lock.json');
  const installed = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installed)) return false;
  if (!existsSync(wanted) || statSync(wanted).mtimeMs <= statSync(installed).mtimeMs) return true;
  const there = JSON.parse(readFileSync(installed, 'utf8')).packages;
  return Object.entries(JSON.parse(readFileSync(wanted, 'utf8')).packages).every(
    ([path, entry]) =>
      path === '' ||
      (there[path]
        ? there[path].version === entry.version
        : entry.optional || entry.devOptional || entry.peer),
  );
}

function installDependencies() {
  const started = performance.now();
  const fresh = !existsSync(join(root, 'node_modules'));
  // `npm ci` empties node_modules first: with one already there, only the differences are installed.
  const [first, second] = fresh ? ['ci', 'install'] : ['install', 'ci'];
  say(`installing the dependencies (npm ${first}) …`);
  if (!npm(first)) {
    say(`npm ${first} failed, trying npm ${second} …`);
    if (!npm(second)) {
      throw new Error(
        'the dependencies could not be installed: npm says why above. The first run needs the network.',
      );
    }
  }
  say(`installed in ${seconds(started)}`);
}

function compileWasm() {
  const started = performance.now();
  // In a process of its own: AssemblyScript answers in a promise, and those who set up wait here.
  const run = spawnSync(process.execPath, [join(root, 'scripts/build-wasm.js')], { stdio: ['ignore', 2, 2] });
  if (run.status !== 0) throw new Error('wasm/ could not be compiled: what is wrong stands above');
  say(`compiled wasm/ in ${seconds(started)}`);
}

/** @param {string} command */
function npm(command) {
  // No dependency needs an install script.
  const options = [command, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const cli = process.env.npm_execpath;
  const known = cli?.endsWith('.js') && existsSync(cli);
  const run = spawnSync(known ? process.execPath : 'npm', known ? [cli, ...options] : options, {
    cwd: root,
    // Both outputs go to our standard error.
    stdio: ['ignore', 2, 2],
    shell: !known && process.platform === 'win32',
    env: { ...process.env, QUAYSIDE_SETTING_UP: '1' },
  });
  if (run.error) throw new Error(`npm could not be started: ${run.error.message}`);
  return run.status === 0;
}

/** @param {string} text */
function say(text) {
  process.stderr.write(`quayside: ${text}\n`);
}

/** @param {number} started */
function seconds(started) {
  return `${((performance.now() - started) / 1000).toFixed(1)} s`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const words = process.argv.slice(2);
  const unknown = words.find((word) => !['dependencies', 'build', '--force'].includes(word));
  if (unknown !== undefined) {
    say(`unknown word "${unknown}": allowed are dependencies, build, --force`);
    process.exitCode = 2;
  } else {
    try {
      const { errors } = setUp({ build: words.includes('build'), force: words.includes('--force') });
      if (errors) {
        process.stderr.write(`${errors}\n`);
        process.exitCode = 1;
      }
    } catch (error) {
      say(error.message);
      process.exitCode = 1;
    }
  }
}
