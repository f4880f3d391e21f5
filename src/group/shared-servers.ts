// Who the TLS and QUIC listeners of a group are, under which names: one table for all of them. Knows no sockets and no
// handshakes.

import { privateKeyPem } from '../crypto/node-keys.ts';
import { quicError } from '../errors.ts';
import { parseServerName, ServerTable } from '../listener/servers.ts';
import { type IdentityOptions, loadIdentity } from '../pki/identity.ts';

/** A certificate with its key, under a name. Made by `addServer` of a group. */
export class SharedServer {
  /** In lower case; `*.` and a name for one label more, `*` for all others. */
  readonly name: string;
  #identity: IdentityOptions;
  #isRemoved = false;

  constructor(name: string, identity: IdentityOptions) {
    this.name = name;
    this.#identity = checked(identity);
  }

  /** An object that is another one after `update`. */
  get identity(): IdentityOptions {
    return this.#identity;
  }

  /** Replaces certificate and key for handshakes that begin from now on. An error changes nothing. */
  update(identity: IdentityOptions): void {
    if (this.#isRemoved) throw quicError('ERR_QUIC_SERVER_NOT_FOUND');
    this.#identity = checked(identity);
  }

  onRemoved(): void {
    this.#isRemoved = true;
  }
}

export class SharedServers {
  readonly #table: ServerTable<SharedServer> = new ServerTable();

  get size(): number {
    return this.#table.size;
  }

  add(name: string, identity: IdentityOptions): SharedServer {
    const parsed = parseServerName(name);
    this.#table.checkFree(parsed);
    const server = new SharedServer(parsed, identity);
    this.#table.add(server);
    return server;
  }

  remove(name: string): boolean {
    const server = this.#table.remove(parseServerName(name));
    server?.onRemoved();
    return server !== undefined;
  }

  get(name: string): SharedServer | undefined {
    return this.#table.get(parseServerName(name));
  }

  /** The identity for a name that a client asks for; null if only the one for all others is left. */
  named(name: string | null): IdentityOptions | null {
    return this.#table.find(name)?.identity ?? null;
  }

  /** The one for all others; null if there is none. */
  get others(): IdentityOptions | null {
    return this.#table.default?.identity ?? null;
  }
}

/** Read once, so that a file which changes meanwhile is no surprise in the midst of a handshake. */
function checked(given: IdentityOptions): IdentityOptions {
  const { certificates, key } = loadIdentity(given);
  return { cert: certificates, key: privateKeyPem(key) };
}
