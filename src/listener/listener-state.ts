// The life of a listener as one value with its legal transitions. Knows nothing of what the states mean for others.

import { invariant } from '../errors.ts';

/**
 * - `open`: made, not bound; nobody can come.
 * - `starting`: sockets are being bound; a failure leads back to where it came from.
 * - `started`: new connections are taken.
 * - `stopping`: no new ones; those that began come to `accept` or to their end.
 * - `stopped`: those that wait can be accepted; it can be started again.
 * - `closed`: the end.
 */
export type ListenerState = 'open' | 'starting' | 'started' | 'stopping' | 'stopped' | 'closed';

export const LISTENER_TRANSITIONS: Readonly<Record<ListenerState, readonly ListenerState[]>> = {
  open: ['starting', 'closed'],
  starting: ['started', 'open', 'stopped', 'closed'],
  started: ['stopping', 'closed'],
  stopping: ['stopped', 'closed'],
  stopped: ['starting', 'closed'],
  closed: [],
};

/** Holds the state and refuses illegal moves. */
export class ListenerStateMachine {
  value: ListenerState = 'open';

  to(next: ListenerState): void {
    invariant(LISTENER_TRANSITIONS[this.value].includes(next), `listener state ${this.value} -> ${next}`);
    this.value = next;
  }

  /** Whoever waits for a connection may still get one. */
  get mayDeliver(): boolean {
    return this.value === 'started' || this.value === 'stopping';
  }
}
