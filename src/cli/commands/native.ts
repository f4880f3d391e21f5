// `quayside native`: builds the optional addon.

import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { CliError } from '../errors.ts';
import { buildAddon } from '../native/build-addon.ts';
import { note, print } from '../output.ts';

export function nativeCommand(): Command {
  const command = new Command('native').description('the optional addon that makes quayside faster');
  command
    .command('build')
    .description('compile the addon with the C compiler of this machine')
    .option('-o, --output <file>', 'where to write it (default: where quayside looks for it)')
    .option('--unchecked', 'do not load it afterwards, as for another system')
    .action(build);
  return command;
}

function build({ output, unchecked }: { output?: string; unchecked?: boolean }): void {
  const { file, compiler, headers } = buildAddon(output === undefined ? undefined : resolve(output));
  note(`built with ${compiler}, headers from ${headers}`);
  if (unchecked !== true) check(file);
  print(file);
}

/** Throws if the library does not take the addon. */
function check(file: string): void {
  // In a process of its own: an addon that crashes at load must not take this one with it.
  const { href } = new URL('../../index.js', import.meta.url);
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['-e', `import(${JSON.stringify(href)}).then((q) => console.log(JSON.stringify(q.nativeState())))`],
    { encoding: 'utf8', env: { ...process.env, QUAYSIDE_NATIVE: file } },
  );
  const state = stdout === '' ? null : (JSON.parse(stdout) as { state: string; reason: string });
  if (state?.state !== 'loaded')
    throw new CliError(
      `The addon was built but cannot be used: ${state?.reason ?? stderr.split('\n', 1)[0]}`,
    );
}
