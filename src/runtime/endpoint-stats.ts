// The numbers of an endpoint in one record: connections, datagrams, routing, interfaces. Collects what its parts count.

import type { RouterCounters } from '../routing/counters.ts';
import type { RouterSizes } from '../routing/router-options.ts';
import type { SocketTotals } from '../udp/socket-pool.ts';
import type { DrivenConnection } from './driven-connection.ts';
import type { EndpointSockets } from './endpoint-sockets.ts';
import type { Loop } from './loop.ts';
import type { Observer, PacketTotals, RoleTotals } from './observer.ts';

/** Counters count since the endpoint was made. */
export interface EndpointStats {
  /** Those that live. */
  open: { client: number; server: number };
  client: RoleTotals;
  server: RoleTotals;
  packets: PacketTotals;
  sockets: SocketTotals;
  /** Datagrams that were dropped before routing, because too many waited for their turn. */
  queueDrops: number;
  /** What became of each datagram, and of each answer to those who have no connection. */
  routing: RouterCounters;
  /** Entries in the tables of routing. */
  tables: RouterSizes;
  /** Interfaces that are bound, and that wait for their device. */
  interfaces: { bound: number; waiting: number };
}

/** A copy: it does not change any more. `live`: the connections that live. */
export function endpointStats(
  observer: Observer,
  live: Iterable<DrivenConnection>,
  sockets: EndpointSockets,
  router: { readonly counters: RouterCounters; readonly sizes: RouterSizes },
  loop: Loop,
): EndpointStats {
  const all = [...live];
  const servers = all.filter(({ core }) => core.isServer).length;
  return {
    open: { client: all.length - servers, server: servers },
    client: structuredClone(observer.client),
    server: structuredClone(observer.server),
    packets: observer.packets(all),
    sockets: sockets.totals,
    queueDrops: loop.droppedDatagrams,
    routing: structuredClone(router.counters),
    tables: router.sizes,
    interfaces: sockets.interfaces.counts,
  };
}
