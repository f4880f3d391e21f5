/**
 * Where to bind, as text: `ip:port`, `[v6]:port`, `inet://ip:port`, `iface://v4.device:port`, `iface://v6.device:port`, each
 * with `?temporary=true` or `?alloc_port_id=1` behind it. Reading and resolving only: a list of addresses is handed in,
 * and no socket is known here.
 */
import { invalidArgType, type QuicErrorCode, quicError } from '../errors.ts';
import { formatAddress, isLinkLocal, parseAddress, type SocketAddress } from '../util/address.ts';
import type { LocalAddress } from './socket.ts';

/** A bind URI that was read. */
export type BindUri = InetBind | DeviceBind;

/** Exactly this address, which may be the wildcard of its family. */
export interface InetBind extends BindProperties {
  readonly scheme: 'inet';
  readonly address: SocketAddress;
}

/** The current address of a network device. */
export interface DeviceBind extends BindProperties {
  readonly scheme: 'iface';
  readonly family: 4 | 6;
  /** As the system calls it: `eth0`, `Ethernet 2`. */
  readonly device: string;
  readonly port: number;
}

interface BindProperties {
  /** The same for all spellings of the same bind, and for those only: what two servers share. */
  readonly key: string;
  /** Bound once; the device is not followed. */
  readonly temporary: boolean;
  /** Tells several binds of port 0 apart; null if there is only one. */
  readonly allocPortId: number | null;
}

/**
 * Reads a bind URI. A device's name may be percent-encoded, and may have dots and colons.
 *
 * @throws QuicError ERR_QUIC_BIND_URI for text that has none of the forms; ERR_QUIC_BIND_URI_SCHEME, _FAMILY, _DEVICE, _IP,
 *   _PORT, _PATH or _PROPERTY for the part that is wrong. TypeError ERR_INVALID_ARG_TYPE for what is no text
 */
export function parseBindUri(uri: string): BindUri {
  if (typeof uri !== 'string') throw invalidArgType('uri', 'of type string', uri);
  const fail = (code: BindUriCode, reason: string): never => {
    throw quicError(code, { reason: `${reason} in '${uri}'` });
  };
  const match = /^(?:(.*?):\/\/)?([^/?#@]*)([^?#]*)(?:\?([^#]*))?(#?)/.exec(uri);
  const [, scheme, authority = '', path = '', query = '', fragment = ''] = match ?? [];
  if (authority === '' || fragment !== '' || path.startsWith('@'))
    return fail('ERR_QUIC_BIND_URI', 'it is neither ip:port nor inet://ip:port nor iface://v4.device:port,');
  const kind = scheme?.toLowerCase() ?? 'inet';
  if (kind !== 'inet' && kind !== 'iface')
    return fail('ERR_QUIC_BIND_URI_SCHEME', `'${scheme}' is none of inet and iface`);
  if (path !== '') return fail('ERR_QUIC_BIND_URI_PATH', `there is a path '${path}'`);
  const [host, port] = readPort(authority, fail);
  const { temporary, allocPortId } = readProperties(query, port, fail);
  const id = allocPortId === null ? [] : [`alloc_port_id=${allocPortId}`];
  if (kind === 'inet') {
    const address = readAddress(host, port, fail);
    const key = `inet://${formatAddress(address)}${queryText(id)}`;
    return { scheme: kind, address, key, temporary, allocPortId };
  }
  const [family, device] = readDevice(host, fail);
  const properties = queryText(temporary ? ['temporary=true', ...id] : id);
  const key = `iface://v${family}.${encodeURIComponent(device)}:${port}${properties}`;
  return { scheme: kind, family, device, port, key, temporary, allocPortId };
}

/**
 * The address that a bind URI means now. Of a device it is the first of the family, for IPv6 the first that is not
 * link-local.
 *
 * @param local the addresses of this machine, as `SocketFactory.localAddresses` gives them
 * @throws QuicError ERR_QUIC_INTERFACE_NOT_FOUND for a device that is not there or not up, ERR_QUIC_INTERFACE_NO_ADDRESS
 *   for one without an address of the family
 */
export function resolveBindUri(bind: BindUri, local: readonly LocalAddress[]): SocketAddress {
  if (bind.scheme === 'inet') return bind.address;
  const { device, family, port } = bind;
  const present = local.filter(({ interfaceName }) => interfaceName === device);
  const found = present.find((each) => each.family === family && !isLinkLocal(each.address));
  if (found !== undefined) return { address: found.address, family, port };
  if (present.length === 0)
    throw quicError('ERR_QUIC_INTERFACE_NOT_FOUND', {
      message: `There is no network interface '${device}' that is up`,
    });
  throw quicError('ERR_QUIC_INTERFACE_NO_ADDRESS', {
    message: `The network interface '${device}' has no IPv${family} address${family === 6 ? ' but link-local ones' : ''}`,
  });
}

type BindUriCode = Extract<QuicErrorCode, `ERR_QUIC_BIND_URI${string}`>;
type Fail = (code: BindUriCode, reason: string) => never;

function readPort(authority: string, fail: Fail): [host: string, port: number] {
  const [, host, text] = /^(.*?)(?::(\w*))?$/.exec(authority) ?? [];
  if (text === undefined || text === '') return fail('ERR_QUIC_BIND_URI_PORT', 'the port is missing');
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65535)
    return fail('ERR_QUIC_BIND_URI_PORT', `the port '${text}' is no number from 0 to 65535`);
  return [host, Number(text)];
}

function readAddress(host: string, port: number, fail: Fail): SocketAddress {
  // In a URI the percent sign before a zone is written as %25 (RFC 6874 §2).
  const address = parseAddress(`${host.replace('%25', '%')}:${port}`);
  return (
    address ??
    fail('ERR_QUIC_BIND_URI_IP', `'${host}' is no IP address (a name is none, and IPv6 needs brackets)`)
  );
}

function readDevice(host: string, fail: Fail): [family: 4 | 6, device: string] {
  const [, prefix, name] = /^([^.]*)\.(.*)$/.exec(host) ?? [];
  if (prefix === undefined)
    return fail('ERR_QUIC_BIND_URI_FAMILY', `the family is missing before '${host}' (v4. or v6.)`);
  const family = prefix.toLowerCase();
  if (family !== 'v4' && family !== 'v6')
    return fail('ERR_QUIC_BIND_URI_FAMILY', `the family '${prefix}' is none of v4 and v6`);
  const device = decoded(name);
  if (device === null || device === '')
    return fail('ERR_QUIC_BIND_URI_DEVICE', `'${name}' is no name of a device`);
  return [family === 'v4' ? 4 : 6, device];
}

function readProperties(
  query: string,
  port: number,
  fail: Fail,
): Pick<BindProperties, 'temporary' | 'allocPortId'> {
  let temporary = false;
  let allocPortId: number | null = null;
  for (const [name, value] of new URLSearchParams(query)) {
    if (name === 'temporary') {
      if (value !== 'true' && value !== 'false')
        return fail('ERR_QUIC_BIND_URI_PROPERTY', `temporary=${value} is neither true nor false`);
      temporary = value === 'true';
    } else if (name === 'alloc_port_id') {
      if (!/^\d{1,9}$/.test(value))
        return fail('ERR_QUIC_BIND_URI_PROPERTY', `alloc_port_id=${value} is no number from 0 to 999999999`);
      if (port !== 0)
        return fail('ERR_QUIC_BIND_URI_PROPERTY', `alloc_port_id is for port 0 and not for ${port},`);
      allocPortId = Number(value);
    } else {
      return fail('ERR_QUIC_BIND_URI_PROPERTY', `'${name}' is none of temporary and alloc_port_id`);
    }
  }
  return { temporary, allocPortId };
}

function queryText(properties: readonly string[]): string {
  return properties.length === 0 ? '' : `?${properties.join('&')}`;
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
