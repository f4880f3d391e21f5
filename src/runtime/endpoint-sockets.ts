// The sockets of an endpoint: binding and freeing them, and which of them reaches whom. Hands datagrams on to the loop
// and knows no connections.

import { quicError } from '../errors.ts';
import { type BoundSockets, bindSockets } from '../udp/bind-sockets.ts';
import type { DatagramSocket, SocketFactory } from '../udp/socket.ts';
import { InterfaceWatcher } from '../udp/watch-interfaces.ts';
import { addressKey, type SocketAddress } from '../util/address.ts';
import type { Loop } from './loop.ts';

/** Where to bind and with which kernel buffers. */
export interface SocketsOptions {
  address?: string;
  port?: number;
  receiveBufferSize?: number;
  sendBufferSize?: number;
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
}

export class EndpointSockets {
  readonly #factory: SocketFactory;
  readonly #options: SocketsOptions;
  readonly #owner: SocketsOwner;
  readonly #sockets: Map<string, DatagramSocket> = new Map();
  #bound: BoundSockets | null = null;
  #only: DatagramSocket | null = null;
  #binding: Promise<void> | null = null;
  #isClosed = false;
  #isConnected = false;
  /** Sockets that clients moved to. */
  readonly #added: Set<DatagramSocket> = new Set();

  constructor(factory: SocketFactory, options: SocketsOptions, owner: SocketsOwner) {
    this.#factory = factory;
    this.#options = options;
    this.#owner = owner;
  }

  /** Binds the sockets, all or none. Called again, it gives the same promise. */
  bind(): Promise<void> {
    if (this.#isClosed) return Promise.reject(quicError('ERR_QUIC_ENDPOINT_CLOSED'));
    this.#binding ??= this.#bind().catch((error) => {
      // A failed bind leaves nothing behind and can be tried again.
      this.#binding = null;
      throw error;
    });
    return this.#binding;
  }

  /** For a client: one socket that only this peer reaches. */
  async bindTo(remote: SocketAddress): Promise<void> {
    await this.#bindOne(remote, this.#options, remote);
    this.#isConnected = true;
  }

  /** One more socket for a client that moves, which only this peer reaches. Gives where it is bound. */
  async bindTowards(
    remote: SocketAddress,
    local: { address?: string; port?: number },
  ): Promise<SocketAddress> {
    // Only a connected socket learns which of the machine's addresses it sends from.
    const socket = await this.#bindOne(remote, local, remote);
    this.#added.add(socket);
    return socket.localAddress;
  }

  /** One more socket at exactly this address, unless there is one. */
  async bindAt(address: SocketAddress): Promise<void> {
    if (!this.#sockets.has(addressKey(address))) await this.#bindOne(address, address, undefined);
  }

  /** Frees a socket of a client, if there is another one. */
  release(local: SocketAddress): void {
    const socket = this.#sockets.get(addressKey(local));
    if (socket === undefined || this.#sockets.size === 1) return;
    if (!this.#added.delete(socket) && !this.#isConnected) return;
    this.#forget(socket);
    void socket.close();
  }

  /** Whether the first socket reaches one peer alone. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Where the sockets are bound, the first one first. */
  get addresses(): SocketAddress[] {
    return [...this.#sockets.values()].map((socket) => socket.localAddress);
  }

  /** The socket that a connection with this local address uses. */
  for(local: SocketAddress): DatagramSocket | null {
    return this.#only ?? this.#sockets.get(addressKey(local)) ?? null;
  }

  /** The socket that reaches an address: of its family, loopback for loopback. */
  towards(remote: SocketAddress): DatagramSocket | null {
    if (this.#only !== null) return this.#only;
    const loops = isLoopback(remote.address);
    const sameFamily = [...this.#sockets.values()].filter(
      (socket) => socket.localAddress.family === remote.family,
    );
    return (
      sameFamily.find((socket) => isLoopback(socket.localAddress.address) === loops) ?? sameFamily[0] ?? null
    );
  }

  ref(): void {
    for (const socket of this.#sockets.values()) socket.ref();
  }

  unref(): void {
    for (const socket of this.#sockets.values()) socket.unref();
  }

  /** Frees all, also those that are being bound. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#binding?.catch(() => {});
    await Promise.all([...this.#sockets.values()].map((socket) => socket.close()));
    await this.#bound?.close();
    this.#sockets.clear();
    this.#only = null;
  }

  async #bind(): Promise<void> {
    const { address, port = 0 } = this.#options;
    const bound = await bindSockets(
      this.#factory,
      { port, ...(address === undefined ? {} : { address }) },
      this.#bufferSizes(),
    );
    if (this.#isClosed) {
      await bound.close();
      throw quicError('ERR_QUIC_ENDPOINT_CLOSED');
    }
    this.#bound = bound;
    bound.onSocketAdded = (socket) => this.#adopt(socket);
    bound.onSocketRemoved = (socket) => this.#forget(socket);
    for (const socket of bound.sockets) this.#adopt(socket);
    // A wildcard means all local addresses, those that come up later too.
    bound.follow(new InterfaceWatcher(this.#owner.loop.clock, this.#factory));
  }

  async #bindOne(
    towards: SocketAddress,
    { address, port }: { address?: string; port?: number },
    remote: SocketAddress | undefined,
  ): Promise<DatagramSocket> {
    if (this.#isClosed) throw quicError('ERR_QUIC_ENDPOINT_CLOSED');
    const { family } = towards;
    const any = family === 6 ? '::' : '0.0.0.0';
    const local: SocketAddress = { address: address ?? any, port: port ?? 0, family };
    const socket = await this.#factory.bind({ address: local, remote, ...this.#bufferSizes() });
    if (this.#isClosed) {
      await socket.close();
      throw quicError('ERR_QUIC_ENDPOINT_CLOSED');
    }
    this.#adopt(socket);
    return socket;
  }

  #bufferSizes(): { receiveBufferSize?: number; sendBufferSize?: number } {
    const { receiveBufferSize, sendBufferSize } = this.#options;
    return {
      ...(receiveBufferSize === undefined ? {} : { receiveBufferSize }),
      ...(sendBufferSize === undefined ? {} : { sendBufferSize }),
    };
  }

  #adopt(socket: DatagramSocket): void {
    const owner = this.#owner;
    this.#sockets.set(addressKey(socket.localAddress), socket);
    this.#only = this.#sockets.size === 1 ? socket : null;
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
    socket.onDatagram = (bytes, from, to, ecn) => owner.loop.receive(bytes, from, to, ecn, sink);
    socket.onWritable = () => owner.onSocketWritable();
    socket.onError = (error) => owner.onSocketError(error, socket);
  }

  #forget(socket: DatagramSocket): void {
    this.#sockets.delete(addressKey(socket.localAddress));
    this.#only = this.#sockets.size === 1 ? (this.#sockets.values().next().value ?? null) : null;
  }
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}
