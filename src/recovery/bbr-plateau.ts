// Tells when sending faster does not deliver faster any more, so that the pipe is full (draft-ietf-ccwg-bbr §5.3.1.2).
// Looks at one rate per round; what follows from a full pipe is decided in bbr.ts.

/** Growth of the rate from round to round that shows there is room. */
export const PLATEAU_GROWTH = 1.25;

/** Rounds without such growth that show there is none. */
export const PLATEAU_ROUNDS = 3;

export class Plateau {
  reached = false;
  #rate = 0;
  #rounds = 0;

  /** Starts to look anew, from a rate in bytes per millisecond. */
  reset(rate = 0): void {
    this.reached = false;
    this.#rate = rate;
    this.#rounds = 0;
  }

  /** The rate of a round that the application did not limit. Returns true in the round in which the plateau is found. */
  onRound(rate: number): boolean {
    if (this.reached || rate === 0) return false;
    if (rate >= this.#rate * PLATEAU_GROWTH) {
      this.reset(rate);
      return false;
    }
    this.reached = ++this.#rounds >= PLATEAU_ROUNDS;
    return this.reached;
  }
}
