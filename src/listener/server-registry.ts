// The servers of a listener as they change: added and removed under their names, bound to interfaces and unbound. Keeps the
// table of names and the interfaces in step; knows no lifecycle.

import type { CryptoProvider } from '../crypto/provider.ts';
import { invalidArgType, quicError } from '../errors.ts';
import { parseDrain, type ReleaseOptions } from '../runtime/interfaces.ts';
import { VirtualServer } from './server.ts';
import {
  type BindRequest,
  parseBinds,
  type ServerBinds,
  type ServerInterfaces,
} from './server-interfaces.ts';
import { type AddServerOptions, parseOwnServer, type ServerSettings } from './server-options.ts';
import { parseServerName, type ServerTable } from './servers.ts';

/** What servers have that leave it open. */
export interface ServerBase {
  readonly base: ServerSettings;
  readonly binds: readonly BindRequest[] | undefined;
}

export class ServerRegistry {
  readonly #table: ServerTable;
  readonly #interfaces: ServerInterfaces;
  readonly #base: ServerBase;
  readonly #provider: CryptoProvider;

  constructor(table: ServerTable, interfaces: ServerInterfaces, base: ServerBase, provider: CryptoProvider) {
    this.#table = table;
    this.#interfaces = interfaces;
    this.#base = base;
    this.#provider = provider;
  }

  /** Without binding anything yet. */
  put(name: string, settings: ServerSettings, binds: ServerBase['binds'] = this.#base.binds): VirtualServer {
    const server = new VirtualServer(name, settings, this.#interfaces.add(binds), this.#provider);
    this.#table.add(server);
    return server;
  }

  async add(name: string, given: AddServerOptions): Promise<VirtualServer> {
    if (typeof given !== 'object' || given === null) throw invalidArgType('options', 'an object', given);
    const { bind, ...options } = given;
    const parsed = parseServerName(name);
    this.#table.checkFree(parsed);
    const binds = bind === undefined ? undefined : parseBinds('bind', bind);
    const server = this.put(parsed, parseOwnServer(options, this.#base.base, this.#provider), binds);
    try {
      await this.#interfaces.bind(server.binds, []);
    } catch (error) {
      // Another one may have the name by now.
      if (this.#table.get(parsed) === server) this.remove(parsed);
      throw error;
    }
    return server;
  }

  remove(name: string): boolean {
    const server = this.#table.remove(parseServerName(name));
    if (server === undefined) return false;
    server.onRemoved();
    void this.#interfaces.remove(server.binds);
    return true;
  }

  get(name: string): VirtualServer | undefined {
    return this.#table.get(parseServerName(name));
  }

  async bind(name: string, uris: string | readonly string[]): Promise<void> {
    const server = this.get(name);
    if (server === undefined)
      throw quicError('ERR_QUIC_SERVER_NOT_FOUND', { message: `There is no server named '${name}'` });
    await this.#interfaces.bind(server.binds, parseBinds('uris', uris));
  }

  /** `others`: what else is bound, where it is for all. */
  async unbind(
    uri: string,
    names: string | readonly string[] | undefined,
    options: ReleaseOptions,
    others: ServerBinds,
  ): Promise<void> {
    parseDrain(options);
    const [{ key }] = parseBinds('uri', [uri]);
    const wanted = names === undefined ? this.#table.names : [names].flat();
    const binds = wanted.flatMap((name) => this.get(name)?.binds ?? []);
    await this.#interfaces.unbind(key, names === undefined ? [...binds, others] : binds, options);
  }
}
