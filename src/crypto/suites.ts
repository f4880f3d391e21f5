/**
 * The TLS 1.3 cipher suites that QUIC may use, as a table: names, primitives, lengths and usage limits.
 *
 * Knows no implementation of any of them.
 */

import type { AeadName, HashName } from './provider.ts';

/** By TLS code. TLS_AES_128_CCM_8_SHA256 is forbidden (RFC 9001 §5.3) and TLS_AES_128_CCM_SHA256 is not offered. */
export const CIPHER_SUITES: Readonly<Record<number, CipherSuite>> = {
  4865: suite(0x1301, 'TLS_AES_128_GCM_SHA256', 'aes-128-gcm', 16, 'sha256', 32, 2 ** 23, 2 ** 52),
  4866: suite(0x1302, 'TLS_AES_256_GCM_SHA384', 'aes-256-gcm', 32, 'sha384', 48, 2 ** 23, 2 ** 52),
  // ChaCha20 may protect more packets than there are packet numbers, so only decryption failures are limited.
  4867: suite(
    0x1303,
    'TLS_CHACHA20_POLY1305_SHA256',
    'chacha20-poly1305',
    32,
    'sha256',
    32,
    2 ** 62,
    2 ** 36,
  ),
};

/** All codes of the table, in the order in which a client offers them where the provider has no other. */
export const CIPHER_SUITE_CODES: readonly number[] = [0x1301, 0x1302, 0x1303];

/** The order where AES has no hardware to run on, or only at a price. */
export const CHACHA20_FIRST: readonly number[] = [0x1303, 0x1301, 0x1302];

/** Protects Initial packets whatever the handshake will agree on (RFC 9001 §5.2). */
export const INITIAL_SUITE: CipherSuite = CIPHER_SUITES[0x1301] as CipherSuite;

export interface CipherSuite {
  /** The TLS code, such as 0x1301. */
  readonly code: number;
  readonly name: string;
  readonly aead: AeadName;
  /** Bytes in the packet key and in the header key. */
  readonly keyLength: number;
  readonly hash: HashName;
  /** Bytes in a secret of this suite. */
  readonly hashLength: number;
  /** Packets that may be sealed with one key (RFC 9001 §6.6). */
  readonly confidentialityLimit: number;
  /** Packets that may fail to open over all keys of a connection (RFC 9001 §6.6). */
  readonly integrityLimit: number;
}

/** The suite with this TLS code, or `undefined`. */
export function cipherSuite(code: number): CipherSuite | undefined {
  return CIPHER_SUITES[code];
}

function suite(
  code: number,
  name: string,
  aead: AeadName,
  keyLength: number,
  hash: HashName,
  hashLength: number,
  confidentialityLimit: number,
  integrityLimit: number,
): CipherSuite {
  return { code, name, aead, keyLength, hash, hashLength, confidentialityLimit, integrityLimit };
}
