// The listeners of a server of the command line: one for each address, all on the same port, all or none.

import { isIPv6 } from 'node:net';
import type { ListenOptions, QuicListener, SocketAddress } from '../index.ts';
import { CliError, ExitCode, systemCode } from './errors.ts';
import { keyLogOption } from './key-log.ts';
import { warn } from './output.ts';
import type { ServerIdentity } from './server-identity.ts';

export interface ServersOptions {
  /** Default the loopback addresses, of which one may be missing on this machine. */
  readonly addresses: readonly string[] | undefined;
  /** 0 for any free port, the same one on every address. */
  readonly port: number;
  readonly alpn: readonly string[];
  readonly identity: ServerIdentity;
  /** Clients must prove their address before anything else (Retry). */
  readonly retry: boolean;
  /** What it shares with other servers. */
  readonly shared?: Pick<ListenOptions, 'connectionIds' | 'keys' | 'earlyData' | 'replayStore'>;
  /** Makes a listener, started. */
  readonly listen: (options: ListenOptions) => Promise<QuicListener>;
}

export interface Servers {
  readonly addresses: readonly SocketAddress[];
  readonly port: number;
  /** Closes all connections with code 0 and frees the sockets. */
  close(): Promise<void>;
}

export async function startServers(options: ServersOptions): Promise<Servers> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startAll(options);
    } catch (error) {
      // The port that the system picked for one address may be taken on another: pick again.
      if (options.port !== 0 || attempt === PORT_ATTEMPTS || systemCode(error) !== 'EADDRINUSE') throw error;
    }
  }
}

async function startAll(options: ServersOptions): Promise<Servers> {
  const listeners: QuicListener[] = [];
  const asked = [...new Set(options.addresses ?? LOOPBACK)];
  const keyLog = keyLogOption();
  let port = options.port;
  try {
    for (const address of asked) {
      try {
        const listener = await start(address, port, options, keyLog);
        listeners.push(listener);
        port = listener.port;
      } catch (error) {
        // A machine without IPv6 (or IPv4) still has the other loopback address.
        if (options.addresses !== undefined || !ABSENT.has(systemCode(error) ?? '')) throw error;
        warn(`${address} does not exist on this machine, not listening there`);
      }
    }
    if (listeners.length === 0)
      throw new CliError(`None of the addresses ${asked.join(', ')} exists on this machine`);
  } catch (error) {
    await Promise.all(listeners.map((listener) => listener.close()));
    throw error;
  }
  return {
    addresses: listeners.flatMap((listener) => listener.endpoint.addresses),
    port,
    async close() {
      await Promise.all(listeners.map((listener) => listener.close()));
    },
  };
}

async function start(
  address: string,
  port: number,
  options: ServersOptions,
  keyLog: ReturnType<typeof keyLogOption>,
): Promise<QuicListener> {
  try {
    return await options.listen({
      address,
      port,
      alpn: options.alpn,
      cert: options.identity.cert,
      key: options.identity.key,
      addressValidation: options.retry ? 'always' : 'never',
      ...options.shared,
      ...keyLog,
    });
  } catch (error) {
    throw bindFailure(address, port, error);
  }
}

function bindFailure(address: string, port: number, error: unknown): unknown {
  const code = systemCode(error);
  const place = isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
  const reason = code === undefined ? undefined : REASONS[code];
  if (reason === undefined) return error;
  return new CliError(
    `Cannot listen on ${place}: ${reason[0]} (${code}); ${reason[1]}`,
    ExitCode.FAILED,
    error,
  );
}

/** What the system's codes mean, and what helps. */
const REASONS: Readonly<Record<string, readonly [reason: string, help: string] | undefined>> = {
  EADDRINUSE: ['the port is in use', 'choose another with --port <number>, 0 for any free one'],
  EACCES: ['the port may not be used by this user', 'choose one from 1024 up with --port <number>'],
  EADDRNOTAVAIL: ['the address is none of this machine', 'choose one that is with --address <ip>'],
  EAFNOSUPPORT: ['this machine has no addresses of this kind', 'choose another with --address <ip>'],
};

const LOOPBACK = ['127.0.0.1', '::1'];
const ABSENT: ReadonlySet<string> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT']);
const PORT_ATTEMPTS = 10;
