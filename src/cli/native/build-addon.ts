// Compiles the addon with the C compiler of this machine: one call, no build system. The sources come with the package,
// Node-API's two headers from wherever they are; everything else is found at load.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { CliError } from '../errors.ts';
import { packageRoot } from '../package-root.ts';

export interface BuiltAddon {
  readonly file: string;
  readonly compiler: string;
  readonly headers: string;
}

/**
 * Builds into `output`, by default where the library looks for it first. An addon that is there is replaced at once, so that
 * a process that runs keeps what it loaded.
 */
export function buildAddon(
  output: string = join(packageRoot(), 'build', 'native', 'quayside.node'),
): BuiltAddon {
  const sources = join(packageRoot(), 'native', 'src');
  if (process.platform === 'win32')
    throw new CliError('There is no addon for Windows yet: quayside works without it');
  const headers = headerFolder();
  const compiler = process.env.CC || 'cc';
  const files = readdirSync(sources).filter((name) => name.endsWith('.c'));
  const partial = `${output}.${process.pid}`;
  try {
    mkdirSync(dirname(output), { recursive: true });
  } catch (error) {
    throw new CliError(
      `The folder for ${output} could not be made: ${(error as Error).message}`,
      undefined,
      error,
    );
  }
  const { error, status, stderr } = spawnSync(
    compiler,
    [...FLAGS, ...PLATFORM_FLAGS, '-I', headers, '-o', partial, ...files.map((name) => join(sources, name))],
    { encoding: 'utf8' },
  );
  if (error !== undefined) {
    throw new CliError(
      `The C compiler "${compiler}" does not run (${error.message}); install one (Debian: apt-get install gcc libc6-dev) or name it in CC`,
      undefined,
      error,
    );
  }
  if (status !== 0) {
    rmSync(partial, { force: true });
    throw new CliError(`${compiler} could not build the addon:\n${stderr}`);
  }
  renameSync(partial, output);
  return { file: output, compiler, headers };
}

/** A folder with node_api.h. It is the same for all versions of Node.js that matter here. */
function headerFolder(): string {
  const places = [...headerPlaces()];
  const found = places.find((each) => existsSync(join(each, 'node_api.h')));
  if (found !== undefined) return found;
  throw new CliError(
    `No folder with node_api.h was found (looked in ${places.join(', ')}); install the headers with "npm install node-api-headers", or name a prefix that has include/node in npm_config_nodedir`,
  );
}

function* headerPlaces(): Generator<string> {
  const named = process.env.npm_config_nodedir;
  if (named) {
    yield join(named, 'include', 'node');
    yield join(named, 'src');
  }
  for (const base of [join(packageRoot(), 'package.json'), join(process.cwd(), 'package.json')]) {
    try {
      const manifest = createRequire(base).resolve('node-api-headers/package.json');
      yield join(dirname(manifest), 'include');
    } catch {
      // Not installed there.
    }
  }
  yield join(dirname(process.execPath), '..', 'include', 'node');
  // Where node-gyp keeps what it downloaded.
  yield join(homedir(), '.cache', 'node-gyp', process.versions.node, 'include', 'node');
  yield join(homedir(), 'Library', 'Caches', 'node-gyp', process.versions.node, 'include', 'node');
}

const FLAGS: readonly string[] = [
  '-std=gnu11',
  '-O3',
  '-fPIC',
  '-shared',
  '-fvisibility=hidden',
  '-Wall',
  '-Wextra',
  '-Werror=implicit-function-declaration',
];

/** Symbols of Node.js are there when the addon is loaded; only the linker of macOS wants to be told. */
const PLATFORM_FLAGS: readonly string[] =
  process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : ['-Wl,-z,relro,-z,now', '-s'];
