/** Runs the programs of `examples/`, against the built library as their users do. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { GroupAddress, ListenerKind } from '../../src/group.ts';
import { parseAddress } from '../../src/util/address.ts';
import { temporaryFolder } from './cli.ts';

export interface RunningExample {
  readonly child: ChildProcess;
  /** Where it runs; its development certificate is in `.quayside`. */
  readonly cwd: string;
  readonly addresses: ReadonlyMap<ListenerKind, GroupAddress>;
  /** Asks it to end, and gives its exit code. */
  stop(): Promise<number | null>;
}

/** Starts an example with listeners as texts; resolves when it listens. It is ended after the test. */
export async function startExample(
  t: TestContext,
  name: string,
  listeners: readonly string[] = [],
): Promise<RunningExample> {
  execFileSync(process.execPath, ['scripts/setup.js', 'build'], { stdio: 'ignore' });
  const cwd = temporaryFolder(t);
  const program = join(process.cwd(), 'examples', name);
  const child = spawn(process.execPath, [program, ...listeners], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const ended = once(child, 'close') as Promise<[number | null]>;
  t.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      said += chunk;
      if (/^ready$/m.test(said)) resolve();
    });
    void ended.then(() => reject(new Error(`The example ended:\n${said}`)));
  });
  const addresses = new Map<ListenerKind, GroupAddress>();
  for (const [, kind, place] of said.matchAll(/^(tcp|tls|unix|quic) (.+)$/gm)) {
    const address = kind === 'unix' ? { path: join(cwd, place ?? '') } : parseAddress(place ?? '');
    if (address !== null) addresses.set(kind as ListenerKind, address);
  }
  const stop = async (): Promise<number | null> => {
    child.kill('SIGTERM');
    return (await ended)[0];
  };
  return { child, cwd, addresses, stop };
}
