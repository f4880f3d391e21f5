// What an endpoint adds to the configuration of its connections.

import type { ConnectionConfig, TransportConfig } from '../connection/config.ts';
import { COMMON_DATAGRAM_SIZE } from '../connection/mtu-search.ts';
import type { Environment } from './environment.ts';
import { type QlogTarget, tracedBy } from './qlog.ts';

/** A configuration but for what the endpoint itself provides. */
export type EndpointConnectionConfig = Omit<
  ConnectionConfig,
  'provider' | 'random' | 'idSource' | 'streamNotices' | 'largestDatagram'
> & { qlog?: QlogTarget | undefined };

export type Provided = Pick<
  ConnectionConfig,
  | 'provider'
  | 'random'
  | 'idSource'
  | 'streamNotices'
  | 'trace'
  | 'versions'
  | 'transport'
  | 'largestDatagram'
>;

export function provided(
  { trace, qlog, transport }: EndpointConnectionConfig,
  { provider, random, sockets }: Environment,
  idSource: ConnectionConfig['idSource'],
  versions: readonly number[],
  wallTime: number,
): Provided {
  const traced = tracedBy(trace, qlog, wallTime);
  // Marks are of use only where sockets set them and see them; whether the path carries them is found out.
  const ecn = transport.ecn || sockets.capabilities.ecn;
  return {
    provider,
    random,
    idSource,
    streamNotices: true,
    trace: traced,
    versions,
    transport: ecn === transport.ecn ? transport : withEcn(transport),
    // Where the system may cut datagrams into fragments, a probe that arrives says nothing about the path (RFC 9000 §14).
    ...(!sockets.capabilities.dontFragment && { largestDatagram: COMMON_DATAGRAM_SIZE }),
  };
}

/** Kept: all connections of a listener have the same one. */
function withEcn(transport: TransportConfig): TransportConfig {
  const known = WITH_ECN.get(transport) ?? { ...transport, ecn: true };
  WITH_ECN.set(transport, known);
  return known;
}

const WITH_ECN = new WeakMap<TransportConfig, TransportConfig>();
