/**
 * Compiles `wasm/` with AssemblyScript and writes the result, as base64 in a module, where the library loads it: no file is
 * read at run time, so that bundlers and both module systems need nothing special. `node scripts/build-wasm.js [--check]`
 *
 * The module names the hash of what it was made from, so that setting up a clone compiles only what changed.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './lib/root.js';

const source = 'wasm/chacha20-poly1305.ts';
const output = 'src/crypto/chacha20-module.ts';
/** By name only: its type declarations change `console` for whoever imports it. */
const compiler = 'assemblyscript/asc';
const options = ['--enable', 'simd', '--runtime', 'stub', '-O3', '--noAssert', '--converge'];

/** Whether the module was made from what is in `wasm/` now. */
export function wasmIsFresh() {
  const path = join(root, output);
  return existsSync(path) && readFileSync(path, 'utf8').includes(hashOfSource());
}

/** Writes the module. */
export async function buildWasm() {
  writeFileSync(join(root, output), await moduleText());
}

async function moduleText() {
  const { default: asc } = await import(compiler);
  /** @type {Buffer | null} */
  let binary = null;
  const { error, stderr } = await asc.main([source, ...options, '--outFile', 'module.wasm'], {
    readFile: (/** @type {string} */ name) => {
      const path = join(root, name);
      return existsSync(path) ? readFileSync(path, 'utf8') : null;
    },
    writeFile: (/** @type {string} */ _name, /** @type {Uint8Array} */ contents) => {
      binary = Buffer.from(contents);
    },
    listFiles: () => [],
  });
  if (error) throw new Error(`${source} does not compile: ${error.message}\n${stderr}`);
  return `// Made from ${source} by scripts/build-wasm.js (sha256 ${hashOfSource()}).
// Do not edit.

/** ChaCha20-Poly1305 as WebAssembly with 128-bit SIMD, in base64. */
export const CHACHA20_MODULE: string =
  '${binary.toString('base64')}';
`;
}

function hashOfSource() {
  const text = readFileSync(join(root, source), 'utf8').replaceAll('\r\n', '\n');
  return createHash('sha256').update(text).update(options.join(' ')).digest('hex');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!process.argv.includes('--check')) await buildWasm();
  else if (readFileSync(join(root, output), 'utf8') !== (await moduleText())) {
    console.error(`${output} is not what ${source} says: run node scripts/build-wasm.js and commit it`);
    process.exitCode = 1;
  } else console.log('the WebAssembly module is what its source says');
}
