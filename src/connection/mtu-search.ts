// The search for the largest datagram of one path (RFC 8899 §5): what was found too large, what to try next. Plain state
// with its rules; sends nothing.

/** Carried by every path that QUIC runs on (RFC 9000 §14). */
export const BASE_DATAGRAM_SIZE = 1200;

/** Carried by nearly every path: an Ethernet frame without the headers of IPv6 and UDP. Tried where more does not pass. */
export const COMMON_DATAGRAM_SIZE = 1452;

/** After this a path that carried no more is asked again, ms: routes change (RFC 8899 §5.1.1, PMTU_RAISE_TIMER). */
export const MTU_RAISE_TIME = 600_000;

export class MtuSearch {
  /** The size to probe next; 0 when the search is over. */
  size = 0;
  isInFlight = false;
  /** When a search that ended below the ceiling begins anew. */
  raiseAt: number = Number.POSITIVE_INFINITY;
  /** The smallest size that was given up. */
  #tooLarge = Number.POSITIVE_INFINITY;
  #failures = 0;

  /** Forgets what was too large. */
  restart(works: number, ceiling: number): void {
    this.#tooLarge = Number.POSITIVE_INFINITY;
    this.raiseAt = Number.POSITIVE_INFINITY;
    this.advance(works, ceiling, 0);
  }

  /** Asks for a size in use again, before anything larger. */
  revalidate(size: number): void {
    this.#tooLarge = Number.POSITIVE_INFINITY;
    this.raiseAt = Number.POSITIVE_INFINITY;
    this.#failures = 0;
    this.size = size;
  }

  /** A probe was lost. True if its size is given up, which is after `maxProbes` (RFC 8899 §5.1.2). */
  onLost(size: number, maxProbes: number): boolean {
    this.isInFlight = false;
    if (size !== this.size || ++this.#failures < maxProbes) return false;
    this.#tooLarge = size;
    return true;
  }

  /** The next size to try: the largest, a common one, then halfway between what works and what does not. */
  advance(works: number, ceiling: number, now: number): void {
    const tooLarge = this.#tooLarge;
    this.#failures = 0;
    if (tooLarge === Number.POSITIVE_INFINITY) this.size = ceiling;
    else if (works < COMMON_DATAGRAM_SIZE && COMMON_DATAGRAM_SIZE < tooLarge)
      this.size = COMMON_DATAGRAM_SIZE;
    else this.size = works + ((tooLarge - works) >> 1);
    if (this.size > works && tooLarge - works > SMALLEST_STEP) return;
    this.size = 0;
    if (tooLarge !== Number.POSITIVE_INFINITY) this.raiseAt = now + MTU_RAISE_TIME;
  }
}

/** The search ends where less than this can be gained, bytes. */
const SMALLEST_STEP = 20;
