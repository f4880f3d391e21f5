// A set of listeners of any kind and of their connections, with one handler. Owns who is in the set; how listeners and
// connections live is theirs.

import { EventEmitter } from 'node:events';
import { invalidArgType, quicError } from '../errors.ts';
import type { QuicListener } from '../listener/listener.ts';
import type { IdentityOptions } from '../pki/identity.ts';
import { defer } from '../runtime/deferred.ts';
import { type Environment, nodeEnvironment } from '../runtime/environment.ts';
import { boolean, checkOptionNames, integer } from '../runtime/options.ts';
import type { GroupAddress } from './address.ts';
import { type ConnectionHost, GroupConnection } from './group-connection.ts';
import { GroupListener, type ListenerHost } from './group-listener.ts';
import type { ErrorOrigin, GroupConnectionInfo, GroupHandler } from './handler.ts';
import { IdPool } from './id-pool.ts';
import type { Link } from './member.ts';
import { Scopes } from './scopes.ts';
import { type SharedServer, SharedServers } from './shared-servers.ts';
import {
  type ConnectionSnapshot,
  connectionSnapshot,
  type ListenerSnapshot,
  listenerSnapshot,
} from './snapshots.ts';
import { type ListenerSpecification, parseSpecification } from './specification.ts';

/** Connections of a group at once, unless its option says otherwise; more are refused. */
export const MAX_GROUP_CONNECTIONS = 10_000;

export interface GroupOptions {
  /** Where connection ids come from. Default a pool of its own. */
  readonly idPool?: IdPool;
  /** Connections at once. Default 10,000. */
  readonly maxConnections?: number;
  /** Clock of the group, and clock, sockets and randomness of its QUIC listeners. Default the process's own. */
  readonly environment?: Environment;
}

export interface ShutdownOptions {
  /** How long connections may finish, ms. Default 0: they are killed at once. */
  readonly drain?: number;
  /** Ends the time to finish. */
  readonly signal?: AbortSignal;
}

/** The events of a group: the callbacks of the handler, for whoever else is interested. */
export interface GroupEvents<LId, Data> {
  bound: [id: LId, address: GroupAddress];
  unbound: [id: LId];
  failed: [id: LId, error: Error];
  connected: [info: GroupConnectionInfo<LId>];
  disconnected: [info: GroupConnectionInfo<LId>, data: Data | undefined, error: Error | null];
  errored: [error: unknown, origin: ErrorOrigin<LId>];
}

/**
 * Listeners of any kind, added and removed while it runs, and one handler for all their connections. From the crate
 * lstngrp, with QUIC as one more kind.
 *
 * Errors: ERR_QUIC_LISTENER_EXISTS, ERR_QUIC_LISTENER_NOT_FOUND, ERR_QUIC_LISTENER_SPECIFICATION, ERR_QUIC_BIND,
 * ERR_QUIC_NO_IDENTITY, ERR_QUIC_GROUP_CLOSED.
 */
export class ListenGroup<LId = unknown, Data = undefined> extends EventEmitter<GroupEvents<LId, Data>> {
  readonly #handler: GroupHandler<LId, Data>;
  readonly #environment: Environment;
  readonly #idPool: IdPool;
  readonly #maxConnections: number;
  readonly #listeners: Map<LId, GroupListener<LId, Data>> = new Map();
  /** Listeners that still hold something of the system, whether they are in the group or not. */
  readonly #holding: Set<GroupListener<LId, Data>> = new Set();
  readonly #connections: Map<number, GroupConnection<LId, Data>> = new Map();
  readonly #listenerOf: WeakMap<GroupConnection<LId, Data>, GroupListener<LId, Data>> = new WeakMap();
  readonly #servers: SharedServers = new SharedServers();
  readonly #scopes: Scopes = new Scopes();
  readonly #closing: AbortController = new AbortController();
  #seats = 0;

  constructor(handler: GroupHandler<LId, Data>, options: GroupOptions = {}) {
    super();
    if (typeof handler?.connected !== 'function') {
      throw invalidArgType('handler', 'an object with a function connected', handler);
    }
    checkOptionNames(options, OPTION_NAMES, 'options');
    this.#handler = handler;
    this.#environment = options.environment ?? nodeEnvironment();
    this.#idPool = options.idPool ?? new IdPool();
    this.#maxConnections = integer(
      'maxConnections',
      options.maxConnections,
      1,
      Number.MAX_SAFE_INTEGER,
      MAX_GROUP_CONNECTIONS,
    );
  }

  // ---- listeners ----

  /**
   * Registers a listener, at once, and binds it in the background. Resolves with its address when it is bound, with null
   * for `autoBind: false`; rejects with what `failed` is told, or with ERR_QUIC_LISTENER_FINISHED if the listener is killed
   * before. That may be left alone. Rejects, and registers nothing, for a wrong specification, an id that is in use, and
   * after `shutdown`.
   *
   * With an event and a function it is the `addListener` of EventEmitter.
   */
  override addListener(specification: ListenerSpecification<LId>): Promise<GroupAddress | null>;
  override addListener(event: string | symbol, listener: (...values: never[]) => void): this;
  override addListener(
    first: ListenerSpecification<LId> | string | symbol,
    second?: (...values: never[]) => void,
  ): Promise<GroupAddress | null> | this {
    if (typeof first === 'string' || typeof first === 'symbol') {
      return super.addListener(first as never, second as never);
    }
    return this.#add(first);
  }

  /** Whether a listener is registered: from `addListener` until it is gone. */
  hasListener(id: LId): boolean {
    return this.#listeners.has(id);
  }

  /**
   * Binds a listener that was added with `autoBind: false`. Rejects with ERR_QUIC_LISTENER_NOT_FOUND,
   * ERR_QUIC_LISTENER_ALREADY_STARTED, or what `failed` is told: then it can be tried again.
   */
  async bindListener(id: LId): Promise<GroupAddress> {
    const listener = this.#listeners.get(id);
    if (listener === undefined) throw quicError('ERR_QUIC_LISTENER_NOT_FOUND');
    return await this.#scopes.wait(() => listener.bind());
  }

  /**
   * Stops a listener. Its connections live on, or are killed with `killConnections`. Resolves when it is gone, with the
   * handlers of the connections that were killed; with false if there is none of this id. A QUIC listener whose connections
   * live on keeps its UDP port until the last of them is over.
   */
  async killListener(id: LId, options: { killConnections?: boolean } = {}): Promise<boolean> {
    checkOptionNames(options, KILL_OPTION_NAMES, 'options');
    const listener = this.#listeners.get(id);
    if (listener === undefined) return false;
    await this.#scopes.wait(() => listener.kill(boolean('killConnections', options.killConnections, false)));
    return true;
  }

  /** The QuicListener of a listener of kind QUIC, for its numbers and its own servers; null for other kinds and unknown ids. */
  getQuicListener(id: LId): QuicListener | null {
    return this.#listeners.get(id)?.quicListener ?? null;
  }

  // ---- who the TLS and QUIC listeners are ----

  /**
   * Adds a certificate with its key for clients that ask for this name: a host name, `*.` and a host name for one label more,
   * or `*` for all others. All TLS and QUIC listeners have it whose specification names none of its own.
   * `update` of what it gives replaces it while connections go on. Throws ERR_QUIC_SERVER_EXISTS, and the errors of
   * arguments and of reading certificates and keys.
   */
  addServer(name: string, identity: IdentityOptions): SharedServer {
    return this.#servers.add(name, identity);
  }

  /** Whether there was one. Handshakes that begin from now on do not see it; connections go on. */
  removeServer(name: string): boolean {
    return this.#servers.remove(name);
  }

  /** The server with exactly this name. */
  getServer(name: string): SharedServer | undefined {
    return this.#servers.get(name);
  }

  // ---- connections ----

  /**
   * Ends a connection through its kill switch. Resolves when its handlers are over; with false if there is no connection of
   * this id.
   */
  async killConnection(id: number): Promise<boolean> {
    const connection = this.#connections.get(id);
    if (connection === undefined) return false;
    connection.kill();
    await this.#scopes.wait(() => connection.scope.settled());
    return true;
  }

  /** What `connected` returned as data for a connection, while it lives; undefined for an id that is not in use. */
  getData(id: number): Data | undefined {
    return this.#connections.get(id)?.data;
  }

  // ---- inspection ----

  /** All listeners as they are now. With the name of an event it is the `listeners` of EventEmitter. */
  override listeners(): ListenerSnapshot<LId>[];
  override listeners<E extends keyof GroupEvents<LId, Data>>(
    event: E,
  ): ((...values: GroupEvents<LId, Data>[E]) => void)[];
  override listeners(event?: keyof GroupEvents<LId, Data>): unknown[] {
    if (event !== undefined) return super.listeners(event);
    return [...this.#listeners.values()].map(listenerSnapshot);
  }

  /** All connections as they are now, or those of one listener. */
  connections(filter: { listenerId?: LId } = {}): ConnectionSnapshot<LId, Data>[] {
    const chosen = [...this.#connections.values()].filter(
      ({ info }) => !('listenerId' in filter) || filter.listenerId === info.listenerId,
    );
    return chosen.map((connection) => {
      const listener = this.#listenerOf.get(connection);
      return connectionSnapshot(connection, this.#listeners.get(connection.info.listenerId) !== listener);
    });
  }

  // ---- the end ----

  /**
   * Stops all listeners, lets connections finish for up to `drain` milliseconds, kills those that are left, and resolves when
   * all callbacks are over and everything is freed. Handlers are told by `context.closing`; QUIC connections without a
   * stream are closed at once. No listener can be added afterwards. May be called again, to wait or to hurry.
   */
  async shutdown(options: ShutdownOptions = {}): Promise<void> {
    checkOptionNames(options, SHUTDOWN_OPTION_NAMES, 'options');
    const drain = integer('drain', options.drain, 0, 2 ** 31 - 1, 0);
    this.#closing.abort();
    await this.#scopes.wait(() => this.#shutdown(drain, options.signal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  async #shutdown(drain: number, signal: AbortSignal | undefined): Promise<void> {
    const stopped = [...this.#listeners.values()].map((listener) => listener.kill(false));
    for (const connection of this.#connections.values()) connection.drain();
    if (drain > 0) await this.#finished(drain, signal);
    for (const connection of this.#connections.values()) connection.kill();
    await Promise.all(stopped);
    await this.#scopes.allSettled();
    await Promise.all([...this.#holding].map((listener) => listener.free()));
  }

  /** Resolves when all scopes are settled, the time is over or the signal fires. */
  async #finished(drain: number, signal: AbortSignal | undefined): Promise<void> {
    const { clock } = this.#environment;
    const over = defer<void>();
    const timer = clock.createTimer(over.resolve);
    const onAbort = (): void => over.resolve();
    timer.set(clock.now() + drain);
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted) onAbort();
    void this.#scopes.allSettled().then(over.resolve);
    await over.promise;
    timer.clear();
    signal?.removeEventListener('abort', onAbort);
  }

  // ---- inside ----

  #add(specification: ListenerSpecification<LId>): Promise<GroupAddress | null> {
    let listener: GroupListener<LId, Data>;
    try {
      if (this.#closing.signal.aborted) throw quicError('ERR_QUIC_GROUP_CLOSED');
      const parsed = parseSpecification(specification);
      if (this.#listeners.has(parsed.id)) throw quicError('ERR_QUIC_LISTENER_EXISTS');
      listener = new GroupListener(parsed, this.#listenerHost());
      this.#listeners.set(parsed.id, listener);
      this.#holding.add(listener);
      if (!parsed.autoBind) return Promise.resolve(null);
    } catch (error) {
      return Promise.reject(error);
    }
    const bound = listener.bind();
    bound.catch(() => {});
    return bound;
  }

  #listenerHost(): ListenerHost<LId, Data> {
    const handler = this.#handler;
    return {
      environment: this.#environment,
      servers: this.#servers,
      admit: () => this.#admit(),
      onLink: (listener, link) => this.#onLink(listener, link),
      onBound: (listener, address) => {
        const { id } = listener;
        this.#tell(
          'bound',
          id,
          () => handler.bound?.(id, address),
          [id, address],
          () => listener.kill(false),
        );
      },
      onUnbound: ({ id }) => this.#tell('unbound', id, () => handler.unbound?.(id), [id]),
      onFailed: ({ id }, error) => this.#tell('failed', id, () => handler.failed?.(id, error), [id, error]),
      onAcceptError: ({ id }, error) =>
        this.#onError(error, { during: 'accept', listenerId: id, connectionId: null }),
      onGone: ({ id }) => this.#listeners.delete(id),
      onFreed: (listener) => this.#holding.delete(listener),
    };
  }

  #connectionHost(): ConnectionHost<LId, Data> {
    return {
      handler: this.#handler,
      scopes: this.#scopes,
      clock: this.#environment.clock,
      onConnected: (info) => this.#emit('connected', info, [info]),
      onDisconnected: (info, data, error) => this.#emit('disconnected', info, [info, data, error]),
      onError: (error, origin) => this.#onError(error, origin),
    };
  }

  /** A seat for a client, which may still have to shake hands. */
  #admit(): (() => void) | null {
    const most = this.#maxConnections;
    if (this.#seats >= most || this.#connections.size >= most) return null;
    this.#seats++;
    return () => this.#seats--;
  }

  #onLink(listener: GroupListener<LId, Data>, link: Link): void {
    const connectionId = this.#idPool.acquire();
    const info = { listenerId: listener.id, connectionId, ...link.facts };
    const connection = new GroupConnection(this.#connectionHost(), info, link);
    this.#connections.set(connectionId, connection);
    this.#listenerOf.set(connection, listener);
    listener.connections.add(connection);
    void connection.live().then(() => {
      this.#connections.delete(connectionId);
      this.#idPool.release(connectionId);
      this.#scopes.close(connection.scope);
      listener.remove(connection);
    });
  }

  /** Calls a callback of the handler about a listener, and those who listen to the event. */
  #tell<E extends 'bound' | 'unbound' | 'failed'>(
    event: E,
    id: LId,
    callback: () => void | Promise<void>,
    values: GroupEvents<LId, Data>[E],
    onThrow: () => void = () => {},
  ): void {
    const origin = { listenerId: id, connectionId: null };
    const scope = this.#scopes.open();
    this.#scopes
      .call(scope, callback)
      .catch((error) => {
        this.#onError(error, { during: event, ...origin });
        onThrow();
      })
      .finally(() => this.#scopes.close(scope));
    this.#emit(event, origin, values);
  }

  #emit<E extends Exclude<keyof GroupEvents<LId, Data>, 'errored'>>(
    event: E,
    { listenerId, connectionId }: Omit<ErrorOrigin<LId>, 'during'>,
    values: GroupEvents<LId, Data>[E],
  ): void {
    try {
      (this as EventEmitter).emit(event, ...values);
    } catch (error) {
      this.#onError(error, { during: event, listenerId, connectionId });
    }
  }

  #onError(error: unknown, origin: ErrorOrigin<LId>): void {
    try {
      this.#handler.errored?.(error, origin);
      const isHeard = this.emit('errored', error, origin) || this.#handler.errored !== undefined;
      if (!isHeard) warn(error, origin);
    } catch (another) {
      warn(error, origin);
      warn(another, origin);
    }
  }
}

/** The last place where an error of the application can be seen. */
function warn(error: unknown, { during }: ErrorOrigin): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.emitWarning(`A callback of a listen group failed (${during}): ${text}`, 'ListenGroupWarning');
}

const OPTION_NAMES: ReadonlySet<string> = new Set(['idPool', 'maxConnections', 'environment']);
const KILL_OPTION_NAMES: ReadonlySet<string> = new Set(['killConnections']);
const SHUTDOWN_OPTION_NAMES: ReadonlySet<string> = new Set(['drain', 'signal']);
