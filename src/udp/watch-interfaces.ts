/**
 * Notices local addresses that come and go, by looking at the list again and again: no portable notification exists, and
 * one look costs 0.06 ms. Knows clock and address list only; what follows from a change is the business of others.
 */
import type { Clock, Timer } from '../util/clock.ts';
import type { LocalAddress, SocketFactory } from './socket.ts';

/** Called after every look, also when nothing changed, so that what failed can be tried again. */
export type InterfaceListener = (current: readonly LocalAddress[]) => void;

/** Milliseconds between looks, where nothing else is asked for. */
export const WATCH_INTERVAL = 1000;

/** Looks while it has listeners; never keeps the process alive. */
export class InterfaceWatcher {
  private readonly clock: Clock;
  private readonly factory: SocketFactory;
  private readonly interval: number;
  private readonly timer: Timer;
  private readonly listeners = new Set<InterfaceListener>();
  private lastLook: number;

  constructor(clock: Clock, factory: SocketFactory, interval: number = WATCH_INTERVAL) {
    this.clock = clock;
    this.factory = factory;
    this.interval = interval;
    this.lastLook = clock.now();
    this.timer = clock.createTimer(() => this.check());
    this.timer.unref();
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

  /** Something points to a change, such as a datagram that could not be sent: looks soon, but not for every hint. */
  hint(): void {
    if (this.listeners.size === 0) return;
    const soon = Math.max(this.clock.now(), this.lastLook + HINT_INTERVAL);
    if (soon < this.lastLook + this.interval) this.timer.set(soon);
  }

  /** Looks now and tells the listeners. */
  check(): void {
    this.lastLook = this.clock.now();
    if (this.listeners.size > 0) this.timer.set(this.lastLook + this.interval);
    const current = this.factory.localAddresses();
    for (const listener of [...this.listeners]) listener(current);
  }
}

/** Milliseconds between two looks because of hints. */
const HINT_INTERVAL = 100;
