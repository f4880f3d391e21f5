// How many connections strangers may begin: of all clients together and from one address. Above one number of handshakes
// in progress a client has to prove its address first, which costs us no memory (RFC 9000 §8.1.2). Counts and says what
// is to be done; knows no connections and answers nobody.

import type { Verdict } from '../routing/router-options.ts';
import { ipToBytes, type SocketAddress } from '../util/address.ts';
import { bytesKey } from '../util/bytes.ts';
import { type ListenerCounters, newListenerCounters, type TurnAwayReason } from './listener-counters.ts';

/** Handshakes in progress above which clients are sent a Retry first. */
export const RETRY_ABOVE_HALF_OPEN = 1000;

/** Handshakes in progress above which clients are refused. */
export const MAX_HALF_OPEN = 4000;

/** Connections that wait for the application; first packets of more are dropped. */
export const MAX_QUEUED_CONNECTIONS = 1024;

/** Part of these places that only clients whose address is proved get: one in so many. */
const PROVED_SHARE = 4;

/** Defaults are those above; the others are without limit. */
export interface AdmissionLimits {
  readonly backlog: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly maxHalfOpen: number;
  readonly retryAbove: number;
}

/** A connection's place in the counts, from its first packet to its end. */
export interface Place {
  /** It waits for the application, and has its place in the backlog until it is delivered, though it may be gone by then. */
  queued(): void;
  /** The application has it, or nobody will. */
  delivered(): void;
  /** A handshake began. */
  began(): void;
  /** … and is over. */
  opened(): void;
  /** It is gone. All of these may be called again. */
  gone(): void;
}

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #turnedAway: ListenerCounters['turnedAway'];
  readonly #perAddress: Map<string, number> = new Map();
  #pending = 0;
  #halfOpen = 0;
  #live = 0;

  constructor(limits: AdmissionLimits, counters: ListenerCounters = newListenerCounters()) {
    this.#limits = limits;
    this.#turnedAway = counters.turnedAway;
  }

  /** Connections that wait for the application, or for their server's name. */
  get pending(): number {
    return this.#pending;
  }

  /** Handshakes in progress. */
  get halfOpen(): number {
    return this.#halfOpen;
  }

  /** All connections. */
  get live(): number {
    return this.#live;
  }

  /** Addresses that are counted. */
  get addresses(): number {
    return this.#perAddress.size;
  }

  /** What becomes of a first Initial. */
  judge(from: SocketAddress, isValidated: boolean): Verdict {
    const { backlog, maxConnections, maxConnectionsPerAddress, maxHalfOpen, retryAbove } = this.#limits;
    if (this.#pending >= backlog) return this.#turn('drop', 'backlog');
    if (this.#live >= maxConnections) return this.#turn('drop', 'max-connections');
    if (Number.isFinite(maxConnectionsPerAddress)) {
      const count = this.#perAddress.get(blockOf(from)) ?? 0;
      // Who only claims the address must not lock out those who have it.
      if (count >= maxConnectionsPerAddress)
        return isValidated ? this.#turn('drop', 'per-address') : this.#turn('retry', 'per-address-unproved');
    }
    if (isValidated) return this.#halfOpen >= maxHalfOpen ? this.#turn('refuse', 'half-open') : 'accept';
    // Those that wait count too: of one turn, which can bring a thousand, none is taken before all are judged.
    const isCrowded =
      this.#halfOpen + this.#pending >= retryAbove || this.#pending > backlog - backlog / PROVED_SHARE;
    return isCrowded ? this.#turn('retry', 'crowded') : 'accept';
  }

  enter(from: SocketAddress): Place {
    const block = Number.isFinite(this.#limits.maxConnectionsPerAddress) ? blockOf(from) : null;
    this.#live++;
    this.#pending++;
    if (block !== null) this.#perAddress.set(block, (this.#perAddress.get(block) ?? 0) + 1);
    let isPending = true;
    let isQueued = false;
    let isHalfOpen = false;
    let isLive = true;
    const place: Place = {
      queued: () => {
        isQueued = true;
      },
      delivered: () => {
        if (isPending) this.#pending--;
        isPending = false;
      },
      began: () => {
        if (!isHalfOpen && isLive) this.#halfOpen++;
        isHalfOpen = isLive;
      },
      opened: () => {
        if (isHalfOpen) this.#halfOpen--;
        isHalfOpen = false;
      },
      gone: () => {
        place.opened();
        if (!isQueued) place.delivered();
        if (!isLive) return;
        isLive = false;
        this.#live--;
        if (block !== null) this.#leave(block);
      },
    };
    return place;
  }

  #turn(verdict: Verdict, reason: TurnAwayReason): Verdict {
    this.#turnedAway[reason]++;
    return verdict;
  }

  #leave(block: string): void {
    const count = (this.#perAddress.get(block) ?? 1) - 1;
    if (count === 0) this.#perAddress.delete(block);
    else this.#perAddress.set(block, count);
  }
}

/** An IPv4 address, or the 64 bits that an IPv6 network of one customer has at least (RFC 4291 §2.5.1). */
function blockOf({ address, family }: SocketAddress): string {
  const bytes = family === 6 ? ipToBytes(address) : null;
  return bytes === null ? address : bytesKey(bytes, 0, 8);
}
