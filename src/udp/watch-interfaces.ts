/**
 * Notices local addresses that come and go, by looking at the list again and again: no portable notification exists.
 * Knows clock and address list only; what follows from a change is the business of the listeners.
 */
import type { Clock, Timer } from '../util/clock.ts';
import type { LocalAddress, SocketFactory } from './socket.ts';

/**
 * Called after every look, also when nothing changed (so that what failed can be tried again).
 *
 * @param current the addresses that count as present
 */
export type InterfaceListener = (
  current: readonly LocalAddress[],
  added: readonly LocalAddress[],
  removed: readonly LocalAddress[],
) => void;

export interface InterfaceWatcherOptions {
  /** Milliseconds between looks. Default 5000. */
  readonly interval?: number;
  /** Looks in a row that must miss an address before it counts as removed. Default 3: a replugged cable is no removal. */
  readonly removeAfter?: number;
}

/** Looks while it has listeners; never keeps the process alive. */
export class InterfaceWatcher {
  private readonly clock: Clock;
  private readonly factory: SocketFactory;
  private readonly interval: number;
  private readonly removeAfter: number;
  private readonly timer: Timer;
  private readonly listeners = new Set<InterfaceListener>();
  private known: Map<string, LocalAddress>;
  private readonly misses = new Map<string, number>();

  constructor(clock: Clock, factory: SocketFactory, options: InterfaceWatcherOptions = {}) {
    this.clock = clock;
    this.factory = factory;
    this.interval = options.interval ?? 5000;
    this.removeAfter = options.removeAfter ?? 3;
    this.timer = clock.createTimer(() => this.check());
    this.timer.unref();
    this.known = byAddress(factory.localAddresses());
  }

  /** The addresses that count as present. */
  get current(): LocalAddress[] {
    return [...this.known.values()];
  }

  /** Adds a listener and gives the function that removes it. The first one starts the looking, the last one stops it. */
  subscribe(listener: InterfaceListener): () => void {
    this.listeners.add(listener);
    if (this.listeners.size === 1) this.timer.set(this.clock.now() + this.interval);
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) this.timer.clear();
    };
  }

  /** Looks now and tells the listeners. */
  check(): void {
    const seen = byAddress(this.factory.localAddresses());
    const added: LocalAddress[] = [];
    const removed: LocalAddress[] = [];
    for (const [key, address] of seen) {
      if (!this.known.has(key)) added.push(address);
      this.misses.delete(key);
    }
    for (const [key, address] of this.known) {
      if (seen.has(key)) continue;
      const misses = (this.misses.get(key) ?? 0) + 1;
      if (misses >= this.removeAfter) {
        removed.push(address);
        this.misses.delete(key);
      } else {
        this.misses.set(key, misses);
        seen.set(key, address);
      }
    }
    this.known = seen;
    if (this.listeners.size > 0) this.timer.set(this.clock.now() + this.interval);
    const current = this.current;
    for (const listener of [...this.listeners]) listener(current, added, removed);
  }
}

function byAddress(addresses: readonly LocalAddress[]): Map<string, LocalAddress> {
  return new Map(addresses.map((address) => [address.address, address]));
}
