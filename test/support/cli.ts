// Starts the command line as child processes, each in a folder of its own, and reads what they say.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

export interface CliResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stdoutBytes: Buffer;
  stderr: string;
}

export interface RunningCli {
  readonly child: ChildProcess;
  readonly result: Promise<CliResult>;
  /** Waits until stdout matches. */
  saw(pattern: RegExp): Promise<RegExpExecArray>;
  /** … until stderr does. */
  said(pattern: RegExp): Promise<RegExpExecArray>;
}

export interface CliOptions {
  cwd?: string;
  env?: Record<string, string>;
}

/** Runs a command to its end. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(args, options).result;
}

export function startCli(args: readonly string[], options: CliOptions = {}): RunningCli {
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd: options.cwd ?? process.cwd(),
    env: { ...CLEAN_ENVIRONMENT, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const watchers = new Set<() => void>();
  child.stdout.on('data', (chunk: Buffer) => {
    out.push(chunk);
    for (const watcher of watchers) watcher();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err.push(chunk);
    for (const watcher of watchers) watcher();
  });
  const result = new Promise<CliResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const stdoutBytes = Buffer.concat(out);
      const stderr = Buffer.concat(err).toString();
      resolve({ code, signal, stdout: stdoutBytes.toString(), stdoutBytes, stderr });
    });
  });
  const seenIn = (chunks: Buffer[]) => (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(Buffer.concat(chunks).toString());
        if (match === null) return;
        watchers.delete(look);
        resolve(match);
      };
      watchers.add(look);
      look();
      void result.then(({ stdout, stderr }) => {
        reject(new Error(`The program ended without saying ${pattern}:\n${stdout}${stderr}`));
      });
    });
  return { child, result, saw: seenIn(out), said: seenIn(err) };
}

/** A running `serve` or `perf server`. */
export interface CliServer extends RunningCli {
  readonly port: number;
  readonly pin: string;
  readonly cwd: string;
}

/** Starts a server on a free port; it is ended after the test. */
export async function startCliServer(
  t: TestContext,
  args: readonly string[],
  options: CliOptions = {},
): Promise<CliServer> {
  const cwd = options.cwd ?? temporaryFolder(t);
  const running = startCli([...args, '--port', '0'], { ...options, cwd });
  t.after(async () => {
    running.child.kill('SIGKILL');
    await running.result;
  });
  const [, port] = await running.saw(/listening on\s+\S*:(\d+) \(UDP\)/);
  const [, pin] = await running.saw(/--pin ([0-9a-f]{64})/);
  return { ...running, port: Number(port), pin, cwd };
}

/** An empty folder that is removed after the test. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'quayside-cli-'));
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

/** Beside this file, compiled or not. */
const BIN = fileURLToPath(
  new URL(`./cli-bin.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url),
);

const CLEAN_ENVIRONMENT: NodeJS.ProcessEnv = { ...process.env };
for (const name of ['SSLKEYLOGFILE', 'NODE_DEBUG', 'NODE_TEST_CONTEXT', 'FORCE_COLOR', 'NODE_OPTIONS']) {
  delete CLEAN_ENVIRONMENT[name];
}
