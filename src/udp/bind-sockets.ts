/**
 * Turns what a user asks to be bound into sockets, all or nothing. A socket without packet info cannot tell which local
 * address a datagram was sent to nor choose the one to answer from, so a wildcard becomes one socket per local address.
 * Works over any SocketFactory; knows neither the backend nor who uses the sockets.
 */
import { invalidArgValue, outOfRange } from '../errors.ts';
import { isUnspecified, type SocketAddress, socketAddress } from '../util/address.ts';
import {
  bindError,
  type DatagramSocket,
  type LocalAddress,
  type SocketFactory,
  type SocketOptions,
  systemErrorCode,
} from './socket.ts';
import type { InterfaceWatcher } from './watch-interfaces.ts';

/** What to bind: an address and a port. */
export interface BindSpec {
  /** An IP address; `0.0.0.0` or `::` for all addresses of that family; undefined for all of both families. */
  readonly address?: string | undefined;
  /** 0 for any free port, the same one on every address. */
  readonly port: number;
}

/** Options for each of the sockets. */
export type BindOptions = Pick<SocketOptions, 'reusePort' | 'receiveBufferSize' | 'sendBufferSize'>;

/**
 * Binds a spec to one or several sockets; when one of them fails nothing stays open.
 *
 * @throws QuicError ERR_QUIC_BIND with the system's code, address and port in the message
 * @throws TypeError ERR_INVALID_ARG_VALUE for an address that is no IP address, RangeError ERR_OUT_OF_RANGE for the port
 */
export async function bindSockets(
  factory: SocketFactory,
  spec: BindSpec,
  options: BindOptions = {},
): Promise<BoundSockets> {
  const asked = askedAddresses(factory, spec);
  const wildcards = asked.filter(({ address }) => isUnspecified(address));
  const expands = wildcards.length > 0 && !factory.capabilities.packetInfo;
  const families = expands ? wildcards.map(({ family }) => family) : [];
  for (let attempt = 1; ; attempt++) {
    const targets = expands ? expand(factory.localAddresses(), families, spec.port) : asked;
    try {
      const sockets = await bindAll(factory, targets, asked[0], options, expands);
      return new BoundSockets(factory, asked, families, options, sockets);
    } catch (error) {
      // The port that the system picked for one address may be taken on another: pick again.
      if (spec.port !== 0 || attempt === PORT_ATTEMPTS || systemErrorCode(error) !== 'EADDRINUSE')
        throw error;
    }
  }
}

/** The sockets of one bind spec. */
export class BoundSockets {
  readonly port: number;
  /** Hears of sockets for local addresses that came up later. */
  onSocketAdded: ((socket: DatagramSocket) => void) | null = null;
  /** Hears of sockets whose local address is gone; they close right after. */
  onSocketRemoved: ((socket: DatagramSocket) => void) | null = null;

  private readonly factory: SocketFactory;
  private readonly asked: readonly SocketAddress[];
  /** Families of which every local address has a socket of its own. */
  private readonly families: readonly (4 | 6)[];
  private readonly options: BindOptions;
  private readonly bound = new Map<string, DatagramSocket>();
  private unsubscribe: (() => void) | null = null;
  private updating: Promise<void> = Promise.resolve();
  private closing: Promise<void> | null = null;

  constructor(
    factory: SocketFactory,
    asked: readonly SocketAddress[],
    families: readonly (4 | 6)[],
    options: BindOptions,
    sockets: readonly DatagramSocket[],
  ) {
    this.factory = factory;
    this.asked = asked;
    this.families = families;
    this.options = options;
    this.port = sockets[0].localAddress.port;
    for (const socket of sockets) this.bound.set(socket.localAddress.address, socket);
  }

  /** The open sockets. */
  get sockets(): DatagramSocket[] {
    return [...this.bound.values()];
  }

  /** What was asked for, with the real port: one address, or the wildcards of both families. */
  get addresses(): SocketAddress[] {
    return this.asked.map(({ address, family }) => ({ address, family, port: this.port }));
  }

  /** Keeps the sockets of a wildcard in step with the local addresses until closed. Does nothing for other binds. */
  follow(watcher: InterfaceWatcher): void {
    if (this.families.length === 0 || this.closing !== null || this.unsubscribe !== null) return;
    this.unsubscribe = watcher.subscribe((current) => {
      void this.update(current);
    });
  }

  /**
   * Binds addresses that have no socket yet and closes sockets of addresses that are gone. Never rejects: an address
   * that cannot be bound now (still being probed for duplicates, port taken there) is left out until the next update.
   */
  update(local: readonly LocalAddress[]): Promise<void> {
    this.updating = this.updating.then(() => this.updateNow(local));
    return this.updating;
  }

  /** Closes all sockets and stops following. May be called again; never rejects. */
  close(): Promise<void> {
    this.closing ??= this.closeAll();
    return this.closing;
  }

  private async updateNow(local: readonly LocalAddress[]): Promise<void> {
    if (this.closing !== null || this.families.length === 0) return;
    const wanted = new Map(expand(local, this.families, this.port).map((each) => [each.address, each]));
    for (const [key, socket] of this.bound) {
      if (wanted.has(key)) continue;
      this.bound.delete(key);
      this.onSocketRemoved?.(socket);
      void socket.close();
    }
    for (const [key, address] of wanted) {
      if (this.bound.has(key)) continue;
      const socket = await this.factory.bind({ ...this.options, address }).catch(() => null);
      if (socket === null) continue;
      if (this.closing !== null) {
        await socket.close();
        return;
      }
      this.bound.set(key, socket);
      this.onSocketAdded?.(socket);
    }
  }

  private async closeAll(): Promise<void> {
    this.unsubscribe?.();
    this.unsubscribe = null;
    const closing = this.sockets.map((socket) => socket.close());
    await this.updating;
    await Promise.all(closing);
  }
}

/** Checks the spec and gives the addresses it names: one, or the wildcards of the families that this machine has. */
function askedAddresses(factory: SocketFactory, spec: BindSpec): SocketAddress[] {
  const { address, port } = spec;
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    throw outOfRange('port', 'an integer from 0 to 65535', port);
  if (address !== undefined) {
    const one = socketAddress(address, port);
    if (one === null)
      throw invalidArgValue('address', address, 'must be an IP address, or undefined for all addresses');
    return [one];
  }
  const local = factory.localAddresses();
  const both: SocketAddress[] = [
    { address: '0.0.0.0', port, family: 4 },
    { address: '::', port, family: 6 },
  ];
  const present = both.filter(({ family }) => local.some((each) => each.family === family));
  return present.length > 0 ? present : both.slice(0, 1);
}

function expand(local: readonly LocalAddress[], families: readonly (4 | 6)[], port: number): SocketAddress[] {
  return local
    .filter(({ family }) => families.includes(family))
    .map(({ address, family }) => ({ address, family, port }));
}

/** Binds every target to the port of the first, or closes what was bound and throws. */
async function bindAll(
  factory: SocketFactory,
  targets: readonly SocketAddress[],
  asked: SocketAddress,
  options: BindOptions,
  mayLack: boolean,
): Promise<DatagramSocket[]> {
  const sockets: DatagramSocket[] = [];
  let lacking: unknown = noAddress();
  try {
    for (const target of targets) {
      const port = sockets.length > 0 ? sockets[0].localAddress.port : target.port;
      try {
        sockets.push(await factory.bind({ ...options, address: { ...target, port } }));
      } catch (error) {
        // Of a wildcard's addresses, one may have gone, or not be ready, since they were listed.
        if (!mayLack || systemErrorCode(error) !== 'EADDRNOTAVAIL') throw error;
        lacking = error;
      }
    }
    if (sockets.length === 0) throw bindError(lacking, asked);
    return sockets;
  } catch (error) {
    await Promise.all(sockets.map((socket) => socket.close()));
    throw error;
  }
}

function noAddress(): Error {
  return Object.assign(new Error('this machine has no such address'), { code: 'EADDRNOTAVAIL' });
}

/** How often a free port common to all addresses is looked for. */
const PORT_ATTEMPTS = 16;
