// What the two kinds of connections begin with: ids, addresses, and what a client's first packet told. Pure.

import type { ConnectionStart } from '../connection/connection-io.ts';
import type { RandomSource } from '../crypto/provider.ts';
import type { Incoming } from '../routing/incoming.ts';
import type { SocketAddress } from '../util/address.ts';

/** A server's connection, for a client that was accepted. */
export function serverStart(
  incoming: Incoming,
  { connectionId, resetToken }: { connectionId: Uint8Array; resetToken: Uint8Array },
): ConnectionStart {
  return {
    isServer: true,
    local: incoming.to,
    remote: incoming.from,
    localId: connectionId,
    remoteId: incoming.sourceId,
    originalDestinationId: incoming.originalDestinationId,
    retrySourceId: incoming.retrySourceId,
    addressValidated: incoming.addressValidated,
    resetToken,
  };
}

export function clientStart(
  local: SocketAddress,
  remote: SocketAddress,
  connectionId: Uint8Array,
  random: RandomSource,
): ConnectionStart {
  // RFC 9000 §7.2: at least 8 bytes that nobody can guess.
  const remoteId = new Uint8Array(8 + random.integer(9));
  random.fill(remoteId);
  return {
    isServer: false,
    local,
    remote,
    localId: connectionId,
    remoteId,
    originalDestinationId: null,
    retrySourceId: null,
    addressValidated: true,
    resetToken: null,
  };
}
