// Where a listener or a peer is, for all kinds of listeners.

import { formatAddress, type SocketAddress } from '../util/address.ts';

/** The path of a Unix socket. Clients seldom have one: theirs is ''. */
export interface UnixAddress {
  readonly path: string;
}

export type GroupAddress = SocketAddress | UnixAddress;

/** `127.0.0.1:80`, `[::1]:80`, or the path. */
export function formatGroupAddress(address: GroupAddress): string {
  return 'path' in address ? address.path : formatAddress(address);
}
