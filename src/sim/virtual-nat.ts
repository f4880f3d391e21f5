/**
 * A NAT in front of one virtual host: gives its flows outside addresses and ports, and new ones when told or by a plan.
 * Datagrams to a binding of the past find nobody. Knows no link and delivers nothing itself.
 */
import { addressKey, ipFamily, type SocketAddress } from '../util/address.ts';

export interface NatOptions {
  /** Outside IP addresses of one or both families, used in turn; families without one are not translated. */
  readonly outside: readonly string[];
  /** Virtual time in ms, from the start of the NAT, of the first rebinding. Default never. */
  readonly firstRebind?: number;
  /** Milliseconds from one rebinding to the next. Default: only one. */
  readonly rebindEvery?: number;
  /** Whether a planned rebinding changes the address, too. Default false: the port alone. */
  readonly rebindAddress?: boolean;
}

/** Bindings do not depend on the destination, and anyone may send to them. */
export class VirtualNat {
  readonly outside: readonly string[];
  /** How often all bindings were thrown away. */
  rebinds = 0;

  private readonly rebindEvery: number;
  private readonly rebindAddress: boolean;
  private nextRebind: number;
  private addressTurn = 0;
  private nextPort = FIRST_PORT;
  private readonly outsideOf = new Map<string, SocketAddress>();
  private readonly insideOf = new Map<string, SocketAddress>();

  constructor(options: NatOptions, now: number) {
    this.outside = options.outside;
    this.rebindEvery = options.rebindEvery ?? Infinity;
    this.rebindAddress = options.rebindAddress ?? false;
    this.nextRebind = now + (options.firstRebind ?? Infinity);
  }

  /** Forgets all bindings: the next datagram of each flow leaves from a new port, on request from a new address. */
  rebind(withAddress: boolean = false): void {
    this.outsideOf.clear();
    this.insideOf.clear();
    if (withAddress) this.addressTurn++;
    this.rebinds++;
  }

  /** The outside address of a flow that sends now. */
  outbound(inside: SocketAddress, now: number): SocketAddress {
    this.followPlan(now);
    const key = addressKey(inside);
    const known = this.outsideOf.get(key);
    if (known !== undefined) return known;
    const choices = this.outside.filter((ip) => ipFamily(ip) === inside.family);
    if (choices.length === 0) return inside;
    const outside: SocketAddress = {
      address: choices[this.addressTurn % choices.length],
      port: this.nextPort++,
      family: inside.family,
    };
    this.outsideOf.set(key, outside);
    this.insideOf.set(addressKey(outside), inside);
    return outside;
  }

  /** Whom a datagram that arrives now is for; null: no such binding (any more). */
  inbound(outside: SocketAddress, now: number): SocketAddress | null {
    this.followPlan(now);
    return this.insideOf.get(addressKey(outside)) ?? null;
  }

  private followPlan(now: number): void {
    while (now >= this.nextRebind) {
      this.rebind(this.rebindAddress);
      this.nextRebind += this.rebindEvery;
    }
  }
}

const FIRST_PORT = 40000;
