#!/usr/bin/env node
/**
 * The command line's door. In a clone it first sets up what is missing (dependencies, build), then loads the program;
 * an installed package has no `scripts/` and loads at once.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 20 || (major === 20 && minor < 19)) {
  fail(`Node.js 20.19 or later is needed, this is ${process.version}`);
} else if (process.argv.length === 3 && ['--version', '-V', '-v'].includes(process.argv[2])) {
  console.log(JSON.parse(readFileSync(new URL('package.json', root), 'utf8')).version);
} else {
  try {
    await run();
  } catch (error) {
    fail(process.env.QUAYSIDE_DEBUG ? error.stack : error.message);
  }
}

async function run() {
  const setup = new URL('scripts/setup.js', root);
  if (existsSync(setup)) {
    const { setUp } = await import(setup.href);
    setUp({ build: true });
  }
  const program = new URL('dist/cli/main.js', root);
  if (!existsSync(program))
    throw new Error(`the command line is not built: ${fileURLToPath(program)} is missing`);
  const { main } = await import(program.href);
  const code = await main(process.argv.slice(2));
  if (typeof code === 'number') process.exitCode = code;
}

function fail(message) {
  process.stderr.write(`quayside: ${message}\n`);
  process.exitCode = 1;
}
