/** Starting programs from scripts. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { root } from './root.js';

/**
 * Runs a program to its end, its output captured.
 * @param {string} program
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<{ code: number, output: string }>}
 */
export function run(program, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout?.on('data', (data) => {
      output += data;
    });
    child.stderr?.on('data', (data) => {
      output += data;
    });
    child.on('error', (error) =>
      resolve({ code: 127, output: `${program} could not be started: ${error.message}\n` }),
    );
    child.on('close', (code, signal) => {
      if (signal) output += `${program} was ended by ${signal}\n`;
      resolve({ code: code ?? 1, output });
    });
  });
}

/**
 * Runs npm, wherever it is.
 * @param {string[]} args
 * @param {import('node:child_process').SpawnSyncOptions} [options]
 * @returns {string} its standard output
 */
export function npm(args, options = {}) {
  const cli = process.env.npm_execpath;
  const known = cli?.endsWith('.js') && existsSync(cli);
  const done = spawnSync(known ? process.execPath : 'npm', known ? [cli, ...args] : args, {
    cwd: root,
    encoding: 'utf8',
    shell: !known && process.platform === 'win32',
    maxBuffer: 64 * 1024 * 1024,
    ...options,
  });
  if (done.error) throw new Error(`npm could not be started: ${done.error.message}`);
  if (done.status !== 0)
    throw new Error(`npm ${args.join(' ')} failed:\n${done.stdout ?? ''}${done.stderr ?? ''}`);
  return String(done.stdout ?? '');
}
