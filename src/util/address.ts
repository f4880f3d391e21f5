/**
 * Socket addresses: one shape, one canonical text per IP address, so that equal addresses are equal strings.
 * Parsing and formatting only; knows no socket and resolves no name. Nothing here throws: text that is no address is null.
 */

/** An IP address and a port. `address` is canonical (see {@link canonicalIp}); a zone (`fe80::1%eth0`) is part of it. */
export interface SocketAddress {
  readonly address: string;
  /** 0 to 65535; 0 only in what is asked for (any free port), never in what a datagram came from. */
  readonly port: number;
  readonly family: 4 | 6;
}

/** Makes an address from IP text in any valid spelling; IPv4-mapped IPv6 becomes IPv4. Null if it is no IP address or no port. */
export function socketAddress(ip: string, port: number): SocketAddress | null {
  if (!Number.isInteger(port) || port < 0 || port > 65535) return null;
  const address = canonicalIp(ip);
  if (address === null) return null;
  return normalizeMapped({ address, port, family: address.includes(':') ? 6 : 4 });
}

/** Whether two canonical addresses name the same endpoint. */
export function sameAddress(a: SocketAddress, b: SocketAddress): boolean {
  return a === b || (a.port === b.port && a.address === b.address);
}

/** A string that is the same for equal addresses only; for Map keys. */
export function addressKey(address: SocketAddress): string {
  return `${address.address} ${address.port}`;
}

/** `1.2.3.4:5` or `[::1]:4433`, with the zone inside the brackets. */
export function formatAddress(address: SocketAddress): string {
  return address.family === 6 ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`;
}

/** Reads what {@link formatAddress} writes, in any valid spelling of the IP address. Null if it is anything else. */
export function parseAddress(text: string): SocketAddress | null {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) return null;
  const [, ipv6, ipv4, port] = match;
  if (ipv6 !== undefined) return ipv6.includes(':') ? socketAddress(ipv6, Number(port)) : null;
  return socketAddress(ipv4 ?? '', Number(port));
}

/** Turns an IPv4-mapped IPv6 address (`::ffff:1.2.3.4`) into the IPv4 address it stands for; gives back all others as they are. */
export function normalizeMapped(address: SocketAddress): SocketAddress {
  if (address.family === 4 || !/^::ffff:/i.test(address.address)) return address;
  const bytes = ipToBytes(address.address);
  if (bytes === null || bytes.length !== 16 || !isMapped(bytes)) return address;
  return { address: ipv4Text(bytes, 12), port: address.port, family: 4 };
}

/**
 * The one text of an IP address: dotted decimal for IPv4; for IPv6 lower case, no leading zeros, the longest run of zero
 * groups (the first of equals, two or more) as `::`, IPv4-mapped addresses with a dotted tail (RFC 5952 §4 and §5).
 * A zone stays as it was written. Null if `text` is no IP address.
 */
export function canonicalIp(text: string): string | null {
  const percent = text.indexOf('%');
  const bytes = ipToBytes(text);
  if (bytes === null) return null;
  return ipFromBytes(bytes) + (percent < 0 ? '' : text.slice(percent));
}

/** The 4 or 16 bytes of an IP address, without its zone. Null if `text` is no IP address. */
export function ipToBytes(text: string): Uint8Array | null {
  if (!text.includes(':')) return parseIpv4(text);
  const percent = text.indexOf('%');
  if (percent < 0) return parseIpv6(text);
  return percent === text.length - 1 ? null : parseIpv6(text.slice(0, percent));
}

/** Canonical text of 4 or 16 address bytes. */
export function ipFromBytes(bytes: Uint8Array): string {
  if (bytes.length === 4) return ipv4Text(bytes, 0);
  if (isMapped(bytes)) return `::ffff:${ipv4Text(bytes, 12)}`;
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(bytes[i] * 256 + bytes[i + 1]);
  const [start, length] = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (length < 2) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}

/** 4 or 6 for text that is an IP address of that family (a zone is allowed for 6), else 0. */
export function ipFamily(text: string): 0 | 4 | 6 {
  if (ipToBytes(text) === null) return 0;
  return text.includes(':') ? 6 : 4;
}

/** Whether a canonical IP address is the wildcard of its family (`0.0.0.0`, `::`). */
export function isUnspecified(ip: string): boolean {
  return ip === '0.0.0.0' || ip === '::';
}

/** Whether a canonical IP address is of the loopback range (127.0.0.0/8, `::1`). */
export function isLoopback(ip: string): boolean {
  return ip === '::1' || (ip.startsWith('127.') && !ip.includes(':'));
}

/** Whether a canonical IP address stands for a group (224.0.0.0/4, ff00::/8) or for all of a network. */
export function isMulticast(ip: string): boolean {
  return ip.includes(':')
    ? /^ff[0-9a-f]{2}:/.test(ip)
    : ip === '255.255.255.255' || /^2(2[4-9]|3\d)\./.test(ip);
}

/** Whether a canonical IP address is IPv6 link-local (fe80::/10), hence means nothing without its zone. */
export function isLinkLocal(ip: string): boolean {
  return /^fe[89ab][0-9a-f]:/.test(ip);
}

function parseIpv4(text: string): Uint8Array | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  const bytes = new Uint8Array(4);
  for (let i = 0; i < 4; i++) {
    // A leading zero is refused: some systems read such a part as octal.
    if (!/^(?:0|[1-9]\d{0,2})$/.test(parts[i]) || Number(parts[i]) > 255) return null;
    bytes[i] = Number(parts[i]);
  }
  return bytes;
}

function parseIpv6(text: string): Uint8Array | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0], halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1], true) : [];
  if (head === null || tail === null) return null;
  const missing = 16 - head.length - tail.length;
  // `::` stands for at least one group of zeros.
  if (halves.length === 2 ? missing < 2 : missing !== 0) return null;
  const bytes = new Uint8Array(16);
  bytes.set(head, 0);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

/** The bytes of colon-separated groups; the last one may be a dotted IPv4 tail if `isEnd`. */
function parseGroups(text: string, isEnd: boolean): number[] | null {
  const bytes: number[] = [];
  if (text === '') return bytes;
  const groups = text.split(':');
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i];
    if (isEnd && i === groups.length - 1 && group.includes('.')) {
      const ipv4 = parseIpv4(group);
      if (ipv4 === null) return null;
      bytes.push(...ipv4);
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(group)) return null;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 255);
    }
  }
  return bytes;
}

function longestZeroRun(groups: readonly number[]): [start: number, length: number] {
  let best = 0;
  let bestLength = 0;
  for (let i = 0; i < groups.length; i++) {
    let end = i;
    while (end < groups.length && groups[end] === 0) end++;
    if (end - i > bestLength) {
      best = i;
      bestLength = end - i;
    }
    if (end > i) i = end;
  }
  return [best, bestLength];
}

function isMapped(bytes: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false;
  return bytes[10] === 0xff && bytes[11] === 0xff;
}

function ipv4Text(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}
