/**
 * Whether a certificate is for a host (RFC 9525, which replaced RFC 6125).
 *
 * Only subjectAltName counts, never the common name (RFC 9525 §2). Knows nothing of trust.
 */
import { domainToASCII } from 'node:url';
import { equal } from '../util/bytes.ts';
import type { Certificate } from './certificate.ts';
import { ipAddressBytes } from './ip-address.ts';

/**
 * Whether one of the certificate's alternative names is `host`: a DNS name (Unicode or A-labels, with or without the
 * trailing dot of a full name) or an IP address (IPv6 with or without brackets).
 */
export function certificateMatchesHost(certificate: Certificate, host: string): boolean {
  const address = ipAddressBytes(host);
  if (address !== null) {
    // RFC 9525 §6.4: octets must be identical; an IPv4-mapped address is another one.
    return certificate.alternativeNames.some((name) => name.kind === 'ip' && equal(name.value, address));
  }
  const name = normalizeHostName(host);
  if (name === null) return false;
  return certificate.alternativeNames.some((entry) => entry.kind === 'dns' && matches(entry.value, name));
}

/**
 * Whether a dNSName as it stands in a certificate covers `host`. `*` stands for exactly one whole leftmost label and
 * needs at least two labels after it (RFC 9525 §6.3; the latter as browsers do, so that nobody owns `*.com`).
 */
export function dnsNameMatches(pattern: string, host: string): boolean {
  const name = normalizeHostName(host);
  return name !== null && matches(pattern, name);
}

/** A host name in lower case and A-labels without trailing dot, or `null` if it is no host name. */
export function normalizeHostName(host: string): string | null {
  const bare = host.endsWith('.') ? host.slice(0, -1) : host;
  // domainToASCII reads percent signs and the like as a URL would; only plain names and Unicode letters may reach it.
  if (/[\s%/\\@:?#[\]*]/.test(bare)) return null;
  const ascii = IS_ASCII.test(bare) ? bare.toLowerCase() : domainToASCII(bare);
  return isName(ascii) && ipAddressBytes(ascii) === null ? ascii : null;
}

function matches(pattern: string, name: string): boolean {
  const lower = pattern.toLowerCase();
  if (!lower.startsWith('*.')) return lower === name && isName(lower);
  const rest = lower.slice(2);
  if (!rest.includes('.') || !isName(rest)) return false;
  return name.slice(name.indexOf('.') + 1) === rest;
}

/** Letters, digits, hyphens and underscores (which names in use do have), labels of 1 to 63, 253 in all. */
function isName(text: string): boolean {
  return text.length <= 253 && NAME.test(text);
}

const NAME = /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: exactly the ASCII range is meant
const IS_ASCII = /^[\x00-\x7f]*$/;
