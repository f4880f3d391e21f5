// The interfaces of an endpoint: what is bound by bind URI, shared by key among those who ask for the same, and followed
// while devices and addresses come and go. Knows sockets by their pool alone, and neither servers nor connections.

import { quicError } from '../errors.ts';
import { type BindTarget, optionsTarget, uriTarget } from '../udp/bind-target.ts';
import { parseBindUri } from '../udp/bind-uri.ts';
import { Binding, type InterfaceEvent, type InterfaceState } from '../udp/binding.ts';
import type { SocketPool } from '../udp/socket-pool.ts';
import type { InterfaceWatcher } from '../udp/watch-interfaces.ts';
import { addressKey, type SocketAddress } from '../util/address.ts';
import { abortable, type Deferred, defer } from './deferred.ts';
import { integer } from './options.ts';
import type { WaitOptions } from './stream-options.ts';

export type { InterfaceEvent, InterfaceState } from '../udp/binding.ts';

/** Milliseconds for which connections may go on using an interface that was unbound, where nothing else is asked for. */
export const UNBIND_DRAIN = 300_000;

/** Events that wait for one who iterates over them; of more, the oldest are left out. */
export const MAX_INTERFACE_EVENTS = 256;

/** Addresses for which it is remembered which interfaces have them. */
const MAX_KNOWN_ADDRESSES = 1024;

export interface ReleaseOptions {
  /** Milliseconds for which connections may go on using the socket; Infinity for no end. Default 300,000. */
  drain?: number;
}

export class Interfaces {
  readonly #pool: SocketPool;
  readonly #watcher: InterfaceWatcher;
  readonly #entries: Map<string, Entry> = new Map();
  readonly #onEvent: (event: InterfaceEvent) => void;
  readonly #readers: Set<EventReader> = new Set();
  /** The keys at a local address, worked out once. */
  readonly #at: Map<string, readonly string[]> = new Map();
  #unsubscribe: (() => void) | null = null;
  #isClosed = false;

  constructor(
    pool: SocketPool,
    watcher: InterfaceWatcher,
    onEvent: (event: InterfaceEvent) => void = () => {},
  ) {
    this.#pool = pool;
    this.#watcher = watcher;
    this.#onEvent = onEvent;
  }

  /**
   * Binds a URI, or joins those who have it bound.
   * @throws QuicError ERR_QUIC_BIND_URI…, ERR_QUIC_BIND, ERR_QUIC_ENDPOINT_CLOSED; and for `temporary=true`
   *   ERR_QUIC_INTERFACE_NOT_FOUND, ERR_QUIC_INTERFACE_NO_ADDRESS
   */
  async bind(uri: string): Promise<BoundInterface> {
    return this.#join(uriTarget(parseBindUri(uri), this.#pool.factory.capabilities), uri);
  }

  /** Binds what the options of an endpoint say. */
  async bindOptions(address: string | undefined, port: number): Promise<BoundInterface> {
    const target = optionsTarget(address, port, this.#pool.factory.capabilities);
    return this.#join(target, target.key);
  }

  /** The keys of the interfaces that a datagram to this local address came in on. */
  at(local: SocketAddress): readonly string[] {
    const key = addressKey(local);
    let found = this.#at.get(key);
    if (found === undefined) {
      found = [...this.#entries].filter(([, { binding }]) => binding.has(local)).map(([each]) => each);
      // A machine has few addresses, but all of 127.0.0.0/8.
      if (this.#at.size >= MAX_KNOWN_ADDRESSES) this.#at.clear();
      this.#at.set(key, found);
    }
    return found;
  }

  /** How many hold an interface; 0 if there is none with this key. */
  users(key: string): number {
    return this.#entries.get(key)?.users ?? 0;
  }

  /** How many are bound, and how many wait for their device. */
  get counts(): { bound: number; waiting: number } {
    const states = [...this.#entries.values()].map(({ binding }) => binding.state);
    const bound = states.filter((state) => state === 'bound').length;
    return { bound, waiting: states.length - bound };
  }

  /** What becomes of interfaces from now on, until the endpoint closes. */
  events(options: WaitOptions = {}): AsyncIterableIterator<InterfaceEvent> {
    const reader = new EventReader(options.signal, () => this.#readers.delete(reader));
    if (this.#isClosed) reader.end();
    else this.#readers.add(reader);
    return reader;
  }

  /** The sockets are closed with the pool. */
  close(): void {
    this.#isClosed = true;
    this.#unsubscribe?.();
    this.#entries.clear();
    this.#at.clear();
    for (const reader of this.#readers) reader.end();
  }

  async #join(target: BindTarget, uri: string): Promise<BoundInterface> {
    if (this.#isClosed) throw quicError('ERR_QUIC_ENDPOINT_CLOSED');
    const { key } = target;
    const entry = this.#entries.get(key) ?? this.#start(target);
    entry.users++;
    try {
      await entry.started;
    } catch (error) {
      if (--entry.users === 0 && this.#entries.get(key) === entry) this.#entries.delete(key);
      throw error;
    }
    if (this.#isClosed) throw quicError('ERR_QUIC_ENDPOINT_CLOSED');
    return new BoundInterface(uri, entry.binding, (drain) => this.#leave(entry, drain));
  }

  #start(target: BindTarget): Entry {
    const binding = new Binding(target, this.#pool);
    binding.onEvent = (event) => {
      this.#at.clear();
      this.#onEvent(event);
      for (const reader of this.#readers) reader.push(event);
    };
    const entry = { binding, started: binding.start(), users: 0 };
    this.#entries.set(target.key, entry);
    this.#watch();
    return entry;
  }

  async #leave(entry: Entry, drain: number): Promise<void> {
    if (--entry.users > 0) return;
    const { key } = entry.binding.target;
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
    this.#watch();
    await entry.binding.release(drain);
  }

  /** Looks for changes while something that can change is bound. */
  #watch(): void {
    const isNeeded = [...this.#entries.values()].some(({ binding }) => binding.target.follows);
    if (isNeeded && this.#unsubscribe === null) {
      this.#unsubscribe = this.#watcher.subscribe((current) => {
        for (const { binding } of this.#entries.values()) {
          if (binding.target.follows) void binding.update(current);
        }
      });
    } else if (!isNeeded) {
      this.#unsubscribe?.();
      this.#unsubscribe = null;
    }
  }
}

/** One user's hold on an interface. The interface goes when its last user released it. */
export class BoundInterface {
  /** As it was asked for. */
  readonly uri: string;
  readonly #binding: Binding;
  readonly #leave: (drain: number) => Promise<void>;
  #released: Promise<void> | null = null;

  constructor(uri: string, binding: Binding, leave: (drain: number) => Promise<void>) {
    this.uri = uri;
    this.#binding = binding;
    this.#leave = leave;
  }

  /** The canonical spelling of the URI: the same for those who share the interface. */
  get key(): string {
    return this.#binding.target.key;
  }

  get state(): InterfaceState {
    return this.#released === null ? this.#binding.state : 'released';
  }

  /** Where it is bound now, with the real port: one address, or several of a wildcard; none while it waits. */
  get addresses(): SocketAddress[] {
    return this.#binding.addresses;
  }

  /** Whether datagrams to this address of ours come in on it. */
  has(local: SocketAddress): boolean {
    return this.#binding.has(local);
  }

  /** Why it waits, or why one of several addresses is left out; null if all is well. */
  get error(): Error | null {
    return this.#binding.error;
  }

  /**
   * Gives it up. With the last user, new connections are no longer taken there, and its socket stays until no
   * connection uses it, at the latest for `drain` milliseconds. May be called again; rejects for a wrong `drain` alone.
   */
  async release(options: ReleaseOptions = {}): Promise<void> {
    const drain = parseDrain(options);
    this.#released ??= this.#leave(drain);
    await this.#released;
  }
}

/** Milliseconds. Throws ERR_OUT_OF_RANGE, ERR_INVALID_ARG_TYPE. */
export function parseDrain({ drain }: ReleaseOptions): number {
  return drain === Infinity ? Infinity : integer('drain', drain, 0, 2 ** 31 - 1, UNBIND_DRAIN);
}

interface Entry {
  readonly binding: Binding;
  readonly started: Promise<void>;
  users: number;
}

/** The events of one who iterates. */
class EventReader implements AsyncIterableIterator<InterfaceEvent> {
  readonly #queue: InterfaceEvent[] = [];
  readonly #waiting: Deferred<IteratorResult<InterfaceEvent>>[] = [];
  readonly #signal: AbortSignal | undefined;
  readonly #onEnd: () => void;
  #isOver = false;

  constructor(signal: AbortSignal | undefined, onEnd: () => void) {
    this.#signal = signal;
    this.#onEnd = onEnd;
  }

  push(event: InterfaceEvent): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting.resolve({ done: false, value: event });
    else if (this.#queue.push(event) > MAX_INTERFACE_EVENTS) this.#queue.shift();
  }

  end(): void {
    this.#isOver = true;
    this.#onEnd();
    for (const waiting of this.#waiting.splice(0)) waiting.resolve(DONE);
  }

  next(): Promise<IteratorResult<InterfaceEvent>> {
    const value = this.#queue.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#isOver) return Promise.resolve(DONE);
    const waiting = defer<IteratorResult<InterfaceEvent>>();
    this.#waiting.push(waiting);
    return abortable(waiting, this.#signal, () => {
      const at = this.#waiting.indexOf(waiting);
      if (at >= 0) this.#waiting.splice(at, 1);
      this.#onEnd();
    });
  }

  async return(): Promise<IteratorResult<InterfaceEvent>> {
    this.#queue.length = 0;
    this.end();
    return DONE;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };
