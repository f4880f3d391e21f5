// Listeners of a process under names, as Erlang's servers have them: start, stop, ask. An entry is there from the start of
// a listener until it stopped or ended, whoever brought that about. Knows nothing of what listeners do.

import { invalidArgType, quicError } from '../errors.ts';
import type { QuicConnection } from '../runtime/connection.ts';
import type { DrainOptions } from '../runtime/drains.ts';
import type { SocketAddress } from '../util/address.ts';
import { listen, type ServersByName } from './listen.ts';
import type { ListenOptions } from './listen-options.ts';
import type { QuicListener } from './listener.ts';

/** What is known of a named listener. */
export interface NamedListenerInfo {
  readonly name: string;
  readonly listener: QuicListener;
  readonly address: SocketAddress;
  readonly port: number;
  readonly serverNames: readonly string[];
  readonly connectionCount: number;
  readonly startedAt: Date;
}

/**
 * Errors: ERR_QUIC_LISTENER_EXISTS for a name in use, ERR_QUIC_LISTENER_NOT_FOUND for one that is not.
 */
export class NamedListeners {
  readonly #entries: Map<string, Entry> = new Map();

  /** Starts a listener under a name. Rejects as `listen` does; the name is free again then. */
  async start(name: string, options: ListenOptions & { servers?: ServersByName }): Promise<QuicListener> {
    if (typeof name !== 'string' || name === '')
      throw invalidArgType('name', 'a string that is not empty', name);
    if (isRunning(this.#entries.get(name))) {
      throw quicError('ERR_QUIC_LISTENER_EXISTS', { message: `There is already a listener named '${name}'` });
    }
    const entry: Entry = { listener: null, startedAt: new Date() };
    this.#entries.set(name, entry);
    const forget = (): void => {
      if (this.#entries.get(name) === entry) this.#entries.delete(name);
    };
    try {
      const listener = await listen(options);
      entry.listener = listener;
      entry.startedAt = new Date();
      void listener.closed.then(forget);
      return listener;
    } catch (error) {
      forget();
      throw error;
    }
  }

  /** Closes a listener and its connections; its name is free at once. */
  async stop(name: string, options: DrainOptions = {}): Promise<void> {
    const { listener } = this.#find(name);
    this.#entries.delete(name);
    await listener.close(options);
  }

  info(name: string): NamedListenerInfo {
    const { listener, startedAt } = this.#find(name);
    return {
      name,
      listener,
      address: listener.address(),
      port: listener.port,
      serverNames: listener.serverNames(),
      connectionCount: listener.connectionCount,
      startedAt,
    };
  }

  /** The listener with this name, or undefined. */
  get(name: string): QuicListener | undefined {
    const entry = this.#entries.get(name);
    return isRunning(entry) ? (entry?.listener ?? undefined) : undefined;
  }

  address(name: string): SocketAddress {
    return this.#find(name).listener.address();
  }

  port(name: string): number {
    return this.#find(name).listener.port;
  }

  connections(name: string): QuicConnection[] {
    return this.#find(name).listener.connections;
  }

  /** Names of those that run, in the order in which they were started. */
  list(): string[] {
    return [...this.#entries.keys()].filter((name) => this.get(name) !== undefined);
  }

  #find(name: string): Entry & { listener: QuicListener } {
    const entry = this.#entries.get(name);
    const listener = this.get(name);
    if (entry === undefined || listener === undefined)
      throw quicError('ERR_QUIC_LISTENER_NOT_FOUND', { message: `There is no listener named '${name}'` });
    return { ...entry, listener };
  }
}

/** Those of this process, for whoever needs no registry of its own. */
export const namedListeners: NamedListeners = new NamedListeners();

interface Entry {
  /** Null while it starts. */
  listener: QuicListener | null;
  startedAt: Date;
}

/** It starts or takes connections. One that was stopped by itself has left its name to others. */
function isRunning(entry: Entry | undefined): boolean {
  if (entry === undefined) return false;
  const { listener } = entry;
  return listener === null || (listener.state !== 'stopped' && listener.state !== 'closed');
}
