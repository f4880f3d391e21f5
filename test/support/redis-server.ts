/** A real redis-server of its own: on a socket in a folder of its own, without a port and without files. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, needPackages } from '../interop/peers/build.ts';

/** Why there can be none here; false if there can. Debian's package is installed where that can be done. */
export async function withoutRedis(): Promise<false | string> {
  try {
    await needPackages([{ name: 'redis-server', found: () => findProgram('redis-server') !== null }]);
    return false;
  } catch {
    return 'redis-server is not installed';
  }
}

export class RedisServer {
  readonly path: string;
  readonly #folder: string;
  #child: ChildProcess | null = null;

  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), 'quayside-redis-'));
    this.path = join(this.#folder, 'redis.sock');
  }

  async start(): Promise<void> {
    const settings = ['--port', '0', '--unixsocket', this.path, '--save', '', '--appendonly', 'no'];
    const child = spawn('redis-server', [...settings, '--dir', this.#folder], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.#child = child;
    for await (const line of child.stdout) if (String(line).includes('ready to accept')) break;
    if (!existsSync(this.path)) throw new Error('redis-server did not start');
  }

  /** Everything that it was told. */
  async forget(): Promise<void> {
    const socket = createConnection(this.path);
    socket.write('FLUSHALL\r\n');
    await once(socket, 'data');
    socket.destroy();
  }

  /** As a crash would. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
