// A virtual server: what a listener is under one name. A live view that can be changed while connections go on; those
// that exist keep what they began with.

import type { CryptoProvider } from '../crypto/provider.ts';
import { quicError } from '../errors.ts';
import type { ServerBinds, ServerInterface } from './server-interfaces.ts';
import { parseOwnServer, type ServerOptions, type ServerSettings } from './server-options.ts';

/** Made by `addServer`, found by `getServer`. */
export class VirtualServer {
  /** As it is looked up: in lower case, with `*` for a label of any name. */
  readonly name: string;
  /** Where it takes clients. */
  readonly binds: ServerBinds;
  readonly #provider: CryptoProvider;
  #settings: ServerSettings;
  #isRemoved = false;

  constructor(name: string, settings: ServerSettings, binds: ServerBinds, provider: CryptoProvider) {
    this.name = name;
    this.binds = binds;
    this.#settings = settings;
    this.#provider = provider;
  }

  /** Chains as they are shown to clients, DER, leaf first; one for each kind of key. */
  get certificates(): readonly (readonly Uint8Array[])[] {
    return this.#settings.identities.map(({ certificates }) => certificates);
  }

  /** The OCSP response for the first certificate; null without one. */
  get ocspResponse(): Uint8Array | null {
    return this.#settings.identities[0]?.ocspResponse ?? null;
  }

  /** Its own protocols; null where it has those of the listener. */
  get alpn(): readonly string[] | null {
    return this.#settings.alpn;
  }

  get clientCertificate(): 'none' | 'optional' | 'required' {
    const { clientCertificate } = this.#settings;
    if (clientCertificate === 'none') return 'none';
    return clientCertificate === 'request' ? 'optional' : 'required';
  }

  /** Those that it is bound to by URI; empty where it is wherever the listener is. */
  get interfaces(): ServerInterface[] {
    return this.binds.list;
  }

  get isRemoved(): boolean {
    return this.#isRemoved;
  }

  /**
   * Replaces what is given, such as a certificate with its key or an OCSP response, for handshakes that begin from now on.
   * No connection is disturbed, and an error changes nothing: those of `addServer`, and ERR_QUIC_SERVER_NOT_FOUND once the
   * server is removed.
   */
  update(changes: ServerOptions): void {
    if (this.#isRemoved) {
      throw quicError('ERR_QUIC_SERVER_NOT_FOUND', { message: `The server '${this.name}' was removed` });
    }
    this.#settings = parseOwnServer(changes, this.#settings, this.#provider);
  }

  // ---- for the listener ----

  get settings(): ServerSettings {
    return this.#settings;
  }

  onRemoved(): void {
    this.#isRemoved = true;
  }
}
