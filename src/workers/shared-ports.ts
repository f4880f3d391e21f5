// The real sockets behind ForwardedSockets, in the main thread: gives each datagram to the worker whose shard is in its
// connection id, and sends what workers send. Reads two bytes of a datagram and keeps nothing about connections.

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { quicError } from '../errors.ts';
import { addressKey, DatagramLink, type LinkEnd, type SocketAddress } from './datagram-link.ts';

export interface PortOptions {
  readonly address: SocketAddress;
  readonly receiveBufferSize?: number | undefined;
  readonly sendBufferSize?: number | undefined;
}

interface SharedPort {
  readonly socket: Socket;
  readonly address: SocketAddress;
  /** Shards of the workers that have it bound. */
  readonly members: Set<number>;
}

export class SharedPorts {
  readonly #count: number;
  readonly #ports: Map<string, Promise<SharedPort>> = new Map();
  readonly #open: Map<string, SharedPort> = new Map();
  readonly #links: Map<number, DatagramLink> = new Map();

  /** @param count workers; theirs are the shards below it */
  constructor(count: number) {
    this.#count = count;
  }

  /** A worker can take datagrams from now on. */
  connect(shard: number, end: LinkEnd): void {
    const link = new DatagramLink(end, (bytes, from, to) => {
      this.#open.get(addressKey(from))?.socket.send(bytes, to.port, to.address, ignore);
    });
    this.#links.set(shard, link);
  }

  /** Its thread is gone. What it had bound stays for the one that replaces it. */
  disconnect(shard: number): void {
    this.#links.get(shard)?.close();
    this.#links.delete(shard);
  }

  /** Binds, or joins those who have the address. Gives the address with its real port. Rejects with ERR_QUIC_BIND. */
  async bind(shard: number, options: PortOptions): Promise<SocketAddress> {
    const key = addressKey(options.address);
    let binding = this.#ports.get(key);
    if (binding === undefined) {
      binding = this.#bindNew(options);
      if (options.address.port !== 0) this.#ports.set(key, binding);
    }
    try {
      const port = await binding;
      this.#ports.set(addressKey(port.address), binding);
      port.members.add(shard);
      return port.address;
    } catch (error) {
      this.#ports.delete(key);
      throw error;
    }
  }

  /** The last one closes the socket. */
  async unbind(shard: number, address: SocketAddress): Promise<void> {
    const port = this.#open.get(addressKey(address));
    if (port === undefined || !port.members.delete(shard) || port.members.size > 0) return;
    await this.#close(port);
  }

  async close(): Promise<void> {
    for (const shard of [...this.#links.keys()]) this.disconnect(shard);
    await Promise.all([...this.#open.values()].map((port) => this.#close(port)));
  }

  async #bindNew({ address, receiveBufferSize, sendBufferSize }: PortOptions): Promise<SharedPort> {
    const socket = createSocket({
      type: address.family === 6 ? 'udp6' : 'udp4',
      ipv6Only: address.family === 6,
      recvBufferSize: receiveBufferSize ?? DEFAULT_BUFFER,
      sendBufferSize: sendBufferSize ?? DEFAULT_BUFFER,
    });
    try {
      socket.bind(address.port, address.address);
      await once(socket, 'listening');
    } catch (cause) {
      const { code = '', message: reason } = cause as Error & { code?: string };
      const message = `Cannot bind UDP ${address.address} port ${address.port}: ${reason} (${code})`;
      throw quicError('ERR_QUIC_BIND', { message, cause });
    }
    const bound: SocketAddress = { ...address, port: socket.address().port };
    const port: SharedPort = { socket, address: bound, members: new Set() };
    this.#open.set(addressKey(bound), port);
    // Errors of single datagrams: the connections find out by themselves what does not arrive.
    socket.on('error', ignore);
    socket.on('message', (bytes, { address: from, port: fromPort, family }) => {
      const remote: SocketAddress = { address: from, port: fromPort, family: family === 'IPv6' ? 6 : 4 };
      this.#linkFor(bytes, port)?.send(bytes, remote, bound, 0);
    });
    return port;
  }

  async #close({ socket, address }: SharedPort): Promise<void> {
    const key = addressKey(address);
    this.#ports.delete(key);
    if (!this.#open.delete(key)) return;
    const closed = once(socket, 'close');
    socket.close();
    await closed;
  }

  /**
   * The low 5 bits of the destination id's first byte, as the kernel's program for sockets that share a port has it: the
   * shard in our ids, chance in a client's first. A worker that is away is stood in for by the next.
   */
  #linkFor(bytes: Uint8Array, { members }: SharedPort): DatagramLink | undefined {
    const isLong = (bytes[0] & 0x80) !== 0;
    const first = (bytes[isLong ? LONG_ID_START : 1] ?? 0) & SHARD_MASK;
    for (let i = 0; i < this.#count; i++) {
      const shard = (first + i) % this.#count;
      const link = this.#links.get(shard);
      if (link !== undefined && members.has(shard)) return link;
    }
    return undefined;
  }
}

function ignore(): void {}

/** RFC 8999 §5.1: one byte, the version, the length of the destination id, the id. */
const LONG_ID_START = 6;
const SHARD_MASK = 31;
const DEFAULT_BUFFER = 4 * 1024 * 1024;
