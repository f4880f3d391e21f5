/**
 * Sockets by the address that they are bound to, shared by whoever asks for the same address. A socket that nobody asks for
 * any more stays while paths of connections use it, up to a deadline. Knows neither interfaces nor connections.
 */
import { quicError } from '../errors.ts';
import { addressKey, isUnspecified, type SocketAddress } from '../util/address.ts';
import type { Clock, Timer } from '../util/clock.ts';
import type { DatagramSocket, SocketCounters, SocketFactory, SocketOptions } from './socket.ts';

/** Options for each of the sockets. */
export type BindOptions = Pick<SocketOptions, 'reusePort' | 'receiveBufferSize' | 'sendBufferSize'>;

export interface SocketPoolOwner {
  /** Sets its handlers. */
  onSocketOpened(socket: DatagramSocket): void;
  /** The keys (`addressKey`) of the local addresses that connections send from. */
  addressesInUse(): ReadonlySet<string>;
}

export class SocketPool {
  readonly factory: SocketFactory;
  readonly #options: BindOptions;
  readonly #clock: Clock;
  readonly #owner: SocketPoolOwner;
  readonly #shared: Map<string, SharedSocket> = new Map();
  readonly #opening: Map<string, Promise<unknown>> = new Map();
  readonly #closing: Map<string, Promise<void>> = new Map();
  /** Those that have no user and wait for their paths to leave. */
  readonly #leaving: Set<SharedSocket> = new Set();
  readonly #timer: Timer;
  #lastAddress: SocketAddress | null = null;
  #lastSocket: DatagramSocket | null = null;
  /** What closed sockets counted. */
  readonly #gone: SocketTotals = { ...NO_TOTALS };
  #isReferenced = true;
  #isClosed = false;

  constructor(factory: SocketFactory, options: BindOptions, clock: Clock, owner: SocketPoolOwner) {
    this.factory = factory;
    this.#options = options;
    this.#clock = clock;
    this.#owner = owner;
    this.#timer = clock.createTimer(() => this.#look());
    this.#timer.unref();
  }

  /**
   * Gives the socket of an address to one more user; port 0 and a remote address make a new one. Each user closes it once.
   * @throws QuicError ERR_QUIC_BIND, ERR_QUIC_ENDPOINT_CLOSED
   */
  async open(address: SocketAddress, remote?: SocketAddress): Promise<DatagramSocket> {
    if (address.port === 0 || remote !== undefined) return this.#bind(address, remote);
    const key = addressKey(address);
    for (;;) {
      const found = this.#find(address);
      if (found !== undefined) {
        this.#leaving.delete(found);
        found.users++;
        return found.socket;
      }
      const busy = this.#opening.get(key) ?? this.#closing.get(key);
      if (busy === undefined) break;
      // Whoever opens it may fail: then this one tries by itself and has an error of its own.
      await busy.catch(() => {});
    }
    const opening = this.#bind(address, undefined);
    this.#opening.set(key, opening);
    return opening.finally(() => this.#opening.delete(key));
  }

  /**
   * One user less. A socket without users takes no new connections; it closes when no path uses it any more, at the
   * latest after `drain` milliseconds. Resolves when it is closed or has only paths left to wait for.
   */
  close(socket: DatagramSocket, drain: number): Promise<void> {
    const shared = this.#shared.get(addressKey(socket.localAddress));
    if (shared?.socket !== socket || shared.users === 0) return Promise.resolve();
    if (--shared.users > 0) return Promise.resolve();
    const now = this.#clock.now();
    if (drain <= 0 || !this.#isUsed(shared, this.#owner.addressesInUse())) return this.#closeNow(shared);
    shared.until = now + drain;
    this.#leaving.add(shared);
    this.#timer.set(Math.min(shared.until, now + LOOK_INTERVAL));
    return Promise.resolve();
  }

  /** Paths of connections are gone: looks in the next turn whether sockets without users can close. */
  onPathsLeft(): void {
    if (this.#leaving.size > 0) this.#timer.set(this.#clock.now());
  }

  /** Closes all, also those that are being opened. */
  async closeAll(): Promise<void> {
    this.#isClosed = true;
    this.#timer.clear();
    await Promise.allSettled(this.#opening.values());
    for (const shared of [...this.#shared.values()]) void this.#closeNow(shared);
    await Promise.all(this.#closing.values());
  }

  /** What all sockets counted, also those that are closed. */
  get totals(): SocketTotals {
    const totals: SocketTotals = { ...this.#gone, open: this.#shared.size };
    for (const { socket } of this.#shared.values()) addTotals(totals, socket.counters);
    return totals;
  }

  /** Those with users: datagrams that arrive there may begin something. */
  get sockets(): DatagramSocket[] {
    return [...this.#shared.values()].filter(({ users }) => users > 0).map(({ socket }) => socket);
  }

  /** Whether a socket at exactly this address has users. */
  has(local: SocketAddress): boolean {
    return (this.#shared.get(addressKey(local))?.users ?? 0) > 0;
  }

  /** The socket to send from a local address; null if there is none now. */
  for(local: SocketAddress): DatagramSocket | null {
    if (local === this.#lastAddress) return this.#lastSocket;
    this.#lastAddress = local;
    this.#lastSocket = this.#find(local)?.socket ?? null;
    return this.#lastSocket;
  }

  ref(): void {
    this.#isReferenced = true;
    for (const { socket } of this.#shared.values()) socket.ref();
  }

  unref(): void {
    this.#isReferenced = false;
    for (const { socket } of this.#shared.values()) socket.unref();
  }

  /** A socket with packet info on a wildcard serves all addresses of the family at its port. */
  #find(local: SocketAddress): SharedSocket | undefined {
    const exact = this.#shared.get(addressKey(local));
    if (exact !== undefined || !this.factory.capabilities.packetInfo) return exact;
    return this.#shared.get(addressKey({ ...local, address: local.family === 6 ? '::' : '0.0.0.0' }));
  }

  async #bind(address: SocketAddress, remote: SocketAddress | undefined): Promise<DatagramSocket> {
    if (this.#isClosed) throw quicError('ERR_QUIC_ENDPOINT_CLOSED');
    const socket = await this.factory.bind({ ...this.#options, address, remote });
    if (this.#isClosed) {
      await socket.close();
      throw quicError('ERR_QUIC_ENDPOINT_CLOSED');
    }
    const shared = { socket, users: 1, until: Number.POSITIVE_INFINITY };
    this.#shared.set(addressKey(socket.localAddress), shared);
    this.#lastAddress = null;
    if (!this.#isReferenced) socket.unref();
    this.#owner.onSocketOpened(socket);
    return socket;
  }

  #look(): void {
    const now = this.#clock.now();
    const used = this.#owner.addressesInUse();
    let next = now + LOOK_INTERVAL;
    for (const shared of this.#leaving) {
      if (now >= shared.until || !this.#isUsed(shared, used)) void this.#closeNow(shared);
      else next = Math.min(next, shared.until);
    }
    if (this.#leaving.size > 0) this.#timer.set(next);
  }

  #isUsed({ socket }: SharedSocket, used: ReadonlySet<string>): boolean {
    const { localAddress } = socket;
    if (!isUnspecified(localAddress.address)) return used.has(addressKey(localAddress));
    return [...used].some((key) => key.endsWith(` ${localAddress.port}`));
  }

  #closeNow(shared: SharedSocket): Promise<void> {
    const key = addressKey(shared.socket.localAddress);
    this.#leaving.delete(shared);
    this.#shared.delete(key);
    this.#lastAddress = null;
    addTotals(this.#gone, shared.socket.counters);
    const closing = shared.socket.close().finally(() => this.#closing.delete(key));
    this.#closing.set(key, closing);
    return closing;
  }
}

/** Of all sockets, also of those that are closed. */
export interface SocketTotals {
  /** Sockets that are open. */
  open: number;
  sentDatagrams: number;
  sentBytes: number;
  receivedDatagrams: number;
  receivedBytes: number;
  /** Datagrams that the system refused to send. */
  sendErrors: number;
  /** Errors that the system reported in place of a datagram. */
  receiveErrors: number;
  /** Sends that had to wait because the queue was full. */
  queueFull: number;
}

function addTotals(totals: SocketTotals, counters: SocketCounters): void {
  for (const name of SUMMED) totals[name] += counters[name];
}

const NO_TOTALS: SocketTotals = {
  open: 0,
  sentDatagrams: 0,
  sentBytes: 0,
  receivedDatagrams: 0,
  receivedBytes: 0,
  sendErrors: 0,
  receiveErrors: 0,
  queueFull: 0,
};

const SUMMED = [
  'sentDatagrams',
  'sentBytes',
  'receivedDatagrams',
  'receivedBytes',
  'sendErrors',
  'receiveErrors',
  'queueFull',
] as const;

interface SharedSocket {
  readonly socket: DatagramSocket;
  users: number;
  /** When it closes although paths use it. */
  until: number;
}

/** Milliseconds between looks whether paths still use sockets without users. */
const LOOK_INTERVAL = 1000;
