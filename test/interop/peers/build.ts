/**
 * Makes the foreign peers of the interop tests, and of the bench, ready: builds the Go and Rust programs into `build/peers/` (or
 * `build/bench-peers/`) when their sources changed, and finds out whether quiche's package loads.
 *
 * Everything comes from distribution packages, offline: Debian's quic-go sources, Debian's crates. Where they are missing
 * and this process is root on a system with apt-get, they are installed. What cannot be had is reported, never thrown.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { setPriority } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export type PeerKind = 'quic-go' | 'quinn' | 'quiche';

/** Whether a peer can be used: the commands of its two roles (program and first arguments), or why it cannot. */
export type PeerStatus =
  | { readonly available: true; readonly server: readonly string[]; readonly client: readonly string[] }
  | { readonly available: false; readonly reason: string };

export type PeerStatuses = Readonly<Record<PeerKind, PeerStatus>>;

export const PEER_KINDS: readonly PeerKind[] = ['quic-go', 'quinn', 'quiche'];

/**
 * The state of all peers, built where needed. Asked again in the same process, the answer is the first one; processes
 * that ask at the same time wait for one another.
 */
export function buildPeers(): Promise<PeerStatuses> {
  built ??= (async () => {
    const statuses: Partial<Record<PeerKind, PeerStatus>> = {};
    for (const kind of PEER_KINDS) statuses[kind] = await buildPeer(kind);
    return statuses as PeerStatuses;
  })();
  return built;
}

/** A folder with the peers' programs, one folder for each kind, and where they are built. */
export interface PeerPlace {
  readonly sources: string;
  readonly cache: string;
}

/** The state of one peer, built where needed. `npm test` asks for quiche only, which compiles nothing. */
export async function buildPeer(kind: PeerKind, place: PeerPlace = INTEROP): Promise<PeerStatus> {
  try {
    const ready = await makers[kind](place);
    return { available: true, ...ready };
  } catch (error) {
    return { available: false, reason: `${kind}: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** The `skip` of a test that needs these peers: false, or the reasons why it cannot run. */
export function skipWithout(statuses: PeerStatuses, ...kinds: readonly PeerKind[]): string | false {
  const reasons = kinds
    .map((kind) => statuses[kind])
    .map((status) => (status.available ? '' : status.reason));
  return reasons.filter((reason) => reason !== '').join('; ') || false;
}

interface Commands {
  readonly server: readonly string[];
  readonly client: readonly string[];
}

const INTEROP: PeerPlace = {
  sources: join(process.cwd(), 'test', 'interop', 'peers'),
  cache: join(process.cwd(), 'build', 'peers'),
};
const buildTimeout = 10 * 60_000;
let built: Promise<PeerStatuses> | undefined;

const makers: Record<PeerKind, (place: PeerPlace) => Promise<Commands>> = {
  'quic-go': async (place) => {
    const folder = '/usr/share/gocode';
    await needPackages([
      { name: 'golang-go', found: () => findProgram('go') !== null },
      {
        name: 'golang-github-lucas-clemente-quic-go-dev',
        found: () => existsSync(join(folder, 'src/github.com/lucas-clemente/quic-go/interface.go')),
      },
    ]);
    const program = join(place.cache, 'quic-go', 'quic-go-peer');
    await whenChanged('quic-go', place, program, async (source) => {
      const environment = {
        GO111MODULE: 'off',
        GOFLAGS: '',
        GOPATH: folder,
        GOCACHE: join(place.cache, 'go-cache'),
        GOTOOLCHAIN: 'local',
      };
      await run('go', ['build', '-o', program, '.'], source, environment);
    });
    return { server: [program, 'server'], client: [program, 'client'] };
  },

  quinn: async (place) => {
    const crate = (name: string) => (): boolean => {
      const registry = '/usr/share/cargo/registry';
      return existsSync(registry) && readdirSync(registry).some((folder) => folder.startsWith(name));
    };
    await needPackages([
      { name: 'cargo', found: () => findProgram('cargo') !== null },
      { name: 'librust-quinn-dev', found: crate('quinn-0.9.') },
      { name: 'librust-rustls-dev', found: crate('rustls-0.20.') },
      { name: 'librust-rustls-pemfile-dev', found: crate('rustls-pemfile-1.') },
      { name: 'librust-ring-dev', found: crate('ring-0.16.') },
    ]);
    const folder = join(place.cache, 'quinn');
    const program = join(folder, 'target', 'release', 'quinn-peer');
    await whenChanged('quinn', place, program, async (source) => {
      // A copy, as cargo writes its lock file beside the manifest.
      rmSync(join(folder, 'src'), { recursive: true, force: true });
      cpSync(source, folder, { recursive: true });
      await run('cargo', ['build', '--release', '--offline'], folder, {
        CARGO_TARGET_DIR: join(folder, 'target'),
      });
    });
    return { server: [program, 'server'], client: [program, 'client'] };
  },

  quiche: async ({ sources }) => {
    const probe = "await import('@matrixai/quic/native/quiche.js')";
    await run(process.execPath, ['--input-type=module', '--eval', probe], process.cwd());
    const script = (role: string): string[] => [process.execPath, join(sources, 'quiche', `${role}.mjs`)];
    return { server: script('server'), client: script('client') };
  },
};

export interface Package {
  readonly name: string;
  /** Whether what the package brings is there, from it or from elsewhere. */
  readonly found: () => boolean;
}

/** Installs what is missing, where that can be done; rejects with what is missing then. */
export async function needPackages(packages: readonly Package[]): Promise<void> {
  const missing = (): string[] => packages.filter((one) => !one.found()).map((one) => one.name);
  if (missing().length === 0) return;
  if (process.getuid?.() === 0 && findProgram('apt-get') !== null) {
    await withLock(INTEROP.cache, 'apt', async () => {
      const wanted = missing();
      if (wanted.length === 0) return;
      const install = ['install', '--yes', '--no-install-recommends', ...wanted];
      const environment = { DEBIAN_FRONTEND: 'noninteractive' };
      try {
        await run('apt-get', install, '/', environment);
      } catch {
        await run('apt-get', ['update'], '/', environment);
        await run('apt-get', install, '/', environment);
      }
    });
  }
  if (missing().length > 0) throw new Error(`missing ${missing().join(', ')} (Debian's package names)`);
}

/** Where a program is; null if it is not there. */
export function findProgram(name: string): string | null {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}

/** Calls `build` when the program is missing or was made from other sources. */
async function whenChanged(
  kind: PeerKind,
  { sources, cache }: PeerPlace,
  program: string,
  build: (source: string) => Promise<void>,
): Promise<void> {
  const source = join(sources, kind);
  const stamp = join(cache, `${kind}.stamp`);
  const hash = hashFolder(source);
  const current = (): boolean =>
    existsSync(program) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash;
  if (current()) return;
  await withLock(cache, kind, async () => {
    if (current()) return;
    await build(source);
    writeFileSync(stamp, hash);
  });
}

function hashFolder(folder: string): string {
  const hash = createHash('sha256');
  const visit = (path: string): void => {
    for (const name of readdirSync(path).sort()) {
      const inner = join(path, name);
      if (statSync(inner).isDirectory()) visit(inner);
      else hash.update(`${inner}\0`).update(readFileSync(inner)).update('\0');
    }
  };
  visit(folder);
  return hash.digest('hex');
}

/** One process at a time: test files run in processes of their own. A lock left by a dead one is taken over. */
async function withLock(cache: string, name: string, work: () => Promise<void>): Promise<void> {
  mkdirSync(cache, { recursive: true });
  const lock = join(cache, `${name}.lock`);
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (!isHeld(lock)) rmSync(lock, { force: true });
      else await sleep(200);
    }
  }
  try {
    await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function isHeld(lock: string): boolean {
  try {
    const holder = Number(readFileSync(lock, 'utf8'));
    if (holder === 0) return Date.now() - statSync(lock).mtimeMs < 1000; // just being written
    process.kill(holder, 0);
    return true;
  } catch {
    return false;
  }
}

/** Runs a program at low priority; rejects with the end of what it printed. */
function run(
  program: string,
  args: readonly string[],
  folder: string,
  environment: NodeJS.ProcessEnv = {},
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: folder,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: buildTimeout,
    });
    let output = '';
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-4000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', reject);
    child.on('spawn', () => {
      try {
        if (child.pid !== undefined) setPriority(child.pid, 5);
      } catch {
        // already over
      }
    });
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${program} ${args[0] ?? ''} ended with ${code ?? signal}: ${output.trim()}`));
    });
  });
}
