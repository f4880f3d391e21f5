// The sockets of an endpoint: those of its interfaces and those of its clients, and which of them reaches whom. Hands
// datagrams on to the loop and knows no connections.

import { quicError } from '../errors.ts';
import { type DatagramSocket, type SocketFactory, systemErrorCode } from '../udp/socket.ts';
import { SocketPool, type SocketPoolOwner, type SocketTotals } from '../udp/socket-pool.ts';
import { InterfaceWatcher, WATCH_INTERVAL } from '../udp/watch-interfaces.ts';
import { isLoopback, isUnspecified, type SocketAddress, sameAddress } from '../util/address.ts';
import { type BoundInterface, Interfaces } from './interfaces.ts';
import type { DatagramSource, Loop } from './loop.ts';
import type { Observer } from './observer.ts';
import { boolean, integer } from './options.ts';

/** Where to bind. */
export interface BindPlace {
  /** IP address; a wildcard for all of a family, absent for all of both. */
  address?: string | undefined;
  /** 0 or absent for any free one. */
  port?: number | undefined;
}

/** Where to bind and with which kernel buffers. */
export interface SocketsOptions extends BindPlace {
  receiveBufferSize?: number;
  sendBufferSize?: number;
  reusePort?: boolean;
  interfaceInterval?: number;
}

/** Who is told what the sockets say. */
export interface SocketsOwner {
  readonly loop: Loop;
  /** In the loop's turn. */
  onDatagram(
    socket: DatagramSocket,
    bytes: Uint8Array,
    from: SocketAddress,
    to: SocketAddress,
    ecn: number,
    now: number,
  ): void;
  onSocketWritable(): void;
  onSocketError(error: Error, socket: DatagramSocket): void;
  /** The keys (`addressKey`) of the local addresses that connections send from. */
  addressesInUse(): ReadonlySet<string>;
}

export class EndpointSockets implements SocketPoolOwner {
  readonly interfaces: Interfaces;
  readonly #pool: SocketPool;
  readonly #watcher: InterfaceWatcher;
  readonly #options: SocketsOptions;
  readonly #owner: SocketsOwner;
  readonly #observer: Observer;
  /** What `bind` was asked for last. */
  #own: OwnPlace | null = null;
  /** What that bound last. */
  #first: BoundInterface | null = null;
  #isClosed = false;
  #isConnected = false;
  #hasWarned = false;
  /** Sockets that clients moved to. */
  readonly #added: Set<DatagramSocket> = new Set();
  /** Sockets of preferred addresses. */
  readonly #extra: DatagramSocket[] = [];

  constructor(factory: SocketFactory, options: SocketsOptions, owner: SocketsOwner, observer: Observer) {
    const receiveBufferSize = size('receiveBufferSize', options.receiveBufferSize);
    const sendBufferSize = size('sendBufferSize', options.sendBufferSize);
    const reusePort = boolean('reusePort', options.reusePort, false);
    if (reusePort && !factory.capabilities.reusePort)
      throw quicError('ERR_QUIC_UNSUPPORTED', { reason: 'reusePort, in this Node.js or on this system' });
    const interval = integer('interfaceInterval', options.interfaceInterval, 10, 2 ** 31 - 1, WATCH_INTERVAL);
    const { clock } = owner.loop;
    this.#options = options;
    this.#owner = owner;
    this.#observer = observer;
    this.#pool = new SocketPool(factory, { receiveBufferSize, sendBufferSize, reusePort }, clock, this);
    this.#watcher = new InterfaceWatcher(clock, factory, interval);
    this.interfaces = new Interfaces(this.#pool, this.#watcher, (event) => observer.onInterfaceEvent(event));
  }

  /**
   * Binds a place, all sockets or none; what `at` lacks is as the options say. Called again for the same place, it gives the
   * same promise; for another one, the place before is released.
   */
  bind(at: BindPlace = {}): Promise<BoundInterface> {
    if (this.#isClosed) return Promise.reject(quicError('ERR_QUIC_ENDPOINT_CLOSED'));
    const place = { address: this.#options.address, port: this.#options.port, ...at };
    const before = this.#own;
    if (before !== null && isSamePlace(before.place, place)) return before.bound;
    const bound = this.interfaces.bindOptions(place.address, place.port ?? 0);
    const own = { place, bound };
    this.#own = own;
    bound.then(
      (first) => {
        this.#first = first;
        void this.#leave(before);
      },
      () => {
        // A failed bind leaves things as they were and can be tried again.
        if (this.#own === own) this.#own = before;
      },
    );
    return bound;
  }

  /** Gives up what `bind` and `bindAt` bound: new connections are taken there no more, and what no path uses is freed. */
  async releaseOwn(): Promise<void> {
    const own = this.#own;
    this.#own = null;
    const extra = this.#extra.splice(0);
    await Promise.all([this.#leave(own), ...extra.map((socket) => this.#pool.close(socket, Infinity))]);
  }

  /** For a client: one socket that only this peer reaches. */
  async bindTo(remote: SocketAddress): Promise<void> {
    await this.#pool.open(towards(remote, this.#options), remote);
    this.#isConnected = true;
  }

  /** One more socket for a client that moves, which only this peer reaches. Gives where it is bound. */
  async bindTowards(remote: SocketAddress, local: BindPlace): Promise<SocketAddress> {
    // Only a connected socket learns which of the machine's addresses it sends from.
    const socket = await this.#pool.open(towards(remote, local), remote);
    this.#added.add(socket);
    return socket.localAddress;
  }

  /** One more socket at exactly this address, unless there is one. */
  async bindAt(address: SocketAddress): Promise<void> {
    if (!this.#pool.has(address)) this.#extra.push(await this.#pool.open(address));
  }

  /** Frees a socket of a client, if there is another one. */
  release(local: SocketAddress): void {
    const { sockets } = this.#pool;
    const socket = sockets.find(({ localAddress }) => sameAddress(localAddress, local));
    if (socket === undefined || sockets.length === 1) return;
    if (this.#added.delete(socket) || this.#isConnected) void this.#pool.close(socket, 0);
  }

  /** Whether the first socket reaches one peer alone. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** A connection is gone: a socket may have waited for that. */
  onConnectionGone(): void {
    this.#pool.onPathsLeft();
  }

  get totals(): SocketTotals {
    return this.#pool.totals;
  }

  /** The first of them. Throws ERR_QUIC_LISTENER_NOT_STARTED where there is none. */
  get address(): SocketAddress {
    const [first] = this.addresses;
    if (first === undefined)
      throw quicError('ERR_QUIC_LISTENER_NOT_STARTED', { message: 'The endpoint is not bound' });
    return first;
  }

  /** Where the sockets are bound: first those of `bind`. */
  get addresses(): SocketAddress[] {
    const all = this.#pool.sockets.map((socket) => socket.localAddress);
    const isOwn = (address: SocketAddress): boolean => this.#first?.has(address) ?? false;
    return [...all.filter(isOwn), ...all.filter((address) => !isOwn(address))];
  }

  /** Whether new connections may come to a local address: not where the socket only waits for its last paths to leave. */
  accepts(local: SocketAddress): boolean {
    return this.#pool.has(local) || this.interfaces.at(local).length > 0;
  }

  /** The socket that a connection with this local address uses. */
  for(local: SocketAddress): DatagramSocket | null {
    return this.#pool.for(local);
  }

  /** The address that a new connection to `remote` sends from; null without a socket that reaches it. */
  localTowards(remote: SocketAddress): SocketAddress | null {
    const local = this.#towards(remote)?.localAddress ?? null;
    // A wildcard socket with packet info names the address of each datagram, so it has to be known from the first one.
    if (local === null || !isUnspecified(local.address)) return local;
    return { ...local, address: this.#pool.factory.sourceFor?.(remote) ?? local.address };
  }

  /** The socket that reaches an address: of its family, loopback for loopback. */
  #towards(remote: SocketAddress): DatagramSocket | null {
    const { sockets } = this.#pool;
    if (sockets.length === 1) return sockets[0];
    const loops = isLoopback(remote.address);
    const sameFamily = sockets.filter((socket) => socket.localAddress.family === remote.family);
    return (
      sameFamily.find((socket) => isLoopback(socket.localAddress.address) === loops) ?? sameFamily[0] ?? null
    );
  }

  ref(): void {
    this.#pool.ref();
  }

  unref(): void {
    this.#pool.unref();
  }

  /** Frees all, also those that are being bound. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.interfaces.close();
    await this.#pool.closeAll();
  }

  // ---- from the pool ----

  onSocketOpened(socket: DatagramSocket): void {
    const owner = this.#owner;
    // One closure for a socket, none for a datagram.
    const sink = (
      bytes: Uint8Array,
      from: SocketAddress,
      to: SocketAddress,
      ecn: number,
      now: number,
    ): void => {
      owner.onDatagram(socket, bytes, from, to, ecn, now);
    };
    if (socket.receive === undefined) {
      socket.onDatagram = (bytes, from, to, ecn) => owner.loop.receive(bytes, from, to, ecn, sink);
    } else {
      const source = socket as DatagramSocket & DatagramSource;
      socket.onDatagram = (bytes, from, to, ecn) => owner.loop.take(bytes, from, to, ecn, sink);
      socket.onReadable = () => owner.loop.readable(source);
    }
    this.#warn(socket);
    socket.onWritable = () => owner.onSocketWritable();
    socket.onError = (error) => {
      if (LOST_ADDRESS.has(systemErrorCode(error))) this.#watcher.hint();
      this.#observer.onSocketError(error, socket);
      owner.onSocketError(error, socket);
    };
  }

  addressesInUse(): ReadonlySet<string> {
    return this.#owner.addressesInUse();
  }

  /** Says once what to do where the system gave smaller buffers than were asked for by option. */
  #warn({ counters }: DatagramSocket): void {
    if (this.#hasWarned) return;
    const short = BUFFERS.find(
      ({ option, asked, granted }) =>
        this.#options[option] !== undefined && counters[granted] > 0 && counters[granted] < counters[asked],
    );
    if (short === undefined) return;
    this.#hasWarned = true;
    const { option, asked, granted, setting } = short;
    const fix = process.platform === 'linux' ? `: sysctl -w ${setting}=${counters[asked]}` : '';
    process.emitWarning(
      `The system gave ${counters[granted]} of the ${counters[asked]} bytes of ${option}; raise its limit${fix}`,
      { type: 'QuaysideWarning', code: 'QUAYSIDE_SOCKET_BUFFER' },
    );
  }

  async #leave(own: OwnPlace | null): Promise<void> {
    const bound = await own?.bound.catch(() => null);
    await bound?.release({ drain: Infinity });
  }
}

const BUFFERS = [
  {
    option: 'receiveBufferSize',
    asked: 'receiveBufferAsked',
    granted: 'receiveBufferGranted',
    setting: 'net.core.rmem_max',
  },
  {
    option: 'sendBufferSize',
    asked: 'sendBufferAsked',
    granted: 'sendBufferGranted',
    setting: 'net.core.wmem_max',
  },
] as const;

function size(name: string, value: number | undefined): number | undefined {
  return value === undefined ? undefined : integer(name, value, 1, 2 ** 31 - 1, 1);
}

interface OwnPlace {
  readonly place: BindPlace;
  readonly bound: Promise<BoundInterface>;
}

function isSamePlace(a: BindPlace, b: BindPlace): boolean {
  return a.address === b.address && (a.port ?? 0) === (b.port ?? 0);
}

function towards(remote: SocketAddress, { address, port }: BindPlace): SocketAddress {
  const { family } = remote;
  return { address: address ?? (family === 6 ? '::' : '0.0.0.0'), port: port ?? 0, family };
}

/** What sending fails with when the address that it is from, or its device, is gone. */
const LOST_ADDRESS: ReadonlySet<string> = new Set([
  'EADDRNOTAVAIL',
  'EHOSTUNREACH',
  'EINVAL',
  'ENETDOWN',
  'ENETUNREACH',
  'ENODEV',
]);
