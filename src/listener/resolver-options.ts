// The three ways to give a function that finds servers: our own, the one of Erlang's listener, and that of `node:tls`,
// made one. Knows no handshake.

import { invalidArgType, invalidArgValue } from '../errors.ts';
import type { ResolvedServer, ServerResolver } from './server-resolution.ts';

export interface ResolverOptions {
  /**
   * Finds the server for a hello whose name no server here has: its options, or null for the default server. May take its
   * time. The same object may be given again, it is read once; what is thrown refuses the client (handshake_failure).
   */
  resolveServer?: ServerResolver;
  /** The same by the name alone, null if the client asks for none. */
  sniCallback?: (serverName: string | null) => ReturnType<ServerResolver>;
  /** The same as in `node:tls`; gives `{ cert, key }` to its callback, as no key can be read from a SecureContext. */
  SNICallback?: (serverName: string, done: (error: Error | null, server?: ResolvedServer) => void) => void;
}

export const RESOLVER_OPTION_NAMES: readonly string[] = ['resolveServer', 'sniCallback', 'SNICallback'];

/** Null if none was given. Throws Node's argument errors. */
export function parseResolver(options: ResolverOptions): ServerResolver | null {
  const given = Object.entries(options).filter(
    ([name, value]) => value !== undefined && RESOLVER_OPTION_NAMES.includes(name),
  );
  if (given.length > 1) {
    const names = given.map(([name]) => name).join(', ');
    throw invalidArgValue(given[1][0], given[1][1], `stands instead of another one; there are ${names}`);
  }
  for (const [name, value] of given)
    if (typeof value !== 'function') throw invalidArgType(name, 'of type function', value);
  const { resolveServer, sniCallback, SNICallback } = options;
  if (sniCallback !== undefined) return ({ serverName }) => sniCallback(serverName);
  if (SNICallback === undefined) return resolveServer ?? null;
  return ({ serverName }) => (serverName === null ? null : asked(SNICallback, serverName));
}

function asked(
  callback: NonNullable<ResolverOptions['SNICallback']>,
  serverName: string,
): Promise<ResolvedServer> {
  return new Promise((resolve, reject) => {
    callback(serverName, (error, server) => (error ? reject(error) : resolve(server)));
  });
}
