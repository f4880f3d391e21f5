/**
 * Installs the packed tarball, with install scripts ignored, into an ESM, a CommonJS and a TypeScript consumer, and lets
 * each import every entry: `node scripts/check-package.js`.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack, unpack } from './lib/pack.js';
import { root } from './lib/root.js';
import { npm, run } from './lib/run.js';

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const entries = Object.keys(manifest.exports)
  .filter((name) => name !== './package.json')
  .map((name) => name.replace(/^\./, 'quayside'));

/** Something small to do with an entry, so that its code runs. `entry` is the imported namespace. */
const trials = {
  quayside: `for (const name of ['connect', 'listen']) if (typeof entry[name] !== 'function') throw new Error(name + ' is missing');`,
  'quayside/core': `if (Object.keys(entry).length === 0) throw new Error('the core exports nothing');`,
  'quayside/group': `new entry.ListenGroup({ connected: () => null });`,
  'quayside/metrics': `if (entry.prometheusText([]) !== '') throw new Error('metrics came out of nothing');`,
  'quayside/sim': `new entry.VirtualClock();`,
  'quayside/pki': `const made = await entry.makeCertificate({ subject: 'localhost', names: ['localhost'] }); if (!String(made.pem ?? made.cert ?? '').includes('BEGIN CERTIFICATE')) throw new Error('no certificate came out');`,
};

const consumers = [
  {
    name: 'ESM',
    type: 'module',
    file: 'main.mjs',
    text: entries
      .map(
        (name, at) =>
          `import * as entry${at} from '${name}';\n{ const entry = entry${at}; ${trials[name] ?? ''} }`,
      )
      .concat("console.log('ok');")
      .join('\n'),
  },
  {
    name: 'CommonJS',
    type: 'commonjs',
    file: 'main.cjs',
    text: `(async () => {\n${entries
      .map((name) => `{ const entry = require('${name}'); ${trials[name] ?? ''} }`)
      .join('\n')}\nconsole.log('ok');\n})();`,
  },
  {
    name: 'TypeScript',
    type: 'module',
    file: 'main.mts',
    text: entries
      .map(
        (name, at) =>
          `import * as entry${at} from '${name}';\nexport const names${at}: string[] = Object.keys(entry${at});`,
      )
      .concat("console.log('ok');")
      .join('\n'),
  },
];

const folder = mkdtempSync(join(tmpdir(), 'quayside-package-'));
let faults = 0;
try {
  const { tarball } = pack();
  for (const consumer of consumers) {
    const started = performance.now();
    const fault = await tryConsumer(consumer, tarball);
    if (fault) faults++;
    const time = `${((performance.now() - started) / 1000).toFixed(1)} s`;
    console.log(
      `${fault ? '✗' : '✓'} ${consumer.name} consumer, ${time}${fault ? `\n${fault.replace(/^/gm, '    ')}` : ''}`,
    );
  }
} catch (error) {
  console.error(`check-package: ${error.message}`);
  faults++;
} finally {
  unpack();
  rmSync(folder, { recursive: true, force: true });
}
if (faults > 0) process.exitCode = 1;

/** What went wrong, or an empty string. */
async function tryConsumer({ name, type, file, text }, tarball) {
  const place = join(folder, name);
  mkdirSync(place);
  writeFileSync(join(place, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type }));
  writeFileSync(join(place, file), text);
  try {
    npm(
      [
        'install',
        tarball,
        '--ignore-scripts',
        '--prefer-offline',
        '--no-audit',
        '--no-fund',
        '--loglevel=error',
      ],
      { cwd: place },
    );
  } catch (error) {
    return error.message;
  }
  let program = file;
  if (file.endsWith('.mts')) {
    // The compiler and Node's types are those of this project: a consumer brings its own.
    const types = join(place, 'node_modules', '@types');
    mkdirSync(types, { recursive: true });
    cpSync(join(root, 'node_modules/@types/node'), join(types, 'node'), { recursive: true });
    const dependency = join(root, 'node_modules/undici-types');
    if (existsSync(dependency))
      cpSync(dependency, join(place, 'node_modules/undici-types'), { recursive: true });
    const options = {
      strict: true,
      module: 'nodenext',
      target: 'es2022',
      types: ['node'],
      lib: ['es2023', 'dom', 'esnext.disposable'],
    };
    writeFileSync(join(place, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: [file] }));
    const compiler = join(root, 'node_modules/typescript/lib/tsc.js');
    const { code, output } = await run(process.execPath, [compiler, '-p', '.', '--pretty', 'false'], {
      cwd: place,
    });
    if (code !== 0) return output.trim();
    program = file.replace('.mts', '.mjs');
  }
  const { code, output } = await run(process.execPath, [program], { cwd: place });
  if (code !== 0 || !output.includes('ok')) return output.trim() || `exit code ${code}`;
  if (name === 'ESM') {
    const version = await run(process.execPath, ['node_modules/quayside/bin/quayside.js', '--version'], {
      cwd: place,
    });
    if (version.output.trim() !== manifest.version)
      return `quayside --version printed: ${version.output.trim()}`;
    const help = await run(process.execPath, ['node_modules/quayside/bin/quayside.js', '--help'], {
      cwd: place,
    });
    if (help.code !== 0) return `quayside --help: ${help.output.trim()}`;
  }
  return '';
}
