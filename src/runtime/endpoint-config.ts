// What an endpoint adds to the configuration of its connections.

import type { ConnectionConfig, TransportConfig } from '../connection/config.ts';
import type { Environment } from './environment.ts';
import { type QlogTarget, tracedBy } from './qlog.ts';

/** A configuration but for what the endpoint itself provides. */
export type EndpointConnectionConfig = Omit<
  ConnectionConfig,
  'provider' | 'random' | 'idSource' | 'streamNotices'
> & { qlog?: QlogTarget | undefined };

export type Provided = Pick<
  ConnectionConfig,
  'provider' | 'random' | 'idSource' | 'streamNotices' | 'trace' | 'versions' | 'transport'
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
  };
}

/** Kept: all connections of a listener have the same one. */
function withEcn(transport: TransportConfig): TransportConfig {
  const known = WITH_ECN.get(transport) ?? { ...transport, ecn: true };
  WITH_ECN.set(transport, known);
  return known;
}

const WITH_ECN = new WeakMap<TransportConfig, TransportConfig>();
