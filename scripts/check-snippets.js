/**
 * Runs the examples in README.md and docs/ against the built library: `node scripts/check-snippets.js [file …]`.
 *
 * A fenced block counts when its info string says so:
 *
 *   ```js run                 runs alone and must end by itself with exit code 0
 *   ```ts run                 the same, and its types are checked
 *   ```js run group=hello     blocks of one group run at the same time in one folder, each started when the one before has
 *                             printed a line; the last one must end with 0, the others are then asked to end (SIGTERM)
 *
 * The blocks import `quayside` by its name. A block has 30 seconds.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { filesBelow, root } from './lib/root.js';
import { run } from './lib/run.js';
import { setUp } from './setup.js';

const limit = 30_000;
const folder = join(root, 'build', 'snippets');

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`check-snippets: ${error.message}\n`);
  process.exitCode = 1;
}

/** @param {string[]} wanted */
async function main(wanted) {
  const missing = wanted.find((path) => !existsSync(join(root, path)));
  if (missing !== undefined) throw new Error(`there is no file ${missing}`);
  const all = [
    'README.md',
    'ARCHITECTURE.md',
    'CONTRIBUTING.md',
    ...filesBelow('docs', (path) => path.endsWith('.md')),
  ];
  const files = (wanted.length ? wanted : all).filter(
    (path) => existsSync(join(root, path)) && !path.startsWith('docs/reference/'),
  );
  const groups = files.flatMap(groupsIn);
  if (groups.length === 0) {
    console.log('no examples are marked to be run');
    return 0;
  }
  const { errors } = setUp({ build: true });
  if (errors) throw new Error(`the sources have type errors:\n${errors}`);
  rmSync(folder, { recursive: true, force: true });
  let faults = 0;
  for (const [at, group] of groups.entries()) {
    const place = join(folder, String(at));
    mkdirSync(place, { recursive: true });
    const started = performance.now();
    const fault = (await write(group, place)) || (await runGroup(group, place));
    if (fault) faults++;
    const where = group.map(({ path, line }) => `${path}:${line}`).join(' + ');
    console.log(
      `${fault ? '✗' : '✓'} ${where}, ${((performance.now() - started) / 1000).toFixed(1)} s${fault ? `\n${fault.replace(/^/gm, '    ')}` : ''}`,
    );
  }
  console.log(`${groups.length} examples, ${faults} failed`);
  return faults > 0 ? 1 : 0;
}

/**
 * @typedef {{ path: string, line: number, language: string, text: string, file: string }} Snippet
 * @param {string} path
 * @returns {Snippet[][]} blocks that run together
 */
function groupsIn(path) {
  const text = readFileSync(join(root, path), 'utf8').replaceAll('\r\n', '\n');
  /** @type {Map<string, Snippet[]>} */
  const groups = new Map();
  for (const match of text.matchAll(/^```(js|ts) ([^\n]*)\n([\s\S]*?)^```$/gm)) {
    const [whole, language, info, body] = match;
    const marks = info.trim().split(/\s+/);
    if (!marks.includes('run')) continue;
    const line = text.slice(0, match.index).split('\n').length;
    const name = marks.find((mark) => mark.startsWith('group='));
    const wrong = marks.find((mark) => mark !== 'run' && mark !== name);
    if (wrong !== undefined)
      throw new Error(`${path}:${line} unknown mark "${wrong}" in "${whole.split('\n')[0]}"`);
    const key = name ?? `line ${line}`;
    const group = groups.get(key) ?? [];
    group.push({
      path,
      line,
      language,
      text: body,
      file: `part-${group.length}.${language === 'ts' ? 'mts' : 'mjs'}`,
    });
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** Writes the blocks as modules; types of TypeScript are checked. @param {Snippet[]} group @param {string} place */
async function write(group, place) {
  const typed = group.filter(({ language }) => language === 'ts');
  for (const { file, text } of group) writeFileSync(join(place, file), text);
  if (typed.length === 0) return '';
  const compilerOptions = {
    strict: true,
    module: 'nodenext',
    target: 'es2022',
    lib: ['es2023', 'dom', 'dom.asynciterable', 'esnext.disposable'],
    types: ['node'],
    noEmit: true,
    skipLibCheck: true,
  };
  writeFileSync(
    join(place, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: typed.map(({ file }) => file) }),
  );
  const compiler = join(root, 'node_modules/typescript/lib/tsc.js');
  const { code, output } = await run(process.execPath, [compiler, '-p', '.', '--pretty', 'false'], {
    cwd: place,
  });
  if (code !== 0) return output.trim();
  for (const { file, text } of typed) {
    const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
    writeFileSync(
      join(place, file.replace('.mts', '.mjs')),
      ts.transpileModule(text, { compilerOptions: options }).outputText,
    );
  }
  return '';
}

/** What went wrong, or an empty string. @param {Snippet[]} group @param {string} place */
async function runGroup(group, place) {
  const parts = [];
  try {
    for (const { file } of group) {
      const part = start(join(place, file.replace('.mts', '.mjs')), place);
      parts.push(part);
      if (parts.length < group.length) {
        const first = await Promise.race([part.speaks, part.ended]);
        if (typeof first === 'number' && first !== 0) return `${file} ended with ${first}\n${part.output()}`;
      }
    }
    const last = parts.at(-1);
    const code = await last.ended;
    if (code === 0) return '';
    const outputs = parts.map((part, at) => `${group[at].file}:\n${part.output()}`).join('\n');
    return `${code === null ? `did not end within ${limit / 1000} s` : `exit code ${code}`}\n${outputs}`;
  } finally {
    await Promise.all(parts.map((part) => part.stop()));
  }
}

/** @param {string} file @param {string} cwd */
function start(file, cwd) {
  const child = spawn(process.execPath, [file], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let timedOut = false;
  const speaks = new Promise((resolve) => {
    const take = (data) => {
      output += data;
      if (output.includes('\n')) resolve('spoke');
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
  });
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, limit);
  const ended = new Promise((resolve) => {
    child.on('error', (error) => {
      output += error.message;
      resolve(127);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve(timedOut ? null : (code ?? 1));
    });
  });
  const stop = () => {
    child.kill('SIGTERM');
    return ended;
  };
  return { speaks, ended, stop, output: () => output };
}
