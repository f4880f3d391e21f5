// Hand-over between the worker threads of one listener: a link to each of the others, and sockets that share the port, by the
// kernel where it can and else by the main thread.

import type { HandOver, ShardPlace, SocketFactory } from '../index.ts';
import type { DatagramSocket, SocketOptions } from '../sim.ts';
import type { Calls } from './calls.ts';
import { type DatagramHandler, DatagramLink, type LinkEnd } from './datagram-link.ts';
import { ForwardedSockets } from './forwarded-sockets.ts';

export class ThreadHandOver implements HandOver {
  readonly #count: number;
  readonly #main: Calls;
  readonly #mainLink: LinkEnd;
  readonly #onHandedOver: () => void;
  readonly #peers: Map<number, DatagramLink> = new Map();
  #steered: SteeredSockets | null = null;
  #take: DatagramHandler | null = null;

  /** @param onHandedOver hears of every datagram that came from another worker */
  constructor(count: number, main: Calls, mainLink: LinkEnd, onHandedOver: () => void) {
    this.#count = count;
    this.#main = main;
    this.#mainLink = mainLink;
    this.#onHandedOver = onHandedOver;
  }

  /** A link to the worker with this shard, in place of that to its predecessor. */
  connect(shard: number, end: LinkEnd): void {
    this.#peers.get(shard)?.close();
    const link = new DatagramLink(end, (bytes, from, to, ecn) => {
      this.#onHandedOver();
      this.#take?.(bytes, from, to, ecn);
    });
    this.#peers.set(shard, link);
  }

  sockets(factory: SocketFactory): SocketFactory {
    if (!factory.capabilities.reusePort) return new ForwardedSockets(factory, this.#main, this.#mainLink);
    this.#steered = new SteeredSockets(factory, this.#count);
    return this.#steered;
  }

  /** The sockets that share a port have other numbers now, by shard. */
  steer(order: Uint8Array): void {
    this.#steered?.steer(order);
  }

  async join(_shard: number, take: DatagramHandler): Promise<ShardPlace> {
    this.#take = take;
    return {
      send: (owner, bytes, from, to, ecn) => this.#peers.get(owner)?.send(bytes, from, to, ecn) ?? false,
      leave: async () => {
        this.#take = null;
      },
    };
  }
}

/** The thread's own sockets, on one port with those of the others, each asking for the datagrams of its shard. */
class SteeredSockets implements SocketFactory {
  readonly backend: SocketFactory['backend'];
  readonly capabilities: SocketFactory['capabilities'];
  readonly #factory: SocketFactory;
  readonly #count: number;
  readonly #sockets: Set<DatagramSocket> = new Set();

  constructor(factory: SocketFactory, count: number) {
    this.backend = factory.backend;
    this.capabilities = factory.capabilities;
    this.#factory = factory;
    this.#count = count;
  }

  localAddresses(): ReturnType<SocketFactory['localAddresses']> {
    return this.#factory.localAddresses();
  }

  async bind(options: SocketOptions): Promise<DatagramSocket> {
    if (options.remote !== undefined) return this.#factory.bind(options);
    const socket = await this.#factory.bind({ ...options, reusePort: true });
    // Where it cannot, the kernel goes by the client's address, and hand-over does the rest.
    socket.steer?.(this.#count);
    this.#sockets.add(socket);
    return socket;
  }

  steer(order: Uint8Array): void {
    for (const socket of this.#sockets)
      if (socket.steer?.(this.#count, order) !== true) this.#sockets.delete(socket);
  }
}
