/**
 * The sources of time that everything with a loop takes as an argument: real ones in a process, virtual ones in a
 * simulation. Interfaces only; code that takes a Clock uses no timer or date of the platform.
 */

/** Time and turns of one event loop. */
export interface Clock {
  /** Monotonic time in fractional milliseconds from an unspecified start. */
  now(): number;
  /** Wall time in milliseconds since 1970 (certificates, ticket ages, tokens shared between processes). */
  wallTime(): number;
  /** Makes a timer that is off. It runs `fire` once for each time it was set and came due. */
  createTimer(fire: () => void): Timer;
  /** Runs `callback` after the input that is waiting now was delivered, before time goes on. Cannot be called off. */
  immediate(callback: () => void): void;
}

/** One deadline that can be moved any number of times at little cost. */
export interface Timer {
  /** Sets or moves the deadline to `at`, in the time of {@link Clock.now}. In the past: fires in the next turn. Infinity: off. */
  set(at: number): void;
  /** Switches the timer off; it can be set again. */
  clear(): void;
  /** A set timer keeps the process (or the simulation) going; this is the default. */
  ref(): void;
  /** The timer alone no longer keeps the process (or the simulation) going. */
  unref(): void;
}
