/**
 * Cipher suites and groups that the engine knows, and the check of what a caller prefers among them.
 */

import { CIPHER_SUITE_CODES, cipherSuite } from '../crypto/suites.ts';
import { invalidArgValue } from '../errors.ts';

/** NamedGroup codes by name (RFC 8446 §4.2.7). */
export const NamedGroups = {
  X25519: 0x001d,
  SECP256R1: 0x0017,
  SECP384R1: 0x0018,
} as const;

/** In order of preference. */
export const DEFAULT_GROUPS: readonly number[] = [
  NamedGroups.X25519,
  NamedGroups.SECP256R1,
  NamedGroups.SECP384R1,
];

/** In order of preference. */
export const DEFAULT_CIPHER_SUITES: readonly number[] = CIPHER_SUITE_CODES;

/** Throws ERR_INVALID_ARG_VALUE for a list that is empty, repeats a code or has one that is not in the tables. */
export function checkPreferences(cipherSuites: readonly number[], groups: readonly number[]): void {
  check('cipherSuites', cipherSuites, (code) => cipherSuite(code) !== undefined, '0x1301, 0x1302, 0x1303');
  check('groups', groups, (code) => DEFAULT_GROUPS.includes(code), '0x001d, 0x0017, 0x0018');
}

function check(name: string, codes: readonly number[], known: (code: number) => boolean, all: string): void {
  if (codes.length === 0 || !codes.every(known) || new Set(codes).size !== codes.length) {
    throw invalidArgValue(name, codes, `a list, without repetition, of ${all}`);
  }
}
