/**
 * quayside/sim: the virtual clock and network on which connection cores and whole endpoints run without sockets or waits.
 */
export {
  CoreDriver,
  type CoreDriverOptions,
  type PeerFactory,
  type SansIoPeer,
  type SentDatagram,
} from './sim/core-driver.ts';
export { CorePair, type CorePairOptions } from './sim/core-pair.ts';
export type {
  Blackhole,
  DropReason,
  LinkCounters,
  LinkDirection,
  LinkOptions,
  LinkPacket,
} from './sim/link.ts';
export { type LoggedPacket, PacketLog } from './sim/packet-log.ts';
export {
  corruptRate,
  dropList,
  dropRate,
  SCENARIOS,
  type Scenario,
  type ScenarioName,
  simpleP2p,
} from './sim/scenarios.ts';
export { VirtualClock, type VirtualClockOptions } from './sim/virtual-clock.ts';
export { type Receiver, VirtualHost, type VirtualHostOptions } from './sim/virtual-host.ts';
export { type NatOptions, VirtualNat } from './sim/virtual-nat.ts';
export {
  type PacketEvent,
  type VirtualLink,
  VirtualNetwork,
  type VirtualNetworkOptions,
} from './sim/virtual-network.ts';
export type { DatagramSocket, SocketCapabilities, SocketFactory, SocketOptions } from './udp/socket.ts';
export type { SocketAddress } from './util/address.ts';
export type { Clock, Timer } from './util/clock.ts';
