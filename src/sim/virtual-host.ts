/**
 * A machine on the virtual network: its addresses, its ports, and what an endpoint needs to run on it (clock, socket
 * factory, randomness). Knows the network only as something that takes datagrams.
 */
import type { RandomSource } from '../crypto/provider.ts';
import type {
  DatagramSocket,
  LocalAddress,
  SocketCapabilities,
  SocketFactory,
  SocketOptions,
} from '../udp/socket.ts';
import { bindError } from '../udp/socket.ts';
import { canonicalIp, isLoopback, isUnspecified, type SocketAddress } from '../util/address.ts';
import type { VirtualClock } from './virtual-clock.ts';
import type { VirtualNetwork } from './virtual-network.ts';
import { VirtualSocket } from './virtual-socket.ts';

export interface VirtualHostOptions {
  /** What its sockets can do. Default: ECN and don't-fragment, one segment, no packet info. */
  readonly capabilities?: Partial<SocketCapabilities>;
  /** Datagrams that a socket takes in one instant before `send` says false. Default unlimited. */
  readonly sendQueue?: number;
}

/** Takes the datagrams of one bound address. It owns the bytes. */
export type Receiver = (bytes: Uint8Array, from: SocketAddress, to: SocketAddress, ecn: number) => void;

export class VirtualHost {
  readonly name: string;
  readonly network: VirtualNetwork;
  readonly clock: VirtualClock;
  /** A source of chance of its own, decided by the seed of the network and the name of the host. */
  readonly random: RandomSource;
  readonly capabilities: SocketCapabilities;
  readonly sockets: SocketFactory;
  readonly sendQueue: number;

  private readonly ips = new Map<string, LocalAddress>();
  /** Receivers by port and then by IP address, which may be a wildcard. */
  private readonly ports = new Map<number, Map<string, Receiver>>();
  private nextPort = FIRST_EPHEMERAL_PORT;

  constructor(network: VirtualNetwork, name: string, options: VirtualHostOptions = {}) {
    this.network = network;
    this.name = name;
    this.clock = network.clock;
    this.random = network.random(`host ${name}`);
    this.capabilities = { ...DEFAULT_CAPABILITIES, ...options.capabilities };
    this.sendQueue = options.sendQueue ?? Infinity;
    this.sockets = {
      backend: 'virtual',
      capabilities: this.capabilities,
      bind: async (socketOptions) => this.bind(socketOptions),
      localAddresses: () => [...this.ips.values()],
      sourceFor: (remote) => this.sourceFor(remote),
    };
  }

  get addresses(): string[] {
    return [...this.ips.keys()];
  }

  /** @param ip canonical */
  hasAddress(ip: string): boolean {
    return this.ips.has(ip);
  }

  /** A new IP address, on an interface of the given name. */
  addAddress(ip: string, interfaceName: string = isLoopback(ip) ? 'lo' : 'eth0'): void {
    const address = canonicalIp(ip);
    if (address === null) throw new Error(`${ip} is no IP address`);
    this.network.claim(address, this);
    const family = address.includes(':') ? 6 : 4;
    this.ips.set(address, { address, family, interfaceName, internal: isLoopback(address) });
  }

  /** The address is gone; sockets that are bound to it hear nothing more. */
  removeAddress(ip: string): void {
    const address = canonicalIp(ip) ?? ip;
    if (this.ips.delete(address)) this.network.disclaim(address);
  }

  /**
   * Takes an address and port (0: a free one) for a receiver, without a socket. Gives the real address.
   * @throws QuicError ERR_QUIC_BIND, like a socket
   */
  attach(address: SocketAddress, receiver: Receiver): SocketAddress {
    const { address: ip, family } = address;
    if (!isUnspecified(ip) && !this.ips.has(ip)) throw failure('EADDRNOTAVAIL', address);
    const port = address.port === 0 ? this.freePort(ip) : address.port;
    if (!this.isFree(ip, port)) throw failure('EADDRINUSE', address);
    const receivers = this.ports.get(port) ?? new Map<string, Receiver>();
    receivers.set(ip, receiver);
    this.ports.set(port, receivers);
    return { address: ip, port, family };
  }

  detach(address: SocketAddress): void {
    const receivers = this.ports.get(address.port);
    receivers?.delete(address.address);
    if (receivers?.size === 0) this.ports.delete(address.port);
  }

  /** Whether someone listens for what is sent to `to`. */
  hasReceiver(to: SocketAddress): boolean {
    return this.receiver(to) !== undefined;
  }

  /** For the network: a datagram arrived. */
  deliver(bytes: Uint8Array, from: SocketAddress, to: SocketAddress, ecn: number): void {
    this.receiver(to)?.(bytes, from, to, ecn);
  }

  /** The address that a wildcard socket sends from to `to`: the first that can get there. */
  sourceFor(to: SocketAddress): string | null {
    for (const { address, family, internal } of this.ips.values()) {
      if (family === to.family && internal === isLoopback(to.address)) return address;
    }
    return null;
  }

  private receiver(to: SocketAddress): Receiver | undefined {
    if (!this.ips.has(to.address)) return undefined;
    const receivers = this.ports.get(to.port);
    return receivers?.get(to.address) ?? receivers?.get(to.family === 6 ? '::' : '0.0.0.0');
  }

  private bind(options: SocketOptions): DatagramSocket {
    return new VirtualSocket(this, options);
  }

  private isFree(ip: string, port: number): boolean {
    const receivers = this.ports.get(port);
    if (receivers === undefined) return true;
    const isIpv6 = ip.includes(':');
    const sameFamily = [...receivers.keys()].filter((each) => each.includes(':') === isIpv6);
    if (isUnspecified(ip)) return sameFamily.length === 0;
    return !sameFamily.some((each) => each === ip || isUnspecified(each));
  }

  private freePort(ip: string): number {
    for (;;) {
      const port = this.nextPort;
      this.nextPort = port === 65535 ? FIRST_EPHEMERAL_PORT : port + 1;
      if (this.isFree(ip, port)) return port;
    }
  }
}

function failure(code: string, address: SocketAddress): Error {
  const cause = Object.assign(new Error(`bind ${code}`), { code, syscall: 'bind' });
  return bindError(cause, address);
}

const DEFAULT_CAPABILITIES: SocketCapabilities = {
  segments: 1,
  ecn: true,
  packetInfo: false,
  dontFragment: true,
  reusePort: false,
};

const FIRST_EPHEMERAL_PORT = 49152;
