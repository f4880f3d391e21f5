// Connection ids that well-known load balancers route by, as options of QUIC-LB: each preset says what its balancer asks
// for and refuses what it would not read.

import { invalidArgValue, outOfRange } from '../errors.ts';
import { bytesOf, type QuicLbOptions } from './quic-lb-options.ts';

/**
 * AWS Network Load Balancer, target groups of type QUIC and TCP_QUIC: configuration 0, an 8-byte server id in the clear.
 * `serverId` is the target's `QuicServerId`: `0x` and 16 hexadecimal digits, or 8 bytes.
 */
export function awsNlb(options: { readonly serverId: Uint8Array | string }): QuicLbOptions {
  const serverId = bytesOf('serverId', options.serverId);
  if (serverId.length !== 8) throw outOfRange('serverId.length', '8 for an AWS NLB', serverId.length);
  return { serverId };
}

/**
 * Katran, and mvfst's ids of version 2 (24 bits, the default) and 3 (32 bits): both are QUIC-LB ids in the clear whose
 * rotation begins with Katran's version. Version 1 of 16 bits, which splits bytes, is not made.
 */
export function katran(options: { readonly hostId: number; readonly version?: 2 | 3 }): QuicLbOptions {
  const { hostId, version = 2 } = options;
  if (version !== 2 && version !== 3) throw invalidArgValue('version', version, 'must be 2 or 3');
  const length = version === 2 ? 3 : 4;
  if (!Number.isInteger(hostId) || hostId < 0 || hostId >= 256 ** length)
    throw outOfRange('hostId', `an integer >= 0 && <= ${256 ** length - 1}`, hostId);
  const serverId = Uint8Array.from(
    { length },
    (_, at) => Math.floor(hostId / 256 ** (length - 1 - at)) % 256,
  );
  // Katran looks at the top 2 bits: 10 is rotation 4, 11 is rotation 6 (7 would be unroutable).
  return { serverId, rotation: version === 2 ? 4 : 6 };
}

/**
 * Envoy's `envoy.quic.connection_id_generator.quic_lb`: the length in the first octet, and one more byte with the shard,
 * Envoy's worker. `rotation` is its `configuration_version`, `key` its `encryption_key`.
 */
export function envoy(
  options: Pick<QuicLbOptions, 'serverId' | 'nonceLength' | 'rotation' | 'key'>,
): QuicLbOptions {
  return { ...options, encodesLength: true, workerByte: true };
}
