/**
 * Lets several endpoints of one process bind the same address, as `reusePort` does in the kernel: one socket, and each
 * client's datagrams go to one of those that share it. Knows nothing of what is in a datagram.
 */
import { addressKey, type SocketAddress } from '../util/address.ts';
import type {
  DatagramHandler,
  DatagramSocket,
  LocalAddress,
  SocketBackend,
  SocketCapabilities,
  SocketCounters,
  SocketFactory,
  SocketOptions,
} from './socket.ts';

export class PortSharing implements SocketFactory {
  readonly #factory: SocketFactory;
  readonly #shared: Map<string, Promise<SharedPort>> = new Map();

  constructor(factory: SocketFactory) {
    this.#factory = factory;
  }

  get backend(): SocketBackend {
    return this.#factory.backend;
  }

  get capabilities(): SocketCapabilities {
    return this.#factory.capabilities;
  }

  localAddresses(): LocalAddress[] {
    return this.#factory.localAddresses();
  }

  sourceFor(remote: SocketAddress): string | null {
    return this.#factory.sourceFor?.(remote) ?? null;
  }

  /** The first one binds, with its buffers; the others share. A connected socket is always its own. */
  async bind(options: SocketOptions): Promise<DatagramSocket> {
    if (options.remote !== undefined) return this.#factory.bind(options);
    const key = addressKey(options.address);
    const known = this.#shared.get(key);
    if (known !== undefined) {
      const shared = await known;
      if (shared.closing === null) return shared.join();
      await shared.closing;
      return this.bind(options);
    }
    const binding = this.#factory
      .bind(options)
      .then((socket) => new SharedPort(socket, () => this.#forget(binding)));
    if (options.address.port !== 0) this.#shared.set(key, binding);
    try {
      const shared = await binding;
      this.#shared.set(addressKey(shared.socket.localAddress), binding);
      return shared.join();
    } catch (error) {
      this.#forget(binding);
      throw error;
    }
  }

  #forget(binding: Promise<SharedPort>): void {
    for (const [key, each] of this.#shared) if (each === binding) this.#shared.delete(key);
  }
}

/** A real socket and those who share it. */
class SharedPort {
  readonly socket: DatagramSocket;
  readonly #members: Set<Member> = new Set();
  readonly #onEmpty: () => void;
  /** Once the last one has left. */
  closing: Promise<void> | null = null;
  #count = 0;

  constructor(socket: DatagramSocket, onEmpty: () => void) {
    this.socket = socket;
    this.#onEmpty = onEmpty;
    socket.onDatagram = (bytes, from, to, ecn) => this.#memberFor(from)?.onDatagram?.(bytes, from, to, ecn);
    socket.onError = (error) => {
      for (const member of this.#members) member.onError?.(error);
    };
    socket.onWritable = () => {
      for (const member of this.#members) member.onWritable?.();
    };
  }

  join(): DatagramSocket {
    const member = new Member(this, this.#count++);
    this.#members.add(member);
    return member;
  }

  async leave(member: Member): Promise<void> {
    if (!this.#members.delete(member)) return;
    if (this.#members.size > 0) return this.keepAlive();
    this.closing = this.socket.close().finally(this.#onEmpty);
    await this.closing;
  }

  /** The process waits for the socket as long as one member wants it to. */
  keepAlive(): void {
    const isWanted = [...this.#members].some(({ isReferenced }) => isReferenced);
    if (isWanted) this.socket.ref();
    else this.socket.unref();
  }

  /** The one with the highest draw for this client: when one leaves, only its own clients go to others. */
  #memberFor(from: SocketAddress): Member | null {
    let chosen: Member | null = null;
    let highest = -1;
    for (const member of this.#members) {
      if (this.#members.size === 1) return member;
      const draw = hash(addressKey(from), member.seed);
      if (draw > highest) {
        highest = draw;
        chosen = member;
      }
    }
    return chosen;
  }
}

class Member implements DatagramSocket {
  onDatagram: DatagramHandler | null = null;
  onError: DatagramSocket['onError'] = null;
  onWritable: (() => void) | null = null;
  isReferenced = true;
  readonly seed: number;
  readonly #shared: SharedPort;
  #isClosed = false;

  constructor(shared: SharedPort, seed: number) {
    this.#shared = shared;
    this.seed = seed;
  }

  get capabilities(): SocketCapabilities {
    return this.#shared.socket.capabilities;
  }

  get localAddress(): SocketAddress {
    return this.#shared.socket.localAddress;
  }

  get remoteAddress(): SocketAddress | null {
    return null;
  }

  /** Of all who share the socket. */
  get counters(): SocketCounters {
    return this.#shared.socket.counters;
  }

  get pending(): number {
    return this.#shared.socket.pending;
  }

  send(...datagram: Parameters<DatagramSocket['send']>): boolean {
    return !this.#isClosed && this.#shared.socket.send(...datagram);
  }

  ref(): void {
    this.isReferenced = true;
    this.#shared.keepAlive();
  }

  unref(): void {
    this.isReferenced = false;
    this.#shared.keepAlive();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.onDatagram = null;
    return this.#shared.leave(this);
  }
}

/** FNV-1a, finished so that similar texts and seeds differ in the high bits too. */
function hash(text: string, seed: number): number {
  let value = 0x811c9dc5 ^ Math.imul(seed + 1, 0x9e3779b1);
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  return (value ^ (value >>> 13)) >>> 0;
}
