/**
 * Runs the foreign peers of the interop tests as child processes: a server that tells its port, a client that tells what
 * it fetched. Every call has a time-out and no process outlives the test process. What the peers are and print is
 * described in test/interop/peers/README.md; whether one can be used, in test/interop/peers/build.ts.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { buildPeer, type PeerKind } from '../interop/peers/build.ts';

export type { PeerKind } from '../interop/peers/build.ts';

/** One line that a peer printed. Which members are there depends on `event`; see the peers' README. */
export interface PeerEvent {
  readonly event: string;
  /** 1 for the first connection of the process, and so on. */
  readonly connection?: number;
  readonly alpn?: string;
  readonly serverName?: string;
  readonly resumed?: boolean;
  readonly zeroRtt?: boolean;
  readonly path?: string;
  readonly stream?: number;
  readonly found?: boolean;
  readonly length?: number;
  readonly sha256?: string;
  /** How a connection ended. */
  readonly kind?: 'application' | 'transport' | 'timeout' | 'reset' | 'version' | 'other';
  readonly code?: number;
  readonly reason?: string;
  /** `closed`: the other side closed. `key-update`: the other side began it. Else the other side's address. */
  readonly remote?: boolean | string;
  readonly lastRemote?: string;
  readonly sent?: number | boolean;
  readonly received?: number;
  readonly streams?: number;
  readonly datagrams?: number;
  readonly port?: number;
  readonly message?: string;
  readonly [key: string]: unknown;
}

interface CommonOptions {
  /** Offered or accepted. Default: the server takes hq-interop and echo, the client offers hq-interop. */
  readonly alpn?: readonly string[];
  /** Concurrent streams that the other side may open. Default 100. */
  readonly maxStreams?: number;
  /** Milliseconds. Default 10,000. */
  readonly idleTimeout?: number;
  /** Start key updates: quinn one, quic-go one per 100 packets, quiche cannot. */
  readonly keyUpdate?: boolean;
  /** A file for the TLS secrets (SSLKEYLOGFILE). */
  readonly keyLog?: string;
}

export interface PeerServerOptions extends CommonOptions {
  /** Paths of PEM files: chain, leaf first, and PKCS #8 key. */
  readonly cert: string;
  readonly key: string;
  /** The folder served over hq-interop. Default: the current folder. */
  readonly root?: string;
  /** Address to bind. Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any. */
  readonly port?: number;
  /** Validate every address with a Retry. */
  readonly retry?: boolean;
  /** Offer datagrams and echo them. */
  readonly datagrams?: boolean;
}

export interface PeerClientOptions extends CommonOptions {
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Path of the PEM file with the root to trust. */
  readonly ca: string;
  /** Server name sent and verified. Default localhost. */
  readonly name?: string;
  /** Paths to get, each on a stream of its own, all at once. */
  readonly requests?: readonly string[];
  /** How often every request (and echo) is made at once. Default 1. */
  readonly streams?: number;
  /** With ALPN echo: bytes to send on a stream and to get back. */
  readonly echo?: number;
  /** Folder to write downloads to, by the last part of their path. */
  readonly out?: string;
  /** Fetch the first request, close, and fetch all of them over a resumed connection. */
  readonly resume?: boolean;
  /** The same, with the second connection's requests sent in 0-RTT. */
  readonly zeroRtt?: boolean;
  /** How often the client's port changes without its knowledge, as behind a NAT: once per 256 KiB received. */
  readonly rebind?: number;
  /** quiche only: probe and move to another local port after 256 KiB received. */
  readonly migrate?: boolean;
  /** Datagrams to send, each expected back. */
  readonly datagrams?: number;
  /** Bytes of each. Default 1000. */
  readonly datagramSize?: number;
  /** What to close with. Default code 0, reason `done`. */
  readonly close?: { readonly code: number; readonly reason?: string };
  /** Do not close; wait until the server does. */
  readonly waitClose?: boolean;
  /** Milliseconds until the client is given up. Default 30,000. */
  readonly timeout?: number;
}

/** A `download` line: one stream read to its end. */
export interface PeerDownload {
  readonly connection: number;
  readonly stream: number;
  /** `echo` for an echo. */
  readonly path: string;
  readonly length: number;
  readonly sha256: string;
  /** Whether the request was sent before the handshake was complete. */
  readonly zeroRtt: boolean;
}

/** A running peer of either role. */
export interface PeerProcess {
  /** All lines so far, in order. */
  readonly events: readonly PeerEvent[];
  /** What it wrote to standard error. */
  readonly errorOutput: string;
  /**
   * The first line, past or future, with this event (and, given a function, for which it says true). Rejects after
   * `timeout` ms (default 10,000) or when the process ends, naming the lines that came.
   */
  waitFor(event: string, matches?: (event: PeerEvent) => boolean, timeout?: number): Promise<PeerEvent>;
  /** Ends the process: a server closes its connections first, a client is killed. Resolves when it has ended. */
  stop(): Promise<void>;
}

export interface PeerServer extends PeerProcess {
  readonly port: number;
  /** Closes the server's live connections with an application error code. */
  close(code: number, reason?: string): void;
}

/** What a client did. */
export interface PeerClientRun {
  readonly results: readonly PeerDownload[];
  readonly events: readonly PeerEvent[];
  /** 0: everything asked for succeeded. -1: killed, at its time-out or by `stop()`. */
  readonly exitCode: number;
}

export interface PeerClient extends PeerProcess {
  readonly done: Promise<PeerClientRun>;
}

/** Starts a peer's server; resolves when it listens. Rejects when the peer is not available or does not start. */
export async function startPeerServer(kind: PeerKind, options: PeerServerOptions): Promise<PeerServer> {
  const args = [
    ...commonArguments(options),
    ...['--cert', options.cert, '--key', options.key, '--port', String(options.port ?? 0)],
    ...value('root', options.root),
    ...value('host', options.host),
    ...flag('retry', options.retry),
    ...(options.datagrams === true ? ['--datagrams', 'echo'] : []),
  ];
  const peer = new Peer('server', await commandOf(kind, 'server'), args, options.keyLog);
  try {
    const { port } = await peer.waitFor('listening');
    if (typeof port !== 'number') throw new Error(`${kind} server: no port in its first line`);
    return Object.assign(peer, {
      port,
      close: (code: number, reason = ''): void => peer.command(`close ${code},${reason}`),
    });
  } catch (error) {
    await peer.stop();
    throw error;
  }
}

/** Starts a peer's client; `done` resolves when it has ended, whatever it did. */
export async function startPeerClient(kind: PeerKind, options: PeerClientOptions): Promise<PeerClient> {
  const timeout = options.timeout ?? 30_000;
  const { close } = options;
  const args = [
    ...commonArguments(options),
    ...['--port', String(options.port), '--ca', options.ca, '--timeout', String(Math.ceil(timeout / 1000))],
    ...value('host', options.host),
    ...value('name', options.name),
    ...value('requests', options.requests?.join(',')),
    ...value('streams', options.streams),
    ...value('echo', options.echo),
    ...value('out', options.out),
    ...flag('resume', options.resume),
    ...flag('zero-rtt', options.zeroRtt),
    ...value('rebind', options.rebind),
    ...flag('migrate', options.migrate),
    ...value('datagrams', options.datagrams),
    ...value('datagram-size', options.datagramSize),
    ...value('close', close === undefined ? undefined : `${close.code},${close.reason ?? ''}`),
    ...flag('wait-close', options.waitClose),
  ];
  const peer = new Peer('client', await commandOf(kind, 'client'), args, options.keyLog);
  const guard = setTimeout(() => void peer.stop(), timeout + 2000);
  const done = peer.ended.then((exitCode) => {
    clearTimeout(guard);
    const results = peer.events.filter((event) => event.event === 'download');
    return { results: results as unknown as PeerDownload[], events: peer.events, exitCode };
  });
  return Object.assign(peer, { done });
}

/** Runs a peer's client to its end. Rejects only when the peer is not available. */
export async function runPeerClient(kind: PeerKind, options: PeerClientOptions): Promise<PeerClientRun> {
  return (await startPeerClient(kind, options)).done;
}

class Peer implements PeerProcess {
  readonly events: PeerEvent[] = [];
  /** The exit code; -1 for a process that was killed or could not be started. */
  readonly ended: Promise<number>;
  errorOutput = '';
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #watchers = new Set<() => void>();
  readonly #role: 'server' | 'client';
  #over = false;

  constructor(
    role: 'server' | 'client',
    command: readonly string[],
    args: readonly string[],
    keyLog: string | undefined,
  ) {
    this.#role = role;
    const [program = '', ...first] = command;
    const env = { ...process.env };
    if (keyLog !== undefined) env.SSLKEYLOGFILE = keyLog;
    const child = spawn(program, [...first, ...args], { env, stdio: 'pipe' });
    this.#child = child;
    running.add(child);
    child.stdin.on('error', () => {}); // a command to a process that just ended
    child.stderr.on('data', (chunk: Buffer) => {
      this.errorOutput = (this.errorOutput + chunk.toString()).slice(-10_000);
    });
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (line) => {
      this.events.push(parse(line));
      this.#wakeWatchers();
    });
    this.ended = new Promise((resolve) => {
      const end = (code: number): void => {
        running.delete(child);
        this.#over = true;
        this.#wakeWatchers();
        resolve(code);
      };
      child.on('error', (error) => {
        this.errorOutput += String(error);
        if (child.pid === undefined) end(-1);
      });
      child.on('close', (code) => end(code ?? -1));
    });
  }

  waitFor(
    event: string,
    matches: (event: PeerEvent) => boolean = () => true,
    timeout = 10_000,
  ): Promise<PeerEvent> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#watchers.delete(look);
        clearTimeout(timer);
      };
      const give = (why: string): void => {
        settle();
        const seen = this.events.map((line) => JSON.stringify(line)).slice(-20);
        reject(new Error(`no '${event}' from the peer: ${why}\n${[...seen, this.errorOutput].join('\n')}`));
      };
      const look = (): void => {
        const found = this.events.find((line) => line.event === event && matches(line));
        if (found !== undefined) {
          settle();
          resolve(found);
        } else if (this.#over) {
          give('its process ended');
        }
      };
      const timer = setTimeout(() => give(`not within ${timeout} ms`), timeout);
      this.#watchers.add(look);
      look();
    });
  }

  command(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  async stop(): Promise<void> {
    if (!this.#over) this.#child.stdin.end('stop\n');
    const patience = setTimeout(() => this.#child.kill('SIGKILL'), this.#role === 'server' ? 3000 : 0);
    await this.ended;
    clearTimeout(patience);
  }

  #wakeWatchers(): void {
    for (const look of [...this.#watchers]) look();
  }
}

const running = new Set<ChildProcessWithoutNullStreams>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

async function commandOf(kind: PeerKind, role: 'server' | 'client'): Promise<readonly string[]> {
  statuses[kind] ??= buildPeer(kind);
  const status = await statuses[kind];
  if (!status.available) throw new Error(status.reason);
  return status[role];
}

const statuses: Partial<Record<PeerKind, ReturnType<typeof buildPeer>>> = {};

function parse(line: string): PeerEvent {
  try {
    return JSON.parse(line) as PeerEvent;
  } catch {
    return { event: 'unreadable', message: line };
  }
}

function commonArguments(options: CommonOptions): string[] {
  return [
    ...value('alpn', options.alpn?.join(',')),
    ...value('max-streams', options.maxStreams),
    ...value('idle-timeout', options.idleTimeout),
    ...flag('key-update', options.keyUpdate),
  ];
}

function value(name: string, given: string | number | undefined): string[] {
  return given === undefined ? [] : [`--${name}`, String(given)];
}

function flag(name: string, given: boolean | undefined): string[] {
  return given === true ? [`--${name}`] : [];
}
