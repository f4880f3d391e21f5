/** A real nginx in front of servers, made of the recipe in docs/load-balancing/. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProgram, needPackages } from '../interop/peers/build.ts';

const MODULES = '/usr/lib/nginx/modules';
const RECIPE = join(process.cwd(), 'docs', 'load-balancing');

/** Why there can be none here; false if there can. Debian's packages are installed where that can be done. */
export async function withoutNginx(): Promise<false | string> {
  try {
    await needPackages([
      { name: 'nginx', found: () => program() !== null },
      { name: 'libnginx-mod-stream', found: () => existsSync(join(MODULES, 'ngx_stream_module.so')) },
      { name: 'libnginx-mod-stream-js', found: () => existsSync(join(MODULES, 'ngx_stream_js_module.so')) },
    ]);
    return false;
  } catch {
    return 'nginx with its stream and njs modules is not installed';
  }
}

export interface Upstream {
  readonly serverId: string;
  readonly port: number;
}

export interface Layout {
  readonly nonceLength: number;
  readonly rotation: number;
  readonly key: string;
}

/** Starts it before two servers and gives its port. It ends with the test. */
export async function startNginx(
  t: TestContext,
  [a, b]: readonly [Upstream, Upstream],
  layout: Layout,
): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'quayside-nginx-'));
  // Its workers are not root, and read the script.
  chmodSync(folder, 0o755);
  const port = await freePort();
  const script = readFileSync(join(RECIPE, 'quic-lb.js'), 'utf8');
  writeFileSync(
    join(folder, 'quic-lb.js'),
    changed(script, [
      ['SERVER_ID_LENGTH = 8', `SERVER_ID_LENGTH = ${a.serverId.length / 2}`],
      ['NONCE_LENGTH = 7', `NONCE_LENGTH = ${layout.nonceLength}`],
      ['ROTATION = 0', `ROTATION = ${layout.rotation}`],
      ["KEY = ''", `KEY = '${layout.key}'`],
    ]),
  );
  const settings = changed(readFileSync(join(RECIPE, 'nginx.conf'), 'utf8'), [
    ['modules/ngx_stream_module.so', join(MODULES, 'ngx_stream_module.so')],
    ['modules/ngx_stream_js_module.so', join(MODULES, 'ngx_stream_js_module.so')],
    ['worker_processes auto', 'worker_processes 2'],
    ['/etc/nginx/quic/', `${folder}/`],
    ['1122334455667788', a.serverId],
    ['a1b2c3d4e5f60718', b.serverId],
    ['10.0.0.11:4433', `127.0.0.1:${a.port}`],
    ['10.0.0.12:4433', `127.0.0.1:${b.port}`],
    ['listen 443', `listen 127.0.0.1:${port}`],
  ]);
  const pid = join(folder, 'nginx.pid');
  writeFileSync(join(folder, 'nginx.conf'), `daemon off;\npid ${pid};\nerror_log stderr warn;\n${settings}`);
  const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'];
  const child: ChildProcess = spawn(program() ?? 'nginx', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr?.on('data', (text: Buffer) => {
    log += text.toString();
  });
  t.after(async () => {
    if (child.exitCode === null) {
      const gone = once(child, 'exit');
      // Quick shutdown, of its workers too.
      child.kill('SIGTERM');
      await gone;
    }
    rmSync(folder, { recursive: true, force: true });
  });
  while (!existsSync(pid)) {
    if (child.exitCode !== null) throw new Error(`nginx did not start: ${log}`);
    await sleep(10);
  }
  return port;
}

function program(): string | null {
  const usual = '/usr/sbin/nginx';
  return existsSync(usual) ? usual : findProgram('nginx');
}

/** Every replacement has to find its place, or the recipe is another one. */
function changed(text: string, replacements: readonly (readonly [string, string])[]): string {
  let result = text;
  for (const [from, to] of replacements) {
    if (!result.includes(from)) throw new Error(`the recipe has no "${from}"`);
    result = result.replaceAll(from, to);
  }
  return result;
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}
