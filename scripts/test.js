/**
 * Sets up, compiles what changed and runs a tier of the tests with `node --test`.
 *
 *   node scripts/test.js [fast|full|long|interop] [part of a path …] [--option-of-node …]
 *
 * Parts of paths choose files: `npm test -- unit/wire`. Options that begin with `--` go to `node --test`, for instance
 * `--test-name-pattern=C41`. Environment:
 *
 *   QUAYSIDE_SEEDS           seeds per scenario (fast 50, full and long 1000)
 *   QUAYSIDE_HOSTILE         hostile datagrams (fast 10000, full and long 200000)
 *   QUAYSIDE_NODE            the Node.js that runs the tests (this one)
 *   QUAYSIDE_ALLOWED_SKIPS   regular expressions, one a line: a skipped test that matches none is a failure
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { compile, stateOf, tests } from './lib/compile.js';
import { withLock } from './lib/lock.js';
import { filesBelow, root } from './lib/root.js';
import { setUp } from './setup.js';

const minute = 60_000;
const ordinary = ['unit', 'property', 'vectors', 'scenario', 'integration', 'types', 'compliance'];

/** What a tier runs, how much of it, and how long one test may take. */
const tiers = {
  fast: {
    folders: ordinary,
    extra: /^test\/interop\/quiche[^/]*\.test\.ts$/,
    seeds: 50,
    hostile: 10_000,
    limit: 3 * minute,
  },
  full: {
    folders: ordinary,
    extra: /^test\/interop\/quiche[^/]*\.test\.ts$/,
    seeds: 1000,
    hostile: 200_000,
    limit: 15 * minute,
  },
  long: { folders: ['long'], extra: null, seeds: 1000, hostile: 200_000, limit: 240 * minute },
  interop: { folders: ['interop'], extra: null, seeds: 50, hostile: 10_000, limit: 15 * minute },
};

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`test: ${error.message}\n`);
  process.exitCode = 1;
}

/** @param {string[]} words */
async function main(words) {
  const name = words[0] !== undefined && Object.hasOwn(tiers, words[0]) ? words.shift() : 'fast';
  const tier = tiers[name];
  const options = words.filter((word) => word.startsWith('--'));
  const filters = words.filter((word) => !word.startsWith('--')).map((word) => word.replaceAll('\\', '/'));

  setUp();
  const typeErrors = compileTests();
  const files = testFiles(tier).filter(
    (file) => filters.length === 0 || filters.some((part) => file.includes(part)),
  );
  if (files.length === 0) {
    process.stderr.write(
      `test: no test file of the tier "${name}"${filters.length ? ` matches ${filters.join(', ')}` : ''}\n`,
    );
    return filters.length ? 1 : 0;
  }
  const skipsFile = join(root, 'build', `.skips-${process.pid}.jsonl`);
  rmSync(skipsFile, { force: true });
  const code = await run(tier, options, files, skipsFile);
  const refused = tellSkips(skipsFile);
  if (typeErrors) {
    process.stderr.write(`\ntest: the tests ran, but types are wrong:\n${typeErrors}\n`);
    return 1;
  }
  return code || (refused ? 1 : 0);
}

function compileTests() {
  const state = stateOf(tests);
  if (state.fresh) return state.errors;
  const say = (text) => process.stderr.write(`quayside: ${text}\n`);
  return withLock(
    join(root, 'build', '.test-lock'),
    () => say('another process compiles the tests, waiting for it'),
    () => {
      const now = stateOf(tests);
      if (now.fresh) return now.errors;
      const started = performance.now();
      mkdirSync(join(root, 'build'), { recursive: true });
      const errors = compile(tests, now.signature);
      say(`compiled the tests in ${((performance.now() - started) / 1000).toFixed(1)} s`);
      return errors;
    },
  );
}

/** The sources decide, so that a compiled test without a source never runs. */
function testFiles({ folders, extra }) {
  const isTest = (path) => path.endsWith('.test.ts');
  const files = folders.flatMap((folder) => filesBelow(`test/${folder}`, isTest));
  if (extra) files.push(...filesBelow('test/interop', (path) => extra.test(path)));
  return files;
}

/** Ends with the exit code of `node --test`. */
function run(tier, options, files, skipsFile) {
  const node = process.env.QUAYSIDE_NODE || process.execPath;
  const compiled = files
    .map((file) => `build/${file.replace(/\.ts$/, '.js')}`)
    .filter((file) => existsSync(join(root, file)));
  const child = spawn(
    node,
    [
      '--enable-source-maps',
      '--test',
      `--test-concurrency=${Math.max(2, availableParallelism())}`,
      `--test-timeout=${tier.limit}`,
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
      `--test-reporter=${new URL('lib/skip-reporter.js', import.meta.url).href}`,
      `--test-reporter-destination=${skipsFile}`,
      ...options,
      ...compiled,
    ],
    {
      cwd: root,
      stdio: 'inherit',
      env: {
        ...process.env,
        QUAYSIDE_SEEDS: process.env.QUAYSIDE_SEEDS || String(tier.seeds),
        QUAYSIDE_HOSTILE: process.env.QUAYSIDE_HOSTILE || String(tier.hostile),
      },
    },
  );
  // Ctrl-C reaches the child by itself: here it is only waited for.
  const forward = (signal) => child.kill(signal);
  process.on('SIGINT', () => {});
  process.on('SIGTERM', forward);
  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new Error(`${node} could not be started: ${error.message}`)));
    child.on('exit', (code, signal) => {
      if (signal) process.stderr.write(`test: node was ended by ${signal}\n`);
      resolve(code ?? 1);
    });
  });
}

/** Says at the end what did not run, so that it cannot be overlooked. True when a skip is not on the list of allowed ones. */
function tellSkips(skipsFile) {
  if (!existsSync(skipsFile)) return false;
  const lines = readFileSync(skipsFile, 'utf8').split('\n').filter(Boolean);
  rmSync(skipsFile, { force: true });
  if (lines.length === 0) return false;
  const list = process.env.QUAYSIDE_ALLOWED_SKIPS;
  const allowed = (list ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
    .map((line) => new RegExp(line));
  let refused = 0;
  process.stdout.write(`\nSkipped:\n`);
  for (const line of lines) {
    const { title, file, reason } = JSON.parse(line);
    const text = `${
      file
        ? relative(root, file)
            .replaceAll('\\', '/')
            .replace(/^build\/|\.js$/g, '')
        : ''
    } › ${title}: ${reason || 'no reason given'}`;
    const bad = list !== undefined && !allowed.some((pattern) => pattern.test(text));
    if (bad) refused++;
    process.stdout.write(`  ${bad ? '✗ not allowed here: ' : '- '}${text}\n`);
  }
  if (refused) process.stderr.write(`test: ${refused} skipped tests are not on the list of allowed skips\n`);
  return refused > 0;
}
