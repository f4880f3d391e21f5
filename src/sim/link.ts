/**
 * One direction of a link: decides what becomes of each datagram and when it arrives. All chance comes from the random
 * source it is given. Knows neither hosts nor sockets and does not deliver anything itself.
 */
import type { RandomSource } from '../crypto/provider.ts';

/** How one direction of a link treats datagrams. Everything is off by default: delivered at once, in order, unharmed. */
export interface LinkOptions {
  /** One-way propagation delay in ms. */
  readonly delay?: number;
  /** Up to so many ms more, evenly spread; does not change the order. */
  readonly jitter?: number;
  /** Bits per second. IP and UDP headers count: 28 bytes per datagram on IPv4, 48 on IPv6. Default unlimited. */
  readonly bandwidth?: number;
  /** Datagrams that may wait for the link besides the one being sent; more are dropped at the tail. Default unlimited. */
  readonly queue?: number;
  /** Probability from 0 to 1 that a datagram is lost on the way (it takes bandwidth all the same). */
  readonly loss?: number;
  /** Most losses in a row. Default unlimited. */
  readonly lossBurst?: number;
  /** Probability that one byte among the first 50 of the UDP payload becomes another value. */
  readonly corruption?: number;
  /** Most corrupted datagrams in a row. Default unlimited. */
  readonly corruptionBurst?: number;
  /** Probability that a datagram arrives twice. */
  readonly duplication?: number;
  /** How many ms after the first the second one arrives. Default 1. */
  readonly duplicateDelay?: number;
  /** Probability that a datagram is held back, so that later ones overtake it. */
  readonly reordering?: number;
  /** For how many ms it is held back. Default 10. */
  readonly reorderDelay?: number;
  /** Largest IP packet in bytes, headers counted as for `bandwidth`; bigger ones vanish. Default unlimited. */
  readonly mtu?: number;
  /** Times when nothing gets through. */
  readonly blackhole?: Blackhole;
  /** Datagrams to drop: their numbers counted from 1 as they enter this direction, or a test on each. */
  readonly drop?: readonly number[] | ((packet: LinkPacket) => boolean);
  /** What the path does to the ECN bits: keep them (default), clear them, or anything else. */
  readonly ecn?: 'keep' | 'bleach' | ((ecn: number, packet: LinkPacket) => number);
  /** Waiting datagrams from which on ECN-capable ones are marked CE (3). Default never. */
  readonly markAbove?: number;
}

/** From `start + on` on, everything is dropped for `off` ms; then the same again, `repeat` times in all. */
export interface Blackhole {
  /** Virtual time in ms when the first `on` period begins. Default 0. */
  readonly start?: number;
  readonly on: number;
  readonly off: number;
  /** Default 1; Infinity for ever. */
  readonly repeat?: number;
}

/** A datagram as it enters one direction of a link. */
export interface LinkPacket {
  /** Counted from 1 per direction. */
  readonly index: number;
  /** Virtual time in ms. */
  readonly time: number;
  /** The UDP payload; not to be changed or kept. */
  readonly bytes: Uint8Array;
  readonly ecn: number;
}

/** Why a datagram did not arrive. `nat`, `unreachable` and `unbound` come from the network, the others from a link. */
export type DropReason =
  | 'script'
  | 'blackhole'
  | 'mtu'
  | 'queue'
  | 'loss'
  | 'nat'
  | 'unreachable'
  | 'unbound';

/** What one direction did so far. */
export interface LinkCounters {
  entered: number;
  enteredBytes: number;
  /** Arrivals, second copies included. */
  delivered: number;
  deliveredBytes: number;
  dropped: Record<DropReason, number>;
  corrupted: number;
  duplicated: number;
  reordered: number;
  ceMarked: number;
  /** Most datagrams that ever waited at once. */
  longestQueue: number;
}

/** What becomes of one datagram. The record is reused by the next call. */
export interface Verdict {
  /** Null: it arrives. */
  drop: DropReason | null;
  /** Virtual time of arrival in ms. */
  arrival: number;
  /** Arrival of a second copy; null for none. */
  secondArrival: number | null;
  ecn: number;
  /** Which byte changes, and to what; -1 for none. */
  corruptAt: number;
  corruptTo: number;
}

/** One direction with its queue, its counters and its own chance. */
export class LinkDirection {
  readonly name: string;
  readonly counters: LinkCounters = newLinkCounters();
  /** May be replaced at any time; datagrams on the way are not affected. */
  options: LinkOptions;

  private readonly random: RandomSource;
  private readonly verdict: Verdict = {
    drop: null,
    arrival: 0,
    secondArrival: null,
    ecn: 0,
    corruptAt: -1,
    corruptTo: 0,
  };
  private readonly lossRun = { length: 0 };
  private readonly corruptionRun = { length: 0 };
  /** When the datagrams that wait or are being sent begin to be sent, in order; the first entries may be past. */
  private starts: number[] = [];
  private startsHead = 0;
  private busyUntil = 0;
  private lastArrival = 0;

  constructor(name: string, options: LinkOptions, random: RandomSource) {
    this.name = name;
    this.options = options;
    this.random = random;
  }

  /** Takes in a datagram at `now`. `headers`: bytes of IP and UDP header. Valid until the next call. */
  enter(bytes: Uint8Array, headers: number, ecn: number, now: number): Readonly<Verdict> {
    const { options, counters, verdict } = this;
    counters.entered++;
    counters.enteredBytes += bytes.length;
    const packet: LinkPacket = { index: counters.entered, time: now, bytes, ecn };
    verdict.drop = null;
    verdict.secondArrival = null;
    verdict.corruptAt = -1;

    if (isScripted(options.drop, packet)) return this.drop('script');
    if (isDark(options.blackhole, now)) return this.drop('blackhole');
    if (bytes.length + headers > (options.mtu ?? Infinity)) return this.drop('mtu');
    const waiting = this.waitingAt(now);
    if (waiting >= (options.queue ?? Infinity) && this.busyUntil > now) return this.drop('queue');
    verdict.ecn = this.passEcn(packet, waiting);
    const sent = this.transmit(bytes.length + headers, now);
    if (this.happens(options.loss, options.lossBurst, this.lossRun)) return this.drop('loss');
    this.corrupt(bytes);
    this.time(sent);
    return verdict;
  }

  /** The network tells what arrived. */
  arrived(length: number): void {
    this.counters.delivered++;
    this.counters.deliveredBytes += length;
  }

  private drop(reason: DropReason): Verdict {
    this.counters.dropped[reason]++;
    this.verdict.drop = reason;
    return this.verdict;
  }

  /** Datagrams that wait for the link at `now`, without the one being sent. */
  private waitingAt(now: number): number {
    while (this.startsHead < this.starts.length && this.starts[this.startsHead] <= now) this.startsHead++;
    if (this.startsHead > 1024) {
      this.starts = this.starts.slice(this.startsHead);
      this.startsHead = 0;
    }
    return this.starts.length - this.startsHead;
  }

  /** Puts so many bytes on the wire behind what is there and gives the time when the last of them has left. */
  private transmit(size: number, now: number): number {
    const { bandwidth } = this.options;
    if (bandwidth === undefined || bandwidth === Infinity) return now;
    const start = Math.max(now, this.busyUntil);
    this.busyUntil = start + (size * 8 * 1000) / bandwidth;
    if (start > now) {
      this.starts.push(start);
      this.counters.longestQueue = Math.max(this.counters.longestQueue, this.starts.length - this.startsHead);
    }
    return this.busyUntil;
  }

  private passEcn(packet: LinkPacket, waiting: number): number {
    const { ecn: policy = 'keep', markAbove = Infinity } = this.options;
    let ecn = packet.ecn;
    if (policy === 'bleach') ecn = 0;
    else if (policy !== 'keep') ecn = policy(ecn, packet) & 3;
    if (ecn !== 0 && ecn !== 3 && waiting >= markAbove) {
      this.counters.ceMarked++;
      ecn = 3;
    }
    return ecn;
  }

  private corrupt(bytes: Uint8Array): void {
    const { corruption, corruptionBurst } = this.options;
    if (bytes.length === 0 || !this.happens(corruption, corruptionBurst, this.corruptionRun)) return;
    this.counters.corrupted++;
    this.verdict.corruptAt = this.random.integer(Math.min(bytes.length, CORRUPTIBLE));
    this.verdict.corruptTo = (bytes[this.verdict.corruptAt] + 1 + this.random.integer(255)) & 255;
  }

  private time(sent: number): void {
    const {
      delay = 0,
      jitter = 0,
      reordering,
      reorderDelay = 10,
      duplication,
      duplicateDelay = 1,
    } = this.options;
    const { verdict, counters } = this;
    let arrival = sent + delay + (jitter > 0 ? this.random.float() * jitter : 0);
    arrival = Math.max(arrival, this.lastArrival);
    if (this.happens(reordering)) {
      counters.reordered++;
      arrival += reorderDelay;
    } else {
      this.lastArrival = arrival;
    }
    verdict.arrival = arrival;
    if (this.happens(duplication)) {
      counters.duplicated++;
      verdict.secondArrival = arrival + duplicateDelay;
    }
  }

  private happens(probability = 0, burst = Infinity, run = { length: 0 }): boolean {
    const chance = probability > 0 && this.random.float() < probability && run.length < burst;
    run.length = chance ? run.length + 1 : 0;
    return chance;
  }
}

export function newLinkCounters(): LinkCounters {
  return {
    entered: 0,
    enteredBytes: 0,
    delivered: 0,
    deliveredBytes: 0,
    dropped: { script: 0, blackhole: 0, mtu: 0, queue: 0, loss: 0, nat: 0, unreachable: 0, unbound: 0 },
    corrupted: 0,
    duplicated: 0,
    reordered: 0,
    ceMarked: 0,
    longestQueue: 0,
  };
}

function isScripted(drop: LinkOptions['drop'], packet: LinkPacket): boolean {
  if (drop === undefined) return false;
  return typeof drop === 'function' ? drop(packet) : drop.includes(packet.index);
}

function isDark(blackhole: Blackhole | undefined, now: number): boolean {
  if (blackhole === undefined) return false;
  const { start = 0, on, off, repeat = 1 } = blackhole;
  const period = on + off;
  const round = Math.floor((now - start) / period);
  if (round < 0 || round >= repeat) return false;
  // Without end after the first `on`: the period is Infinity, and 0 times that is no number.
  return now - start - (round === 0 ? 0 : round * period) >= on;
}

/** The network simulator of the QUIC interop runner damages the first 50 bytes of the payload, mostly QUIC headers. */
const CORRUPTIBLE = 50;
