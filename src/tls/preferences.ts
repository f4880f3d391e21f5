/**
 * Cipher suites and groups that the engine knows, and the check of what a caller prefers among them.
 */

import type { CryptoProvider } from '../crypto/provider.ts';
import { CIPHER_SUITE_CODES, cipherSuite } from '../crypto/suites.ts';
import { invalidArgValue } from '../errors.ts';

/** NamedGroup codes by name (RFC 8446 §4.2.7). */
export const NamedGroups = {
  X25519: 0x001d,
  SECP256R1: 0x0017,
  SECP384R1: 0x0018,
  /** draft-ietf-tls-ecdhe-mlkem. */
  X25519MLKEM768: 0x11ec,
} as const;

/** In order of preference. The hybrid is not among them: its share fills a second datagram and costs four times the CPU. */
export const DEFAULT_GROUPS: readonly number[] = [
  NamedGroups.X25519,
  NamedGroups.SECP256R1,
  NamedGroups.SECP384R1,
];

/** In order of preference: what costs this side least. */
export function defaultCipherSuites(provider: CryptoProvider): readonly number[] {
  return provider.cipherSuites ?? CIPHER_SUITE_CODES;
}

/** A server's: the hybrid last, for clients that send a share of nothing else. */
export function defaultServerGroups(provider: CryptoProvider): readonly number[] {
  return groupsOf(provider).includes(NamedGroups.X25519MLKEM768)
    ? [...DEFAULT_GROUPS, NamedGroups.X25519MLKEM768]
    : DEFAULT_GROUPS;
}

/** Throws ERR_INVALID_ARG_VALUE for a list that is empty, repeats a code or has one that cannot be done here. */
export function checkPreferences(
  provider: CryptoProvider,
  cipherSuites: readonly number[],
  groups: readonly number[],
): void {
  check('cipherSuites', cipherSuites, (code) => cipherSuite(code) !== undefined, '0x1301, 0x1302, 0x1303');
  const known = groupsOf(provider);
  const names = known.map((code) => `0x${code.toString(16).padStart(4, '0')}`).join(', ');
  check('groups', groups, (code) => known.includes(code), names);
}

function groupsOf(provider: CryptoProvider): readonly number[] {
  return provider.groups ?? DEFAULT_GROUPS;
}

function check(name: string, codes: readonly number[], known: (code: number) => boolean, all: string): void {
  if (codes.length === 0 || !codes.every(known) || new Set(codes).size !== codes.length) {
    throw invalidArgValue(name, codes, `a list, without repetition, of ${all}`);
  }
}
