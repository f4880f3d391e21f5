// Which server a name leads to: exact names, wildcards for one label, and the one for everything else. Thousands of
// names cost a look-up in a table or two. Knows no sockets and no connections.

import { invalidArgType, invalidArgValue, quicError } from '../errors.ts';
import { normalizeHostName } from '../pki/host-name.ts';
import type { VirtualServer } from './server.ts';

/** Name of the server for clients that ask for no name, or for one that nobody has. */
export const DEFAULT_SERVER_NAME = '*';

/** Of the servers of a listener, or of others that have such names. */
export class ServerTable<S extends { readonly name: string } = VirtualServer> {
  readonly #servers: Map<string, S> = new Map();

  get size(): number {
    return this.#servers.size;
  }

  get names(): string[] {
    return [...this.#servers.keys()];
  }

  [Symbol.iterator](): IterableIterator<S> {
    return this.#servers.values();
  }

  get default(): S | null {
    return this.#servers.get(DEFAULT_SERVER_NAME) ?? null;
  }

  /** Throws ERR_QUIC_SERVER_EXISTS. */
  checkFree(name: string): void {
    if (!this.#servers.has(name)) return;
    throw quicError('ERR_QUIC_SERVER_EXISTS', {
      message: `There is already a server with the name '${name}'`,
    });
  }

  add(server: S): void {
    this.checkFree(server.name);
    this.#servers.set(server.name, server);
  }

  remove(name: string): S | undefined {
    const server = this.#servers.get(name);
    this.#servers.delete(name);
    return server;
  }

  get(name: string): S | undefined {
    return this.#servers.get(name);
  }

  /** The server with this name, or else with `*` for its first label; not the default. `name` as TLS gives it, in lower case. */
  find(name: string | null): S | null {
    if (name === null) return null;
    // A full name may end with a dot, although SNI forbids it (RFC 6066 §3).
    const bare = name.endsWith('.') ? name.slice(0, -1) : name;
    const exact = this.#servers.get(bare);
    if (exact !== undefined) return bare === DEFAULT_SERVER_NAME ? null : exact;
    const dot = bare.indexOf('.');
    return dot <= 0 ? null : (this.#servers.get(`*${bare.slice(dot)}`) ?? null);
  }
}

/** A name as it is looked up: lower case, A-labels. Throws ERR_INVALID_ARG_TYPE and ERR_INVALID_ARG_VALUE. */
export function parseServerName(name: unknown): string {
  if (typeof name !== 'string') throw invalidArgType('name', 'of type string', name);
  if (name === DEFAULT_SERVER_NAME) return name;
  const isWildcard = name.startsWith('*.');
  const host = normalizeHostName(isWildcard ? name.slice(2) : name);
  if (host === null) {
    throw invalidArgValue(
      'name',
      name,
      "must be a host name such as 'example.com', '*.example.com' for one label more, or '*' for all others",
    );
  }
  return isWildcard ? `*.${host}` : host;
}
