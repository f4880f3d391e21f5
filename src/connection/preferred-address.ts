// The server's option for its preferred address, checked (RFC 9000 §9.6, §18.2).

import { invalidArgType, invalidArgValue } from '../errors.ts';
import { canonicalIp, ipFamily } from '../util/address.ts';
import type { WireAddress } from '../wire/preferred-address.ts';

/** One address of either family or of both; null for none. Throws Node's argument errors. */
export function parsePreferredAddress(value: unknown): { ipv4?: WireAddress; ipv6?: WireAddress } | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'object') throw invalidArgType(NAME, 'an object with ipv4, ipv6 or both', value);
  const { ipv4, ipv6 } = value as { ipv4?: unknown; ipv6?: unknown };
  return {
    ...(ipv4 === undefined ? {} : { ipv4: parse('ipv4', ipv4, 4) }),
    ...(ipv6 === undefined ? {} : { ipv6: parse('ipv6', ipv6, 6) }),
  };
}

function parse(name: string, value: unknown, family: 4 | 6): WireAddress {
  const { address, port } = (
    typeof value === 'object' && value !== null ? value : {}
  ) as Partial<WireAddress>;
  if (typeof address !== 'string' || ipFamily(address) !== family) {
    throw invalidArgValue(`${NAME}.${name}.address`, address, `must be an IPv${family} address`);
  }
  if (!Number.isInteger(port) || (port as number) < 1 || (port as number) > 65535) {
    throw invalidArgValue(`${NAME}.${name}.port`, port, 'must be a port from 1 to 65535');
  }
  return { address: canonicalIp(address) as string, port: port as number };
}

const NAME = 'preferredAddress';
