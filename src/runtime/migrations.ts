// A connection's changes of address as its user sees them: a socket for the new one, the core's move, and how it ended.

import type { ConnectionEvent } from '../connection/events.ts';
import type { Path } from '../connection/path.ts';
import type { PathEvent } from '../connection/path-events.ts';
import { quicError } from '../errors.ts';
import { type SocketAddress, sameAddress } from '../util/address.ts';
import { type Deferred, defer } from './deferred.ts';
import type { DrivenConnection } from './driven-connection.ts';
import { type PathMoves, QuicPath } from './path.ts';

export interface MigrateOptions {
  /** IP address to send from. Default: what the system chooses. */
  localAddress?: string;
  /** Default 0: any free port. */
  localPort?: number;
}

/** Bytes do not wait for the outcome of a move: they go over the new path at once. */
export class Migrations implements PathMoves {
  readonly #driven: DrivenConnection;
  readonly #now: () => number;
  readonly #known: WeakMap<Path, QuicPath> = new WeakMap();
  readonly #confirmed: Deferred<void> = defer();
  readonly #waiting: { local: SocketAddress; remote: SocketAddress; done: Deferred<void> }[] = [];
  /** Hears of every path; what it throws is not caught. */
  onPathEvent: ((event: PathEvent) => void) | null = null;

  constructor(driven: DrivenConnection, now: () => number) {
    this.#driven = driven;
    this.#now = now;
    this.#confirmed.promise.catch(() => {});
  }

  /** All paths of the connection, in the order in which they came. */
  get paths(): QuicPath[] {
    return this.#driven.core.paths.all.map((path) => this.#pathOf(path));
  }

  /** Opens a socket and moves there. */
  async migrate(options: MigrateOptions): Promise<void> {
    const local = await this.#bind(options);
    await this.#go(local, this.#driven.core.paths.active.remote, 'migrate');
  }

  /** Opens a socket and asks whether the server answers there; everything else stays as it is. */
  async add(options: MigrateOptions): Promise<QuicPath> {
    const local = await this.#bind(options);
    const { paths } = this.#driven.core;
    const { remote } = paths.active;
    await this.#go(local, remote, 'probePath');
    const path = paths.find(local, remote);
    if (path === null) throw quicError('ERR_QUIC_MIGRATION_FAILED');
    return this.#pathOf(path);
  }

  async use(path: Path): Promise<void> {
    await this.#ready();
    await this.#go(path.local, path.remote, 'migrate');
  }

  close(path: Path): void {
    this.#driven.core.paths.close(path);
    this.#driven.touch();
  }

  /** RFC 9000 §9: nobody moves before the handshake is confirmed. */
  async #ready(): Promise<void> {
    const { core } = this.#driven;
    if (core.isServer) throw quicError('ERR_QUIC_INVALID_STATE', { message: 'a server cannot migrate' });
    if (!core.state.isOpen) {
      throw quicError('ERR_QUIC_INVALID_STATE', { message: 'the connection is closed' });
    }
    if (!core.handshake.isConfirmed) await this.#confirmed.promise;
  }

  async #bind({ localAddress, localPort }: MigrateOptions): Promise<SocketAddress> {
    await this.#ready();
    return this.#driven.bindTowards(this.#driven.core.paths.active.remote, {
      ...(localAddress === undefined ? {} : { address: localAddress }),
      ...(localPort === undefined ? {} : { port: localPort }),
    });
  }

  /** Resolves when the server was heard between these addresses. */
  async #go(local: SocketAddress, remote: SocketAddress, how: 'migrate' | 'probePath'): Promise<void> {
    const { core } = this.#driven;
    try {
      core.migration[how](local, remote, this.#now());
    } catch (error) {
      // A socket that a path uses stays.
      this.#release(local);
      throw error;
    }
    this.#driven.touch();
    if (core.paths.find(local, remote)?.state === 'validated') return;
    const done = defer<void>();
    this.#waiting.push({ local, remote, done });
    await done.promise;
  }

  #pathOf(path: Path): QuicPath {
    const known = this.#known.get(path) ?? new QuicPath(this.#driven.core, path, this);
    this.#known.set(path, known);
    return known;
  }

  onEvent(event: ConnectionEvent): void {
    switch (event.type) {
      case 'confirmed':
        this.#confirmed.resolve();
        return;
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
    this.#confirmed.reject(error);
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
