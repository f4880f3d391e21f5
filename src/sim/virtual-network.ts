/**
 * The virtual network: hosts, the links between them, and the way of each datagram from one to the other. Everything
 * happens on its virtual clock and by its seed. Knows nothing of QUIC.
 */

import type { RandomSource } from '../crypto/provider.ts';
import { seededRandom } from '../crypto/random.ts';
import { isLoopback, type SocketAddress } from '../util/address.ts';
import { copyBytes } from '../util/bytes.ts';
import { type DropReason, LinkDirection, type LinkOptions } from './link.ts';
import { VirtualClock } from './virtual-clock.ts';
import { VirtualHost, type VirtualHostOptions } from './virtual-host.ts';
import { type NatOptions, VirtualNat } from './virtual-nat.ts';

export interface VirtualNetworkOptions {
  /** Decides everything that is left to chance. */
  readonly seed: number | string;
  /** Default: a new one. */
  readonly clock?: VirtualClock;
  /** For every direction that {@link VirtualNetwork.link} does not name. Default: at once and unharmed. */
  readonly link?: LinkOptions;
}

/** Both directions between two ends. */
export interface VirtualLink {
  /** From the first end to the second. */
  readonly forward: LinkDirection;
  readonly backward: LinkDirection;
}

/** Something that happened to a datagram, as taps see it. */
export interface PacketEvent {
  /** Virtual time in ms. */
  readonly time: number;
  readonly kind: 'sent' | 'delivered' | 'dropped';
  /** Why it was dropped; null otherwise. */
  readonly reason: DropReason | null;
  /** Name of the direction, `client>server`; '' if there is no way at all. */
  readonly link: string;
  /** Number of the datagram in its direction, from 1. */
  readonly index: number;
  /** As seen behind a NAT of the sender. */
  readonly from: SocketAddress;
  readonly to: SocketAddress;
  readonly ecn: number;
  readonly isCorrupted: boolean;
  /** The UDP payload; not to be changed or kept. */
  readonly bytes: Uint8Array;
}

export class VirtualNetwork {
  readonly seed: string;
  readonly clock: VirtualClock;
  /** Datagrams to addresses that nobody has. */
  unreachable = 0;

  private readonly defaultLink: LinkOptions;
  private readonly hosts = new Map<string, VirtualHost>();
  /** Who has an IP address: a host, or the host whose NAT has it. */
  private readonly owners = new Map<string, VirtualHost>();
  private readonly nats = new Map<VirtualHost, VirtualNat>();
  private readonly directions = new Map<string, LinkDirection>();
  /** Found directions by sender's and receiver's IP address. */
  private readonly ways = new Map<string, LinkDirection>();
  private readonly taps = new Set<(event: PacketEvent) => void>();

  constructor(options: VirtualNetworkOptions) {
    this.seed = String(options.seed);
    this.clock = options.clock ?? new VirtualClock();
    this.defaultLink = options.link ?? {};
  }

  /** Adds a host. Its loopback addresses, if it is given any, are its own; the others must be unique. */
  addHost(name: string, addresses: readonly string[], options?: VirtualHostOptions): VirtualHost {
    if (this.hosts.has(name)) throw new Error(`There is a host ${name} already`);
    const host = new VirtualHost(this, name, options);
    this.hosts.set(name, host);
    for (const address of addresses) host.addAddress(address);
    return host;
  }

  /**
   * Sets the link between two hosts or two IP addresses, in both directions; the way back takes the same options if it
   * has none of its own. A link between addresses goes before one between hosts. Setting it again changes its options.
   */
  link(
    a: VirtualHost | string,
    b: VirtualHost | string,
    forward: LinkOptions,
    backward: LinkOptions = forward,
  ): VirtualLink {
    const there = this.setDirection(`${nameOf(a)}>${nameOf(b)}`, forward);
    const back = this.setDirection(`${nameOf(b)}>${nameOf(a)}`, backward);
    this.ways.clear();
    return { forward: there, backward: back };
  }

  /** Puts a NAT in front of a host. */
  addNat(host: VirtualHost, options: NatOptions): VirtualNat {
    const nat = new VirtualNat(options, this.clock.now());
    this.nats.set(host, nat);
    for (const ip of nat.outside) this.claim(ip, host);
    return nat;
  }

  /** Shows every packet event to `tap` and gives the function that stops it. */
  tap(tap: (event: PacketEvent) => void): () => void {
    this.taps.add(tap);
    return () => this.taps.delete(tap);
  }

  /** A source of chance of its own for each purpose, so that new purposes do not change what others see. */
  random(purpose: string): RandomSource {
    return seededRandom(`${this.seed}/${purpose}`);
  }

  /** Carries `bytes[start, start + length)`; the bytes are the caller's again when the call returns. */
  transmit(
    host: VirtualHost,
    inside: SocketAddress,
    to: SocketAddress,
    bytes: Uint8Array,
    start: number,
    length: number,
    ecn: number,
  ): void {
    const now = this.clock.now();
    const datagram = copyBytes(bytes, start, start + length);
    if (isLoopback(to.address)) {
      this.clock.schedule(now, () => host.deliver(datagram, inside, to, ecn));
      return;
    }
    const from = this.nats.get(host)?.outbound(inside, now) ?? inside;
    const target = this.owners.get(to.address);
    if (target === undefined) {
      this.unreachable++;
      this.tell(now, 'dropped', 'unreachable', null, 0, from, to, ecn, false, datagram);
      return;
    }
    const way = this.way(inside.address, host, to.address, target);
    const verdict = way.enter(datagram, to.family === 6 ? 48 : 28, ecn, now);
    const index = way.counters.entered;
    this.tell(now, 'sent', null, way, index, from, to, ecn, false, datagram);
    if (verdict.drop !== null) {
      this.tell(now, 'dropped', verdict.drop, way, index, from, to, ecn, false, datagram);
      return;
    }
    const { arrival, secondArrival, ecn: arrivingEcn } = verdict;
    const isCorrupted = verdict.corruptAt >= 0;
    if (isCorrupted) datagram[verdict.corruptAt] = verdict.corruptTo;
    // The receiver may decrypt in place, so the second copy has bytes of its own.
    const second = secondArrival === null ? null : copyBytes(datagram);
    const arrive = (copy: Uint8Array): void =>
      this.arrive(copy, from, to, arrivingEcn, isCorrupted, target, way, index);
    this.clock.schedule(arrival, () => arrive(datagram));
    if (secondArrival !== null && second !== null) this.clock.schedule(secondArrival, () => arrive(second));
  }

  /** For hosts: `ip` is theirs from now on. */
  claim(ip: string, host: VirtualHost): void {
    if (isLoopback(ip)) return;
    const owner = this.owners.get(ip);
    if (owner !== undefined && owner !== host) throw new Error(`${ip} belongs to ${owner.name}`);
    this.owners.set(ip, host);
    this.ways.clear();
  }

  /** For hosts: `ip` is nobody's from now on. */
  disclaim(ip: string): void {
    this.owners.delete(ip);
    this.ways.clear();
  }

  private arrive(
    datagram: Uint8Array,
    from: SocketAddress,
    to: SocketAddress,
    ecn: number,
    isCorrupted: boolean,
    target: VirtualHost,
    way: LinkDirection,
    index: number,
  ): void {
    const now = this.clock.now();
    const nat = this.nats.get(target);
    const isOutside = nat?.outside.includes(to.address) ?? false;
    const inside = nat !== undefined && isOutside ? nat.inbound(to, now) : to;
    const reason = inside === null ? 'nat' : target.hasReceiver(inside) ? null : 'unbound';
    if (inside === null || reason !== null) {
      way.counters.dropped[reason ?? 'nat']++;
      this.tell(now, 'dropped', reason ?? 'nat', way, index, from, to, ecn, isCorrupted, datagram);
      return;
    }
    way.arrived(datagram.length);
    this.tell(now, 'delivered', null, way, index, from, to, ecn, isCorrupted, datagram);
    target.deliver(datagram, from, inside, ecn);
  }

  private way(fromIp: string, from: VirtualHost, toIp: string, to: VirtualHost): LinkDirection {
    const key = `${fromIp}>${toIp}`;
    let found = this.ways.get(key);
    if (found === undefined) {
      found =
        this.directions.get(key) ??
        this.directions.get(`${fromIp}>${to.name}`) ??
        this.directions.get(`${from.name}>${toIp}`) ??
        this.directions.get(`${from.name}>${to.name}`) ??
        this.setDirection(`${from.name}>${to.name}`, this.defaultLink);
      this.ways.set(key, found);
    }
    return found;
  }

  private setDirection(name: string, options: LinkOptions): LinkDirection {
    let direction = this.directions.get(name);
    if (direction === undefined) {
      direction = new LinkDirection(name, options, this.random(`link ${name}`));
      this.directions.set(name, direction);
    }
    direction.options = options;
    return direction;
  }

  private tell(
    time: number,
    kind: PacketEvent['kind'],
    reason: DropReason | null,
    way: LinkDirection | null,
    index: number,
    from: SocketAddress,
    to: SocketAddress,
    ecn: number,
    isCorrupted: boolean,
    bytes: Uint8Array,
  ): void {
    if (this.taps.size === 0) return;
    const event: PacketEvent = {
      time,
      kind,
      reason,
      link: way?.name ?? '',
      index,
      from,
      to,
      ecn,
      isCorrupted,
      bytes,
    };
    for (const tap of this.taps) tap(event);
  }
}

function nameOf(end: VirtualHost | string): string {
  return typeof end === 'string' ? end : end.name;
}
