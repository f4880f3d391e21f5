/**
 * One state and the table of what may happen in it.
 *
 * Owns nothing but the check: a step that the table does not list is our own mistake.
 */

import { invariant } from '../errors.ts';

/** What an engine may be waiting for from outside. */
export type Question = 'identity' | 'verification' | 'signature' | 'early-data';

export interface StateRow<S extends string> {
  /** HandshakeType codes that may come. */
  readonly messages: readonly number[];
  /** States that may follow. */
  readonly next: readonly S[];
  /** Set where no message is read until an answer came. */
  readonly waitsFor?: Question;
}

export type StateTable<S extends string> = Readonly<Record<S, StateRow<S>>>;

export class StateMachine<S extends string> {
  private readonly table: StateTable<S>;
  private current: S;

  constructor(table: StateTable<S>, initial: S) {
    this.table = table;
    this.current = initial;
  }

  get state(): S {
    return this.current;
  }

  get row(): StateRow<S> {
    return this.table[this.current];
  }

  to(next: S): void {
    invariant(this.row.next.includes(next), `TLS cannot go from ${this.current} to ${next}`);
    this.current = next;
  }
}
