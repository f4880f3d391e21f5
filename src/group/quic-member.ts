// A QUIC listener of a group: the library's own, whose connections are handed on when their handshakes are complete.

import { quicError } from '../errors.ts';
import { QuicListener } from '../listener/listener.ts';
import type { QuicConnection } from '../runtime/connection.ts';
import type { GroupAddress } from './address.ts';
import type { Member, MemberHost } from './member.ts';
import { QuicLink } from './quic-link.ts';
import type { SharedServers } from './shared-servers.ts';
import type { QuicTarget } from './specification.ts';

export class QuicMember implements Member {
  readonly #host: MemberHost;
  readonly #listener: QuicListener;
  #isStopped = false;

  /** Reads certificates and keys. Throws the errors of `QuicListener`. */
  constructor(target: QuicTarget, host: MemberHost) {
    const { kind: _, ...options } = target;
    this.#host = host;
    const shared = isSomebody(options) ? {} : sharedIdentities(host.servers);
    this.#listener = new QuicListener({ ...options, ...shared, environment: host.environment });
  }

  async bind(): Promise<GroupAddress> {
    await this.#listener.start();
    void this.#accept();
    return this.#listener.address();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#listener.state === 'started') await this.#listener.stop();
  }

  free(): Promise<void> {
    return this.#listener.close();
  }

  async #accept(): Promise<void> {
    try {
      for await (const connection of this.#listener) void this.#open(connection);
      if (!this.#isStopped) this.#host.onFailed(new Error('The QUIC listener was closed'));
    } catch (error) {
      if (!this.#isStopped) this.#host.onFailed(error as Error);
    }
  }

  async #open(connection: QuicConnection): Promise<void> {
    const leave = this.#host.admit();
    if (leave === null) {
      connection.destroy();
      return;
    }
    connection.closed.then(leave, leave);
    try {
      const { localAddress, remoteAddress, alpn, serverName, cipher } = await connection.opened;
      const { peerCertificate } = connection;
      this.#host.onLink(
        new QuicLink(connection, {
          kind: 'quic',
          localAddress,
          remoteAddress,
          alpn,
          serverName,
          cipher,
          peerCertificate,
        }),
      );
    } catch {
      // The handshake failed; the client was told why.
    }
  }
}

/** Whether the target says itself who the listener is. */
function isSomebody(options: Omit<QuicTarget, 'kind'>): boolean {
  return IDENTITY_OPTIONS.some((name) => options[name] !== undefined);
}

/** Clients get the servers of the group. */
function sharedIdentities(servers: SharedServers): Pick<QuicTarget, 'resolveServer'> {
  if (servers.size === 0) throw quicError('ERR_QUIC_NO_IDENTITY');
  return { resolveServer: ({ serverName }) => servers.named(serverName) ?? servers.others };
}

const IDENTITY_OPTIONS = [
  'cert',
  'key',
  'identities',
  'psks',
  'resolveServer',
  'sniCallback',
  'SNICallback',
] as const;
