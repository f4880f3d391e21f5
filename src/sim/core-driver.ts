/**
 * Runs one sans-IO core on a virtual host, with no socket and no promise: gives it what arrives, sends what it has to
 * send, keeps its timer. Knows of the core only the four calls of its contract.
 */
import { addressKey, type SocketAddress } from '../util/address.ts';
import type { Timer } from '../util/clock.ts';
import type { VirtualHost } from './virtual-host.ts';

/** What a core must offer. Times are virtual ms. */
export interface SansIoPeer {
  /** Takes one datagram, which it may change. An error with a code `ERR_QUIC_…` is noted; any other ends the run. */
  recv(
    datagram: Uint8Array,
    info: { from: SocketAddress; to: SocketAddress; ecn: number },
    now: number,
  ): unknown;
  /** Fills `out` with the next datagram, or several of `segmentSize` for one destination. Null: nothing to send now. */
  send(out: Uint8Array, now: number): SentDatagram | null;
  /** When `onTimeout` wants to be called, in absolute time; null for never. */
  timeoutAt(): number | null;
  onTimeout(now: number): void;
}

export interface SentDatagram {
  readonly length: number;
  readonly from: SocketAddress;
  readonly to: SocketAddress;
  readonly segmentSize?: number | undefined;
  readonly ecn?: number | undefined;
}

/** Makes the core that answers a first datagram; null: this one is ignored. */
export type PeerFactory = (
  datagram: Uint8Array,
  info: { from: SocketAddress; to: SocketAddress; ecn: number },
  now: number,
) => SansIoPeer | null;

export interface CoreDriverOptions {
  /** Bytes of the buffer that the core fills. Default 2048. */
  readonly outSize?: number;
}

/**
 * All that arrives at one instant is received first; then `onProgress` lets the application act; then the core sends.
 */
export class CoreDriver {
  readonly host: VirtualHost;
  /** Null until a factory has made one. */
  peer: SansIoPeer | null;
  /** The application: called after input and timeouts, before sending. */
  onProgress: (() => void) | null = null;
  /** What `recv` threw, in order. */
  readonly errors: Error[] = [];
  readonly counters: { received: number; sent: number; timeouts: number } = {
    received: 0,
    sent: 0,
    timeouts: 0,
  };

  private readonly factory: PeerFactory | null;
  private readonly locals = new Map<string, SocketAddress>();
  private readonly timer: Timer;
  private readonly out: Uint8Array;
  private isTurnScheduled = false;
  private isClosed = false;
  private lastTimeout = -1;
  private timeoutsAtOnce = 0;

  constructor(
    host: VirtualHost,
    local: SocketAddress | readonly SocketAddress[],
    peer: SansIoPeer | PeerFactory,
    options: CoreDriverOptions = {},
  ) {
    this.host = host;
    this.peer = typeof peer === 'function' ? null : peer;
    this.factory = typeof peer === 'function' ? peer : null;
    this.out = new Uint8Array(options.outSize ?? 2048);
    this.timer = host.clock.createTimer(() => this.timeout());
    for (const address of Array.isArray(local) ? local : [local]) this.addLocal(address);
    this.wake();
  }

  /** Opens one more local address, such as one to migrate to. Gives it with its real port. */
  addLocal(address: SocketAddress): SocketAddress {
    const bound = this.host.attach(address, (bytes, from, to, ecn) => this.receive(bytes, from, to, ecn));
    this.locals.set(addressKey(bound), bound);
    return bound;
  }

  /** The application did something to the core: it gets its turn to send at this instant. */
  wake(): void {
    if (this.isTurnScheduled || this.isClosed) return;
    this.isTurnScheduled = true;
    this.host.clock.immediate(() => {
      this.isTurnScheduled = false;
      this.turn();
    });
  }

  /** Gives up addresses and timer; the core is left as it is. */
  close(): void {
    this.isClosed = true;
    this.timer.clear();
    for (const local of this.locals.values()) this.host.detach(local);
    this.locals.clear();
  }

  private receive(bytes: Uint8Array, from: SocketAddress, to: SocketAddress, ecn: number): void {
    if (this.isClosed) return;
    this.counters.received++;
    const now = this.host.clock.now();
    const info = { from, to, ecn };
    try {
      if (this.peer === null && this.factory !== null) this.peer = this.factory(bytes, info, now);
      this.peer?.recv(bytes, info, now);
    } catch (error) {
      if (!isQuicError(error)) throw error;
      this.errors.push(error);
    }
    this.wake();
  }

  private timeout(): void {
    const { peer, host } = this;
    if (peer === null || this.isClosed) return;
    const now = host.clock.now();
    this.timeoutsAtOnce = now === this.lastTimeout ? this.timeoutsAtOnce + 1 : 0;
    this.lastTimeout = now;
    if (this.timeoutsAtOnce > ENDLESS) {
      throw new Error(
        `The timer of ${host.name} does not advance: timeoutAt() stays at ${peer.timeoutAt()} at ${now} ms`,
      );
    }
    this.counters.timeouts++;
    peer.onTimeout(now);
    this.turn();
  }

  private turn(): void {
    if (this.isClosed) return;
    this.onProgress?.();
    const { peer, host } = this;
    if (peer === null || this.isClosed) return;
    const now = host.clock.now();
    let count = 0;
    for (let sent = peer.send(this.out, now); sent !== null; sent = peer.send(this.out, now)) {
      this.transmit(sent);
      if (++count > ENDLESS) throw new Error(`${host.name} does not stop sending at ${now} ms`);
    }
    this.timer.set(peer.timeoutAt() ?? Infinity);
  }

  private transmit({ length, from, to, segmentSize = length, ecn = 0 }: SentDatagram): void {
    const step = segmentSize > 0 ? segmentSize : length;
    for (let at = 0; at < length; at += step) {
      this.counters.sent++;
      this.host.network.transmit(this.host, from, to, this.out, at, Math.min(step, length - at), ecn);
    }
  }
}

function isQuicError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_QUIC_');
}

/** Datagrams sent, or timeouts, at one instant of virtual time that no sound core reaches. */
const ENDLESS = 100_000;
