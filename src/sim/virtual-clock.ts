/**
 * Time that passes only when told to: a Clock whose timers, immediates and scheduled events run in one reproducible
 * order. Nothing here waits in real time; the asynchronous runs only give the promises of the process their turn.
 */
import type { Clock, Timer } from '../util/clock.ts';
import { EventQueue, type SimEvent } from './event-queue.ts';

export interface VirtualClockOptions {
  /** Virtual time at the start, in ms. Default 0. */
  readonly start?: number;
  /** Wall time at the start, in ms since 1970. Default 1 January 2026. */
  readonly wallTime?: number;
}

/**
 * Two ways to run it. The synchronous ones (`run`, `runUntilIdle`) suit code without promises, such as two connection
 * cores. The asynchronous ones (`runAsync`, `runUntilIdleAsync`, `until`) let microtasks and immediates of the process
 * run between any two steps of virtual time, as whole endpoints need.
 */
export class VirtualClock implements Clock {
  private readonly queue = new EventQueue();
  private readonly wallStart: number;
  private readonly start: number;
  private time: number;
  private holds = 0;

  constructor(options: VirtualClockOptions = {}) {
    this.start = options.start ?? 0;
    this.time = this.start;
    this.wallStart = options.wallTime ?? NEW_YEAR_2026;
  }

  now(): number {
    return this.time;
  }

  wallTime(): number {
    return this.wallStart + this.time - this.start;
  }

  /** Events to come that a run until idle waits for. */
  get waiting(): number {
    return this.queue.waiting;
  }

  /** When the next event is due; null if there is none. */
  get nextAt(): number | null {
    return this.queue.next?.at ?? null;
  }

  /** Runs `callback` at a virtual time (now, if that is past) and gives the function that calls it off. */
  schedule(at: number, callback: () => void): () => void {
    const event = this.queue.push(Math.max(at, this.time), callback, true);
    return () => this.queue.cancel(event);
  }

  createTimer(fire: () => void): Timer {
    return new VirtualTimer(this.queue, this, fire);
  }

  immediate(callback: () => void): void {
    this.queue.push(this.time, callback, true);
  }

  /**
   * Stops virtual time in the asynchronous runs until the returned function is called: for work that really goes on
   * elsewhere (a thread pool) and must not be overtaken.
   */
  hold(): () => void {
    let isHeld = true;
    this.holds++;
    return () => {
      if (isHeld) this.holds--;
      isHeld = false;
    };
  }

  /** Runs all events due up to and at `until`, then sets the time to it. */
  run(until: number): void {
    while (this.hasEventBy(until)) this.step();
    this.time = Math.max(this.time, until);
  }

  /**
   * Runs until only unreferenced timers are left, or the next event is later than `limit`. Gives the virtual time then.
   * @throws Error after `maxEvents` events: something goes on forever
   */
  runUntilIdle(limit: number = Infinity, maxEvents: number = MAX_EVENTS): number {
    for (let count = 0; this.queue.waiting > 0 && this.hasEventBy(limit); count++) {
      if (count === maxEvents) throw new Error(`Not idle after ${maxEvents} events, at ${this.time} ms`);
      this.step();
    }
    return this.time;
  }

  /** As `run`, with a turn of the process's event loop between steps. */
  async runAsync(until: number): Promise<void> {
    await this.turn();
    while (this.hasEventBy(until)) {
      this.runBatch();
      await this.turn();
    }
    this.time = Math.max(this.time, until);
  }

  /** As `runUntilIdle`, with a turn of the process's event loop between steps. */
  async runUntilIdleAsync(limit: number = Infinity, maxEvents: number = MAX_EVENTS): Promise<number> {
    await this.turn();
    for (let count = 0; this.queue.waiting > 0 && this.hasEventBy(limit); ) {
      count += this.runBatch();
      if (count > maxEvents) throw new Error(`Not idle after ${maxEvents} events, at ${this.time} ms`);
      await this.turn();
    }
    return this.time;
  }

  /**
   * Lets virtual time pass until the promise settles, and gives or throws what it settled to.
   * @param limit most virtual ms to wait; default 10 minutes
   * @throws Error if that passes first, or if nothing is left that could happen
   */
  async until<T>(promise: PromiseLike<T>, limit: number = DEFAULT_LIMIT): Promise<T> {
    let isSettled = false;
    const settled = Promise.resolve(promise).finally(() => {
      isSettled = true;
    });
    settled.catch(() => {});
    const deadline = this.time + limit;
    await this.turn();
    while (!isSettled) {
      if (this.queue.waiting === 0) {
        // Promises of the process may need several rounds of its loop before they schedule something here.
        for (let i = 0; i < IDLE_TURNS && !isSettled && this.queue.waiting === 0; i++) await this.turn();
        if (isSettled || this.queue.waiting > 0) continue;
        throw new Error(`Idle at ${this.time} ms, and what was awaited did not come`);
      }
      if (!this.hasEventBy(deadline)) throw new Error(`What was awaited did not come by ${deadline} ms`);
      this.runBatch();
      await this.turn();
    }
    return settled;
  }

  /** Runs the next event at its time. False: there is none. */
  step(): boolean {
    const event = this.queue.shift();
    if (event === null) return false;
    this.time = Math.max(this.time, event.at);
    event.run();
    return true;
  }

  private hasEventBy(time: number): boolean {
    const event = this.queue.next;
    return event !== null && event.at <= time;
  }

  /** One turn of the simulated loop: what is due at the next time and was scheduled before the turn began. */
  private runBatch(): number {
    const first = this.queue.next;
    if (first === null) return 0;
    const end = this.queue.nextSequence;
    let count = 0;
    for (
      let event: SimEvent | null = first;
      event !== null && event.at === first.at && event.sequence < end;
      event = this.queue.next
    ) {
      this.step();
      count++;
    }
    return count;
  }

  /** Lets the process's microtasks and one round of its event loop run; longer while time is held. */
  private async turn(): Promise<void> {
    do await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.holds > 0);
  }
}

class VirtualTimer implements Timer {
  private readonly queue: EventQueue;
  private readonly clock: Clock;
  private readonly fire: () => void;
  private event: SimEvent | null = null;
  private isRef = true;

  constructor(queue: EventQueue, clock: Clock, fire: () => void) {
    this.queue = queue;
    this.clock = clock;
    this.fire = fire;
  }

  set(at: number): void {
    if (this.event !== null && !this.event.isCancelled && this.event.at === at) return;
    this.clear();
    if (at === Infinity) return;
    this.event = this.queue.push(Math.max(at, this.clock.now()), this.fire, this.isRef);
  }

  clear(): void {
    if (this.event !== null) this.queue.cancel(this.event);
    this.event = null;
  }

  ref(): void {
    this.isRef = true;
    if (this.event !== null) this.queue.setRef(this.event, true);
  }

  unref(): void {
    this.isRef = false;
    if (this.event !== null) this.queue.setRef(this.event, false);
  }
}

const NEW_YEAR_2026 = 1767225600000;
/** Events after which a run counts as endless. */
const MAX_EVENTS = 20_000_000;
/** Virtual ms that `until` waits by default. */
const DEFAULT_LIMIT = 600_000;
/** Rounds of the real event loop that `until` gives to promises when nothing is scheduled. */
const IDLE_TURNS = 20;
