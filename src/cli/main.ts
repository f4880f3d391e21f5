// The program: its commands, its help, and how it ends. One line for each error, and an exit code; see errors.ts.

import { Command, CommanderError, Option } from 'commander';
import { cidCommand } from './commands/cid.ts';
import { devCertCommand } from './commands/dev-cert.ts';
import { doctorCommand } from './commands/doctor.ts';
import { getCommand } from './commands/get.ts';
import { nativeCommand } from './commands/native.ts';
import { perfCommand } from './commands/perf.ts';
import { qlogCommand } from './commands/qlog.ts';
import { serveCommand } from './commands/serve.ts';
import { topCommand } from './commands/top.ts';
import { describeError, ExitCode, exitCodeOf, usageError } from './errors.ts';
import { paint } from './output.ts';
import { packageVersion } from './package-root.ts';

/** Runs the command line `argv` (without node and script) and gives the exit code. Never rejects. */
export async function main(argv: string[]): Promise<number> {
  const onError = (error: NodeJS.ErrnoException) => {
    // Whoever read our output is gone (`quayside get … | head`): whoever writes next hears of it.
    if (error.code !== 'EPIPE') throw error;
  };
  process.stdout.on('error', onError);
  try {
    await program().parseAsync(argv, { from: 'user' });
    return ExitCode.OK;
  } catch (error) {
    return fail(error, argv);
  } finally {
    process.stdout.off('error', onError);
  }
}

function program(): Command {
  const root = new Command('quayside')
    .description('QUIC for Node.js: servers, downloads, measurements')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpCommand('help [command]', 'print help for a command')
    .addOption(new Option('--verbose', 'print the stack of errors'));
  const commands = [
    serveCommand(),
    getCommand(),
    perfCommand(),
    devCertCommand(),
    cidCommand(),
    qlogCommand(),
    doctorCommand(),
    topCommand(),
    nativeCommand(),
  ];
  for (const command of commands) root.addCommand(command);
  prepare(root);
  root.addHelpText('after', AFTER_HELP);
  return root;
}

/** All commands throw instead of ending the process, and leave the printing of errors to `fail`. */
function prepare(command: Command): void {
  command.exitOverride((error) => {
    throw translated(error, command);
  });
  command.configureOutput({ outputError: () => {} });
  command.commands.forEach(prepare);
}

/** Commander's words with what is allowed added where they lack it. */
function translated(error: CommanderError, command: Command): Error {
  if (error.exitCode === 0) return error;
  // Help that stands in for a missing command was printed already.
  if (error.code === 'commander.help') return error;
  const message = error.message.replace(/^error: /, '').replace(/\.$/, '');
  if (error.code === 'commander.unknownOption') {
    const names = command.options.map((option) => option.long ?? option.flags);
    return usageError(`${message}; allowed are ${[...names, '--verbose', '--help'].join(', ')}`, error);
  }
  if (error.code === 'commander.unknownCommand') {
    const names = command.commands.map((each) => each.name());
    return usageError(`${message}; allowed are ${[...names, 'help'].join(', ')}`, error);
  }
  return usageError(`${message}; see "${nameOf(command)} --help"`, error);
}

function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}

function fail(error: unknown, argv: readonly string[]): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE;
  process.stderr.write(`${paint('red', 'quayside:', process.stderr)} ${describeError(error)}\n`);
  if (wantsStack(argv)) process.stderr.write(`${stackOf(error)}\n`);
  return exitCodeOf(error);
}

function wantsStack(argv: readonly string[]): boolean {
  const debug = (process.env.NODE_DEBUG ?? '').toLowerCase().split(',');
  return argv.includes('--verbose') || debug.includes('quayside');
}

function stackOf(error: unknown): string {
  const stacks: string[] = [];
  for (let at = error; at instanceof Error && stacks.length < 5; at = at.cause)
    stacks.push(at.stack ?? String(at));
  return stacks.join('\ncaused by ');
}

const AFTER_HELP = `
Environment:
  SSLKEYLOGFILE  file to which the secrets of connections are appended (NSS key log)
  QLOGDIR        directory for the qlog of each connection (see "quayside qlog")
  NO_COLOR       no colours
  QUAYSIDE_NATIVE  0: without the addon; a path: that addon

Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted.`;
