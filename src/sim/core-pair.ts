/**
 * Two sans-IO cores, a client and a server, over one scenario in virtual time: the stage of the scenario tests.
 * Sets the stage and runs the clock; what the cores are and do is the caller's.
 */
import type { SocketAddress } from '../util/address.ts';
import { CoreDriver, type CoreDriverOptions, type PeerFactory, type SansIoPeer } from './core-driver.ts';
import type { LinkDirection } from './link.ts';
import { type Scenario, simpleP2p } from './scenarios.ts';
import type { VirtualClock } from './virtual-clock.ts';
import type { VirtualHost } from './virtual-host.ts';
import type { VirtualNat } from './virtual-nat.ts';
import { VirtualNetwork } from './virtual-network.ts';

export interface CorePairOptions extends CoreDriverOptions {
  readonly seed: number | string;
  /** Default {@link simpleP2p}. */
  readonly scenario?: Scenario;
  /** Default 4. */
  readonly family?: 4 | 6;
  /** Another pair: this one shares its hosts, link and clock, and has ports of its own. Its seed and scenario count. */
  readonly beside?: CorePair;
}

/**
 * ```ts
 * const pair = new CorePair({ seed, scenario: SCENARIOS.transferloss });
 * pair.start(clientCore, (datagram, { from }) => makeServerCore(from));
 * pair.runUntil(() => isDone, 60_000);
 * ```
 */
export class CorePair {
  readonly network: VirtualNetwork;
  readonly clock: VirtualClock;
  readonly clientHost: VirtualHost;
  readonly serverHost: VirtualHost;
  /** What the client calls its own; behind a NAT the server sees another. */
  readonly clientAddress: SocketAddress;
  readonly serverAddress: SocketAddress;
  readonly toServer: LinkDirection;
  readonly toClient: LinkDirection;
  readonly nat: VirtualNat | null;

  private readonly options: CorePairOptions;
  /** How many pairs share the hosts with this one that were there before. */
  private readonly place: number;
  private clientDriver: CoreDriver | null = null;
  private serverDriver: CoreDriver | null = null;

  constructor(options: CorePairOptions) {
    const { seed, scenario = simpleP2p(), family = 4, beside } = options;
    this.options = options;
    this.place = beside === undefined ? 0 : beside.place + 1;
    const at = family === 4 ? 0 : 1;
    this.clientAddress = { address: CLIENT_IPS[at], port: 50000 + this.place, family };
    this.serverAddress = { address: SERVER_IPS[at], port: 4433 + this.place, family };
    this.network = beside?.network ?? new VirtualNetwork({ seed });
    this.clock = this.network.clock;
    this.clientHost = beside?.clientHost ?? this.network.addHost('client', CLIENT_IPS);
    this.serverHost = beside?.serverHost ?? this.network.addHost('server', SERVER_IPS);
    if (beside !== undefined) {
      this.toServer = beside.toServer;
      this.toClient = beside.toClient;
      this.nat = beside.nat;
      return;
    }
    const { toServer, toClient, nat } = scenario;
    const link = this.network.link(this.clientHost, this.serverHost, toServer, toClient);
    this.toServer = link.forward;
    this.toClient = link.backward;
    this.nat = nat === undefined ? null : this.network.addNat(this.clientHost, { outside: NAT_IPS, ...nat });
  }

  /** @throws Error before `start` */
  get client(): CoreDriver {
    return present(this.clientDriver);
  }

  get server(): CoreDriver {
    return present(this.serverDriver);
  }

  /** Puts the cores on their hosts; the client sends first when the clock runs. */
  start(client: SansIoPeer, server: SansIoPeer | PeerFactory): this {
    this.serverDriver = new CoreDriver(this.serverHost, this.serverAddress, server, this.options);
    this.clientDriver = new CoreDriver(this.clientHost, this.clientAddress, client, this.options);
    return this;
  }

  /** Lets so many virtual ms pass. */
  run(duration: number): void {
    this.clock.run(this.clock.now() + duration);
  }

  /**
   * Runs until `isDone` is true after some event, and gives the virtual time.
   * @param limit most virtual ms from now
   * @throws Error that names the seed, if the limit passes first or nothing is left to happen
   */
  runUntil(isDone: () => boolean, limit: number = 60_000): number {
    const { clock } = this;
    const deadline = clock.now() + limit;
    while (!isDone()) {
      const next = clock.nextAt;
      if (next === null) throw this.failure('nothing is left to happen');
      if (next > deadline) throw this.failure(`not done within ${limit} ms`);
      clock.step();
    }
    return clock.now();
  }

  /**
   * Runs until nothing is on its way and no timer is set, and gives the virtual time.
   * @throws Error that names the seed, if something is left after `limit` virtual ms
   */
  runUntilIdle(limit: number = 600_000): number {
    this.clock.runUntilIdle(this.clock.now() + limit);
    if (this.clock.waiting > 0) throw this.failure(`not idle after ${limit} ms`);
    return this.clock.now();
  }

  private failure(what: string): Error {
    return new Error(`${what} (seed ${this.network.seed}, at ${this.clock.now()} ms)`);
  }
}

function present(driver: CoreDriver | null): CoreDriver {
  if (driver === null) throw new Error('The pair was not started');
  return driver;
}

// Addresses for documentation: RFC 5737 §3 and RFC 3849 §2.
const CLIENT_IPS = ['192.0.2.1', '2001:db8:1::1'];
const SERVER_IPS = ['198.51.100.1', '2001:db8:2::1'];
const NAT_IPS = [
  ...['203.0.113.1', '203.0.113.2', '203.0.113.3', '203.0.113.4'],
  ...['2001:db8:3::1', '2001:db8:3::2', '2001:db8:3::3', '2001:db8:3::4'],
];
