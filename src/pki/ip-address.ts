/**
 * Textual IP addresses to bytes, for exact comparison with the addresses in certificates.
 */
import { isIPv4, isIPv6 } from 'node:net';

/** The 4 or 16 bytes of an address (brackets of a URL are allowed around IPv6), or `null` if it is no IP address. */
export function ipAddressBytes(text: string): Uint8Array | null {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  if (isIPv4(bare)) return bare === text ? Uint8Array.from(bare.split('.'), Number) : null;
  // A zone names a local interface; no certificate can speak of it.
  if (!isIPv6(bare) || bare.includes('%')) return null;
  const [head, tail] = bare.split('::');
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const bytes = new Uint8Array(16);
  bytes.set(left, 0);
  bytes.set(right, 16 - right.length);
  return bytes;
}

function groups(text: string | undefined): number[] {
  if (text === undefined || text === '') return [];
  const bytes: number[] = [];
  for (const group of text.split(':')) {
    if (group.includes('.')) bytes.push(...group.split('.').map(Number));
    else {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes;
}
