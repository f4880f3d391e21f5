// A QUIC listener of a group: the library's own, whose connections are handed on when their handshakes are complete, or with
// the first stream that comes in 0-RTT.

import { quicError } from '../errors.ts';
import type { IncomingConnection } from '../listener/incoming-connection.ts';
import { QuicListener } from '../listener/listener.ts';
import type { QuicConnection } from '../runtime/connection.ts';
import { isUnspecified, socketAddress } from '../util/address.ts';
import type { GroupAddress } from './address.ts';
import type { Member, MemberHost } from './member.ts';
import { QuicLink } from './quic-link.ts';
import type { SharedServers } from './shared-servers.ts';
import type { QuicTarget } from './specification.ts';

export class QuicMember implements Member {
  readonly #host: MemberHost;
  readonly #target: QuicTarget;
  readonly #listener: QuicListener;
  #isStopped = false;

  /** Reads certificates and keys. Throws the errors of `QuicListener`. */
  constructor(target: QuicTarget, host: MemberHost) {
    const { kind: _, ...options } = target;
    this.#host = host;
    this.#target = target;
    const shared = isSomebody(options) ? {} : sharedIdentities(host.servers);
    this.#listener = new QuicListener({
      ...options,
      ...shared,
      onIncoming: (incoming) => this.#onIncoming(incoming),
      environment: host.environment,
    });
  }

  async bind(): Promise<GroupAddress> {
    await this.#listener.start();
    void this.#accept();
    return this.#address();
  }

  stop(): void {
    this.#isStopped = true;
    // New ones are refused at once; that half of a hello may still be on its way is no reason to wait.
    this.#listener.stop().catch(() => {});
  }

  free(): Promise<void> {
    return this.#listener.close();
  }

  /** What is behind it. */
  get listener(): QuicListener {
    return this.#listener;
  }

  /** Where there is no room a client is refused before its handshake costs anything; else the target may decide. */
  #onIncoming(incoming: IncomingConnection): unknown {
    const leave = this.#host.admit();
    if (leave === null) return incoming.refuse();
    // Its seat is taken when it is delivered: until then its address may be a lie.
    leave();
    return this.#target.onIncoming?.(incoming);
  }

  /** As it was asked for, with the real port: a wildcard may be many sockets. */
  #address(): GroupAddress {
    const bound = this.#listener.address();
    const asked = socketAddress(this.#target.address ?? '::', bound.port);
    return asked !== null && isUnspecified(asked.address) ? asked : bound;
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
      const { localAddress, remoteAddress, alpn, serverName, cipher } = await connection.active;
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
