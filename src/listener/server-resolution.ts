// From a client's hello to the settings of a server: the table of names first, then the application's resolver, then the
// server for all others. Keeps what it parsed, so that a resolver may give the same object for thousands of handshakes.

import type { CryptoProvider } from '../crypto/provider.ts';
import { settle } from '../runtime/deferred.ts';
import type { ClientHelloInfo } from '../tls/engine.ts';
import type { SocketAddress } from '../util/address.ts';
import type { ServerBinds } from './server-interfaces.ts';
import { parseOwnServer, type ServerOptions, type ServerSettings } from './server-options.ts';
import type { ServerTable } from './servers.ts';

/** What is found for a name: a server, or nothing, for which the default server stands in if there is one. */
export type ResolvedServer = ServerOptions | null | undefined;

/** Finds servers that have no name of their own on the listener. What it throws or rejects with refuses the client. */
export type ServerResolver = (hello: ClientHelloInfo) => ResolvedServer | PromiseLike<ResolvedServer>;

export class ServerResolution {
  readonly #table: ServerTable;
  readonly #resolver: ServerResolver | null;
  readonly #base: ServerSettings;
  /** Where servers that the resolver finds take clients. */
  readonly binds: ServerBinds;
  readonly #provider: CryptoProvider;
  readonly #parsed: WeakMap<object, ServerSettings> = new WeakMap();

  /** `base`: what resolved servers leave open. */
  constructor(
    table: ServerTable,
    resolver: ServerResolver | null,
    base: ServerSettings,
    binds: ServerBinds,
    provider: CryptoProvider,
  ) {
    this.#table = table;
    this.#resolver = resolver;
    this.#base = base;
    this.binds = binds;
    this.#provider = provider;
  }

  /** Somebody could be found here. */
  get isPossible(): boolean {
    return this.#table.size > 0 || this.#resolver !== null;
  }

  /** A refusal may have to be silent, so that nothing may leave before the client is let in. */
  get mayBeSilent(): boolean {
    if (this.#base.authorizeName.length > 0) return true;
    for (const { settings } of this.#table) if (settings.authorizeName.length > 0) return true;
    return false;
  }

  /** `to` is the local address that the client chose. Null: there is nobody for it. */
  find(
    hello: ClientHelloInfo,
    to: SocketAddress,
    done: (settings: ServerSettings | null) => void,
    failed: (reason: string) => void,
  ): void {
    const named = this.#table.find(hello.serverName);
    const resolver = this.#resolver;
    if (named !== null) done(named.binds.serves(to) ? named.settings : null);
    else if (resolver === null) done(this.#default(to));
    else this.#ask(() => resolver(hello), hello.serverName, to, done, failed);
  }

  #ask(
    resolve: () => ReturnType<ServerResolver>,
    name: string | null,
    to: SocketAddress,
    done: (settings: ServerSettings | null) => void,
    failed: (reason: string) => void,
  ): void {
    settle(
      resolve,
      (found) => {
        const isDefault = found === null || found === undefined;
        let settings: ServerSettings | null;
        try {
          settings = isDefault ? this.#default(to) : this.#parse(found);
        } catch (error) {
          // The application's mistake, which no client should hear of in detail.
          process.emitWarning(`The server for '${name}' cannot be used: ${(error as Error).message}`);
          failed('the server could not be found');
          return;
        }
        done(isDefault || this.binds.serves(to) ? settings : null);
      },
      () => failed('the server could not be found'),
    );
  }

  #default(to: SocketAddress): ServerSettings | null {
    const server = this.#table.default;
    return server?.binds.serves(to) === true ? server.settings : null;
  }

  #parse(options: ServerOptions): ServerSettings {
    const known = this.#parsed.get(options);
    if (known !== undefined) return known;
    const settings = parseOwnServer(options, this.#base, this.#provider);
    this.#parsed.set(options, settings);
    return settings;
  }
}
