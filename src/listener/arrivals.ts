// Clients that nobody has decided about yet: some each turn, so that a flood of them keeps neither timers nor connections
// waiting, and what the application says to them. Knows no servers.

import type { Incoming } from '../routing/incoming.ts';
import { settle } from '../runtime/deferred.ts';
import type { Clock } from '../util/clock.ts';
import { Ring } from '../util/ring.ts';
import type { Place } from './admission.ts';
import { type IncomingAnswers, IncomingConnection, type IncomingHandler } from './incoming-connection.ts';

/** Connections that are begun in one turn; each costs about a millisecond of key agreement and signing. */
export const MAX_ARRIVALS_PER_TURN = 32;

export interface Arrival {
  readonly incoming: Incoming;
  readonly place: Place;
}

/** What becomes of an arrival, by the listener. */
export type ArrivalAnswers = (arrival: Arrival) => IncomingAnswers;

export class Arrivals {
  readonly #clock: Clock;
  readonly #handler: IncomingHandler | null;
  readonly #answers: ArrivalAnswers;
  readonly #queue: Ring<Arrival> = new Ring();
  /** The application thinks about these, and has not answered. */
  readonly #undecided: Set<IncomingAnswers> = new Set();
  #left = MAX_ARRIVALS_PER_TURN;
  #isScheduled = false;

  constructor(clock: Clock, handler: IncomingHandler | null, answers: ArrivalAnswers) {
    this.#clock = clock;
    this.#handler = handler;
    this.#answers = answers;
  }

  push(arrival: Arrival): void {
    this.#queue.push(arrival);
    this.#work();
  }

  /** Nobody new is let in: refuses all that are left. */
  refuseAll(): void {
    for (const arrival of this.#queue) this.#answers(arrival).refuse();
    this.#queue.clear();
    for (const answers of this.#undecided) answers.refuse();
    this.#undecided.clear();
  }

  #work(): void {
    while (this.#left > 0) {
      const arrival = this.#queue.shift();
      if (arrival === undefined) break;
      this.#left--;
      this.#decide(arrival);
    }
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.immediate(() => {
      this.#isScheduled = false;
      this.#left = MAX_ARRIVALS_PER_TURN;
      if (this.#queue.length > 0) this.#work();
    });
  }

  #decide(arrival: Arrival): void {
    const answers = this.#answers(arrival);
    const handler = this.#handler;
    if (handler === null) {
      answers.accept(null);
      return;
    }
    const known = arrival.incoming;
    const decided = (): void => {
      this.#undecided.delete(answers);
    };
    const incoming = new IncomingConnection(known, answers, decided);
    const isOpen = (): boolean => !incoming.isAnswered && known.state === 'pending';
    // A handler may go on for as long as its connection lives, or for ever.
    const { onExpired } = known;
    known.onExpired = () => {
      decided();
      onExpired?.();
    };
    this.#undecided.add(answers);
    settle(
      () => handler(incoming),
      () => {
        if (isOpen()) incoming.accept();
        decided();
      },
      (error) => {
        process.emitWarning(`onIncoming failed: ${(error as Error)?.message ?? error}`);
        if (isOpen()) incoming.refuse();
        decided();
      },
    );
  }
}
