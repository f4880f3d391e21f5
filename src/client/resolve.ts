// From the name of a server to its addresses, in the order in which they are to be tried.

import { lookup as systemLookup } from 'node:dns';
import { quicError } from '../errors.ts';
import { ipFamily, type SocketAddress, socketAddress } from '../util/address.ts';

/** The shape of `dns.lookup`, as `net.connect` takes it too. Asked with `all: true`; one address is an answer as well. */
export type LookupFunction = (
  host: string,
  options: { all: true; family: 0 | 4 | 6 },
  callback: (
    error: Error | null,
    found: string | readonly { address: string; family?: number }[],
    family?: number,
  ) => void,
) => void;

/** Both families take turns, the one that was found first begins (RFC 8305 §4). Errors: ERR_QUIC_NAME_RESOLUTION. */
export async function resolveServer(
  host: string,
  port: number,
  family: 0 | 4 | 6,
  lookup: LookupFunction = systemLookup as LookupFunction,
): Promise<SocketAddress[]> {
  const literal = ipFamily(host) === 0 ? null : socketAddress(host, port);
  if (literal !== null) return [literal];
  let found: string[];
  try {
    found = await ask(lookup, host, family);
  } catch (cause) {
    throw quicError('ERR_QUIC_NAME_RESOLUTION', { message: `The name ${host} cannot be resolved`, cause });
  }
  const addresses = [...new Set(found)]
    .flatMap((address) => socketAddress(address, port) ?? [])
    .filter((address) => family === 0 || address.family === family);
  if (addresses.length === 0)
    throw quicError('ERR_QUIC_NAME_RESOLUTION', { message: `${host} has no address` });
  return takingTurns(addresses);
}

function ask(lookup: LookupFunction, host: string, family: 0 | 4 | 6): Promise<string[]> {
  return new Promise((resolve, reject) => {
    lookup(host, { all: true, family }, (error, found) => {
      if (error) reject(error);
      else resolve(typeof found === 'string' ? [found] : found.map(({ address }) => address));
    });
  });
}

function takingTurns(addresses: readonly SocketAddress[]): SocketAddress[] {
  const first = addresses.filter(({ family }) => family === addresses[0].family);
  const second = addresses.filter(({ family }) => family !== addresses[0].family);
  const mixed: SocketAddress[] = [];
  for (let i = 0; i < Math.max(first.length, second.length); i++) {
    mixed.push(...first.slice(i, i + 1), ...second.slice(i, i + 1));
  }
  return mixed;
}
