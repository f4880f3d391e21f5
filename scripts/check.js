/**
 * Everything that is checked without running a test, a line each: `npm run check [name …]`. Names choose checks.
 */
import { availableParallelism } from 'node:os';
import { run } from './lib/run.js';
import { setUp } from './setup.js';

const node = process.execPath;

/** Name → program and arguments. The slow ones first, so that the others run beside them. */
const checks = {
  packaging: [node, 'scripts/check-packaging.js'],
  types: [node, 'node_modules/typescript/lib/tsc.js', '-p', 'tsconfig.json', '--noEmit', '--pretty', 'false'],
  scripts: [node, 'node_modules/typescript/lib/tsc.js', '-p', 'tsconfig.scripts.json', '--pretty', 'false'],
  'lint and format': [
    node,
    'node_modules/@biomejs/biome/bin/biome',
    'check',
    '--error-on-warnings',
    '--max-diagnostics=50',
    '.',
  ],
  floors: [node, 'scripts/check-floors.js'],
  sizes: [node, 'scripts/check-sizes.js'],
  documents: [node, 'scripts/generate-docs.js', '--check'],
  'WebAssembly module': [node, 'scripts/build-wasm.js', '--check'],
  tree: [node, 'scripts/check-tree.js'],
};

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`check: ${error.message}\n`);
  process.exitCode = 1;
}

/** @param {string[]} wanted */
async function main(wanted) {
  const wrong = wanted.find((name) => !Object.keys(checks).some((one) => one.startsWith(name)));
  if (wrong !== undefined) {
    process.stderr.write(
      `check: there is no check "${wrong}": allowed are ${Object.keys(checks).join(', ')}\n`,
    );
    return 2;
  }
  setUp();
  const started = performance.now();
  const waiting = Object.entries(checks).filter(
    ([name]) => wanted.length === 0 || wanted.some((start) => name.startsWith(start)),
  );
  /** @type {string[]} */
  const failed = [];
  await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, worker));
  const time = seconds(started);
  console.log(
    failed.length === 0 ? `✓ all checks passed in ${time}` : `✗ failed: ${failed.join(', ')} (${time})`,
  );
  return failed.length === 0 ? 0 : 1;

  async function worker() {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [name, [program, ...args]] = next;
      const begun = performance.now();
      const { code, output } = await run(program, args);
      const text = output.trim();
      const last = text.split('\n').at(-1) ?? '';
      if (code === 0) {
        console.log(`✓ ${name.padEnd(16)} ${seconds(begun)}${/^\d|^the /.test(last) ? `  ${last}` : ''}`);
      } else {
        failed.push(name);
        console.log(`✗ ${name.padEnd(16)} ${seconds(begun)}\n${text.replace(/^/gm, '    ')}`);
      }
    }
  }
}

/** @param {number} started */
function seconds(started) {
  return `${((performance.now() - started) / 1000).toFixed(1)} s`;
}
