/**
 * Two network namespaces that are joined by virtual devices, with a process in each: a server and a client whose network the
 * test can change under their feet. Linux, root and iproute2; see `noNamespaces` for elsewhere.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Why namespaces cannot be used here; null if they can. */
export function noNamespaces(): string | null {
  const reason = 'no network namespaces here: they need Linux, root and ip';
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return reason;
  const name = uniqueName();
  try {
    ip(`netns add ${name}`);
    ip(`-n ${name} link add a0 type veth peer name a1`);
    return null;
  } catch {
    return reason;
  } finally {
    tryIp(`netns del ${name}`);
  }
}

export class Namespaces {
  readonly server: string = uniqueName();
  readonly client: string = uniqueName();
  readonly #peers: NamespacePeer[] = [];

  constructor() {
    for (const name of [this.server, this.client]) {
      ip(`netns add ${name}`);
      ip(`-n ${name} link set lo up`);
    }
  }

  /** Joins both by one more pair of devices, which has this name on both sides. */
  join(device: string, serverAddress?: string, clientAddress?: string): void {
    ip(`-n ${this.server} link add ${device} type veth peer name ${device} netns ${this.client}`);
    for (const name of [this.server, this.client]) {
      // Duplicate address detection would take a second each time.
      tryIn(name, ['sysctl', '-qw', `net.ipv6.conf.${device}.accept_dad=0`]);
      ip(`-n ${name} link set ${device} up`);
    }
    if (serverAddress !== undefined) this.ip(`addr add ${serverAddress} dev ${device} nodad`);
    if (clientAddress !== undefined) ip(`-n ${this.client} addr add ${clientAddress} dev ${device} nodad`);
  }

  /** Runs `ip` in the server's namespace. */
  ip(command: string): void {
    ip(`-n ${this.server} ${command}`);
  }

  async start(role: 'server' | 'client'): Promise<NamespacePeer> {
    const peer = new NamespacePeer(role, role === 'server' ? this.server : this.client);
    this.#peers.push(peer);
    await peer.call('ready');
    return peer;
  }

  async end(): Promise<void> {
    await Promise.all(this.#peers.map((peer) => peer.end()));
    for (const name of [this.server, this.client]) tryIp(`netns del ${name}`);
  }
}

/** A process of `namespace-peer.ts` in a namespace. */
export class NamespacePeer {
  /** What it told without being asked: the events of its interfaces. */
  readonly told: string[] = [];
  readonly #child: ChildProcess;
  readonly #calls: Map<number, (answer: Answer) => void> = new Map();
  #nextId = 1;
  #watcher: (() => void) | null = null;

  constructor(role: 'server' | 'client', namespace: string) {
    const script = fileURLToPath(new URL(`./namespace-peer${extname(import.meta.url)}`, import.meta.url));
    this.#child = spawn('ip', ['netns', 'exec', namespace, process.execPath, script, role], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.on('message', (message: Answer | { told: string }) => {
      if ('told' in message) {
        this.told.push(message.told);
        this.#watcher?.();
      } else {
        this.#calls.get(message.id)?.(message);
        this.#calls.delete(message.id);
      }
    });
    this.#child.on('exit', (code) => {
      for (const [id, settle] of this.#calls) settle({ id, error: `the ${role} ended with code ${code}` });
      this.#calls.clear();
    });
  }

  call(name: string, ...args: (string | number)[]): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, (answer) => {
        if (answer.error === undefined) resolve(answer.value);
        else reject(new Error(answer.error));
      });
      this.#child.send({ id, name, args });
    });
  }

  /** Until it tells this, from the `after`th telling on. */
  async tells(text: string, after = 0): Promise<void> {
    const deadline = Date.now() + 15_000;
    while (!this.told.slice(after).includes(text)) {
      const left = deadline - Date.now();
      assert.ok(left > 0, `it did not tell "${text}" but ${JSON.stringify(this.told)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#watcher = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await gone;
  }
}

interface Answer {
  id: number;
  value?: unknown;
  error?: string;
}

function uniqueName(): string {
  return `quayside-${randomBytes(4).toString('hex')}`;
}

function ip(command: string): void {
  execFileSync('ip', command.split(' '), { stdio: ['ignore', 'pipe', 'pipe'] });
}

function tryIp(command: string): void {
  try {
    ip(command);
  } catch {
    // It is not there, or no longer.
  }
}

function tryIn(namespace: string, command: readonly string[]): void {
  try {
    execFileSync('ip', ['netns', 'exec', namespace, ...command], { stdio: 'ignore' });
  } catch {
    // Then a new IPv6 address takes a moment.
  }
}
