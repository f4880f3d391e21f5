// What goes into a connection and comes out of it, apart from events: how it begins, where datagrams come from and go.

import type { SocketAddress } from '../util/address.ts';

/** Who a connection is with, and how it began. */
export interface ConnectionStart {
  isServer: boolean;
  local: SocketAddress;
  remote: SocketAddress;
  /** The id that we ask the peer to use. */
  localId: Uint8Array;
  /** Client: the id that it makes up for its first Initial. Server: the client's source id. */
  remoteId: Uint8Array;
  /** Server: the destination id of the client's very first Initial. */
  originalDestinationId: Uint8Array | null;
  /** Server: the Retry that the client followed. Its address is validated then. */
  retrySourceId: Uint8Array | null;
  /** Server: the client came with a valid token (RFC 9000 §8.1.2, §8.1.3). */
  addressValidated: boolean;
  /** Server: token for stateless resets to `localId`. */
  resetToken: Uint8Array | null;
}

/** Where a datagram came from and went to. `ecn` is the two bits of the IP header. */
export interface ReceiveInfo {
  from: SocketAddress;
  to: SocketAddress;
  ecn?: number;
}

/** A datagram, or several of `segmentSize` bytes each but the last, for one destination. */
export interface SendInfo {
  length: number;
  segmentSize: number;
  from: SocketAddress;
  to: SocketAddress;
  /** The two bits of the IP header. */
  ecn: number;
  /** When it should leave, as `now`: pacing (RFC 9002 §7.7). */
  at: number;
}

/** Fills `into`, one for all datagrams of a caller who asks so. */
export function sendInfo(
  into: SendInfo,
  length: number,
  segmentSize: number,
  path: { readonly local: SocketAddress; readonly remote: SocketAddress },
  ecn: number,
  at: number,
): SendInfo {
  into.length = length;
  into.segmentSize = segmentSize;
  into.from = path.local;
  into.to = path.remote;
  into.ecn = ecn;
  into.at = at;
  return into;
}
