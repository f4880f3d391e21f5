/**
 * The clock of the process: performance.now, setTimeout and setImmediate behind the Clock interface.
 * Owns the rounding of Node's timers; knows nothing of what the time is for.
 */
import type { Clock, Timer } from '../util/clock.ts';

/** The clock of this process. */
export const nodeClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  createTimer: (fire) => new NodeTimer(fire),
  immediate: (callback) => {
    setImmediate(callback);
  },
};

/**
 * A deadline over setTimeout. Moving the deadline later is free: the timeout stays and, when it fires too early, is set
 * again for what remains. (Clearing and setting one costs 0.6 µs, and connections move their deadline with every packet.)
 */
class NodeTimer implements Timer {
  private readonly fire: () => void;
  private deadline = Infinity;
  /** When the timeout goes off; Infinity while there is none. */
  private armedFor = Infinity;
  private timeout: NodeJS.Timeout | null = null;
  private immediate: NodeJS.Immediate | null = null;
  private isRef = true;

  constructor(fire: () => void) {
    this.fire = fire;
  }

  set(at: number): void {
    if (at === Infinity) {
      this.clear();
      return;
    }
    this.deadline = at;
    if (at < this.armedFor) this.arm();
  }

  clear(): void {
    this.deadline = Infinity;
    this.disarm();
  }

  ref(): void {
    this.isRef = true;
    this.timeout?.ref();
    this.immediate?.ref();
  }

  unref(): void {
    this.isRef = false;
    this.timeout?.unref();
    this.immediate?.unref();
  }

  private arm(): void {
    this.disarm();
    const delay = this.deadline - performance.now();
    this.armedFor = this.deadline;
    if (delay <= 0) {
      this.immediate = setImmediate(this.wake);
      if (!this.isRef) this.immediate.unref();
    } else {
      this.timeout = setTimeout(this.wake, Math.min(Math.ceil(delay), LONGEST_TIMEOUT));
      if (!this.isRef) this.timeout.unref();
    }
  }

  private disarm(): void {
    if (this.timeout !== null) clearTimeout(this.timeout);
    if (this.immediate !== null) clearImmediate(this.immediate);
    this.timeout = null;
    this.immediate = null;
    this.armedFor = Infinity;
  }

  private readonly wake = (): void => {
    this.disarm();
    // Too early: the deadline moved, or Node rounded down, or it was beyond the longest timeout.
    if (performance.now() < this.deadline) {
      this.arm();
      return;
    }
    this.deadline = Infinity;
    this.fire();
  };
}

/** setTimeout takes 31 bits of milliseconds and fires at once for more. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;
