// The life of a connection as one value with its legal transitions (RFC 9000 §10). Knows no timers and no frames.

import { invariant } from '../errors.ts';

/**
 * - `handshaking`: keys are being agreed.
 * - `established`: the TLS handshake is complete (RFC 9001 §4.1.1).
 * - `closing`: CONNECTION_CLOSE was sent; it is repeated, rarely, for late packets (RFC 9000 §10.2.1).
 * - `draining`: the peer closed; nothing is sent (RFC 9000 §10.2.2).
 * - `closed`: the end; no input changes anything.
 */
export type ConnectionState = 'handshaking' | 'established' | 'closing' | 'draining' | 'closed';

export const TRANSITIONS: Readonly<Record<ConnectionState, readonly ConnectionState[]>> = {
  handshaking: ['established', 'closing', 'draining', 'closed'],
  established: ['closing', 'draining', 'closed'],
  closing: ['draining', 'closed'],
  draining: ['closed'],
  closed: [],
};

/** Holds the state and refuses illegal moves. */
export class StateMachine {
  value: ConnectionState = 'handshaking';

  to(next: ConnectionState): void {
    invariant(TRANSITIONS[this.value].includes(next), `connection state ${this.value} -> ${next}`);
    this.value = next;
  }

  /** Packets are processed and frames are sent. */
  get isOpen(): boolean {
    return this.value === 'handshaking' || this.value === 'established';
  }
}
