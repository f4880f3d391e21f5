/**
 * Which addresses a bind means at a moment. A socket without packet info cannot tell which local address a datagram was
 * sent to nor choose the one to answer from, so a wildcard means each local address by itself there. Opens nothing.
 */
import { invalidArgValue, outOfRange } from '../errors.ts';
import { formatAddress, isUnspecified, type SocketAddress, socketAddress } from '../util/address.ts';
import { type BindUri, resolveBindUri } from './bind-uri.ts';
import { bindError, type LocalAddress, type SocketCapabilities } from './socket.ts';

export interface BindTarget {
  /** The same for the same bind, and a bind URI where there is one for it. */
  readonly key: string;
  /** 0 for any free port, the same one on all its addresses. */
  readonly port: number;
  /** What it means can change, and is looked at again. */
  readonly follows: boolean;
  /** That it has no address now is no failure. */
  readonly mayWait: boolean;
  /**
   * The addresses to bind now.
   *
   * @param held those that are bound already: a device that has several keeps its own
   * @throws QuicError that says why there is none
   */
  addresses(local: readonly LocalAddress[], held: readonly SocketAddress[]): SocketAddress[];
}

/** What a bind URI means. */
export function uriTarget(uri: BindUri, capabilities: SocketCapabilities): BindTarget {
  if (uri.scheme === 'inet') return addressTarget(uri.key, [uri.address], capabilities);
  const { key, port, device, family, temporary } = uri;
  return {
    key,
    port,
    follows: !temporary,
    mayWait: !temporary,
    addresses(local, held) {
      const isOwn = (own: SocketAddress): boolean =>
        local.some((each) => each.interfaceName === device && each.address === own.address);
      const kept = held.find((own) => own.family === family && isOwn(own));
      return [kept ?? resolveBindUri(uri, local)];
    },
  };
}

/**
 * What the options of an endpoint mean: an address, or all addresses of both families if it is undefined.
 *
 * @throws TypeError ERR_INVALID_ARG_VALUE for an address that is no IP address, RangeError ERR_OUT_OF_RANGE for the port
 */
export function optionsTarget(
  address: string | undefined,
  port: number,
  capabilities: SocketCapabilities,
): BindTarget {
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    throw outOfRange('port', 'an integer from 0 to 65535', port);
  if (address === undefined) {
    const both: SocketAddress[] = [
      { address: '0.0.0.0', port, family: 4 },
      { address: '::', port, family: 6 },
    ];
    return addressTarget(`inet://*:${port}`, both, capabilities);
  }
  const one = socketAddress(address, port);
  if (one === null)
    throw invalidArgValue('address', address, 'must be an IP address, or undefined for all addresses');
  return addressTarget(`inet://${formatAddress(one)}`, [one], capabilities);
}

/** One address, or the wildcards of one or both families. */
function addressTarget(
  key: string,
  asked: readonly SocketAddress[],
  { packetInfo }: SocketCapabilities,
): BindTarget {
  const [{ address, port }] = asked;
  if (!isUnspecified(address))
    return { key, port, follows: false, mayWait: false, addresses: () => [...asked] };
  return {
    key,
    port,
    follows: true,
    mayWait: false,
    addresses(local) {
      const present = local.filter((each) => asked.some(({ family }) => family === each.family));
      if (present.length === 0) throw bindError(noAddress(), asked[0]);
      if (!packetInfo) return present.map((each) => ({ address: each.address, family: each.family, port }));
      return asked.filter(({ family }) => present.some((each) => each.family === family));
    },
  };
}

function noAddress(): Error {
  return Object.assign(new Error('this machine has no such address'), { code: 'EADDRNOTAVAIL' });
}
