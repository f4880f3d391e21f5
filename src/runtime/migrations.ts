// A connection's changes of address as its user sees them: a socket for the new one, the core's move, and how it ended.

import type { ConnectionEvent } from '../connection/events.ts';
import type { PathEvent } from '../connection/path-events.ts';
import { quicError } from '../errors.ts';
import { type SocketAddress, sameAddress } from '../util/address.ts';
import { type Deferred, defer } from './deferred.ts';
import type { DrivenConnection } from './driven-connection.ts';

export interface MigrateOptions {
  /** IP address to send from. Default: what the system chooses. */
  localAddress?: string;
  /** Default 0: any free port. */
  localPort?: number;
}

/** Bytes do not wait for the outcome of a move: they go over the new path at once. */
export class Migrations {
  readonly #driven: DrivenConnection;
  readonly #now: () => number;
  readonly #waiting: { local: SocketAddress; remote: SocketAddress; done: Deferred<void> }[] = [];
  /** Hears of every path; what it throws is not caught. */
  onPathEvent: ((event: PathEvent) => void) | null = null;

  constructor(driven: DrivenConnection, now: () => number) {
    this.#driven = driven;
    this.#now = now;
  }

  /** Opens a socket and moves there. */
  async migrate(options: MigrateOptions): Promise<void> {
    const { core } = this.#driven;
    if (core.isServer || !core.state.isOpen || !core.handshake.isConfirmed) {
      const message = core.isServer ? 'a server cannot migrate' : 'the connection is not ready to migrate';
      throw quicError('ERR_QUIC_INVALID_STATE', { message });
    }
    const local = await this.#driven.bindTowards(core.paths.active.remote, {
      ...(options.localAddress === undefined ? {} : { address: options.localAddress }),
      ...(options.localPort === undefined ? {} : { port: options.localPort }),
    });
    await this.moveTo(local);
  }

  /** Moves to an address that the endpoint is bound to. */
  async moveTo(local: SocketAddress): Promise<void> {
    const { core } = this.#driven;
    const { remote } = core.paths.active;
    try {
      core.migration.migrate(local, remote, this.#now());
    } catch (error) {
      this.#driven.releaseSocket(local);
      throw error;
    }
    if (core.paths.active.state !== 'validated') {
      const done = defer<void>();
      this.#waiting.push({ local, remote, done });
      this.#driven.touch();
      await done.promise;
    } else this.#driven.touch();
  }

  onEvent(event: ConnectionEvent): void {
    switch (event.type) {
      case 'preferred-address':
        void this.#follow(event.ipv4, event.ipv6).catch(() => {});
        return;
      case 'path-validated':
      case 'path-failed':
        this.#settle(event);
        break;
      case 'path-closed':
        // What was left for good needs no socket.
        if (!this.#driven.core.isServer) this.#release(event.local);
        break;
      case 'path-new':
      case 'peer-migrated':
      case 'source-id-reused':
      case 'destination-id-reused':
        break;
      default:
        return;
    }
    this.onPathEvent?.(event);
  }

  /** The connection is over. */
  end(error: Error): void {
    for (const { done } of this.#waiting.splice(0)) done.reject(error);
  }

  /** A connected socket reaches nobody but its peer, so the preferred address needs one of its own. */
  async #follow(ipv4: SocketAddress | null, ipv6: SocketAddress | null): Promise<void> {
    const { core } = this.#driven;
    if (!this.#driven.followsPreferred) return;
    const remote = core.paths.active.remote.family === 4 ? ipv4 : ipv6;
    if (remote === null) return;
    const local = await this.#driven.bindTowards(remote, {});
    if (core.migration.followPreferred(local, this.#now())) this.#driven.touch();
    else this.#driven.releaseSocket(local);
  }

  #release(local: SocketAddress): void {
    const { paths } = this.#driven.core;
    if (!paths.all.some((path) => sameAddress(path.local, local))) this.#driven.releaseSocket(local);
  }

  #settle(event: PathEvent & { type: 'path-validated' | 'path-failed' }): void {
    for (const waiting of [...this.#waiting]) {
      if (!sameAddress(waiting.local, event.local) || !sameAddress(waiting.remote, event.remote)) continue;
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      if (event.type === 'path-validated') waiting.done.resolve();
      else {
        const message = `Nothing came back from ${event.remote.address} to the new address`;
        waiting.done.reject(quicError('ERR_QUIC_MIGRATION_FAILED', { message }));
      }
    }
  }
}
