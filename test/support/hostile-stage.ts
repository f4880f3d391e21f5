/** A server, a client that misbehaves and one that does not, on the virtual network. */
import { CoreDriver, type SansIoPeer } from '../../src/sim/core-driver.ts';
import { simpleP2p } from '../../src/sim/scenarios.ts';
import type { VirtualHost } from '../../src/sim/virtual-host.ts';
import { VirtualNetwork } from '../../src/sim/virtual-network.ts';
import type { SocketAddress } from '../../src/util/address.ts';
import { HealthyClient } from './healthy-client.ts';
import { type HostileOptions, HostilePeer } from './hostile-peer.ts';

export const SERVER: SocketAddress = { address: '198.51.100.1', port: 4433, family: 4 };
export const HOSTILE: SocketAddress = { address: '192.0.2.66', port: 50_000, family: 4 };
export const HEALTHY: SocketAddress = { address: '192.0.2.1', port: 50_000, family: 4 };

export class HostileStage {
  readonly network: VirtualNetwork;
  readonly peer: HostilePeer;
  readonly healthy: HealthyClient;
  readonly hostileHost: VirtualHost;
  readonly hostileDriver: CoreDriver;
  readonly healthyDriver: CoreDriver;

  /** `start` puts the server on its host. */
  constructor(seed: number | string, options: Partial<HostileOptions>, start: (host: VirtualHost) => void) {
    const network = new VirtualNetwork({ seed });
    this.network = network;
    const server = network.addHost('server', [SERVER.address]);
    const hostileHost = network.addHost('hostile', [HOSTILE.address]);
    const healthyHost = network.addHost('healthy', [HEALTHY.address]);
    const { toServer, toClient } = simpleP2p();
    // The attacker's own link is without limit, so that nothing of what it does is lost in a queue.
    network.link(healthyHost, server, toServer, toClient);
    this.hostileHost = hostileHost;
    start(server);
    this.peer = new HostilePeer({ seed, local: HOSTILE, remote: SERVER, ...options });
    this.healthy = new HealthyClient({ seed, local: HEALTHY, remote: SERVER, now: network.clock.now() });
    this.hostileDriver = new CoreDriver(hostileHost, HOSTILE, this.peer);
    this.healthyDriver = new CoreDriver(healthyHost, HEALTHY, this.healthy.core);
    this.healthyDriver.onProgress = () => this.healthy.progress();
  }

  get now(): number {
    return this.network.clock.now();
  }

  /** One event of the virtual clock. False if nothing is left to happen. */
  step(): boolean {
    return this.network.clock.step();
  }
}

/** A server core, or many, as the whole server. */
export function coreServer(peer: SansIoPeer): (host: VirtualHost) => void {
  return (host) => {
    new CoreDriver(host, SERVER, peer);
  };
}
