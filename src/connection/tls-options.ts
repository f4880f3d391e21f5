// The options about TLS that both the core and the friendly layer have, as users write them: names in order of preference.

import type { CryptoProvider } from '../crypto/provider.ts';
import { CIPHER_SUITES } from '../crypto/suites.ts';
import { invalidArgType, invalidArgValue, quicError } from '../errors.ts';
import type { ConnectionConfig } from './config.ts';

/** TLS choices of either role. */
export interface CryptoOptions {
  /** TLS cipher suites by name, preferred first. Default all three. */
  readonly ciphers?: readonly string[];
  /**
   * Groups of the key agreement, preferred first: 'x25519', 'P-256', 'P-384', and 'X25519MLKEM768', which holds against
   * quantum computers too. That one needs Node.js 24.7, or the package `@noble/post-quantum`. Default the first three; a
   * server takes the last as well, from clients that send a share of nothing else.
   */
  readonly groups?: readonly string[];
  /** Algorithms that certificates may be compressed with, both ways (RFC 8879): 'brotli', 'zlib'. Default none. */
  readonly certificateCompression?: readonly string[];
}

export const CRYPTO_OPTION_NAMES: readonly string[] = ['ciphers', 'groups', 'certificateCompression'];

/**
 * Throws `TypeError` with ERR_INVALID_ARG_TYPE or ERR_INVALID_ARG_VALUE, and `QuicError` ERR_QUIC_UNSUPPORTED for what
 * exists but not here.
 */
export function parseCrypto(
  options: CryptoOptions,
  provider: CryptoProvider,
): Pick<ConnectionConfig, 'cipherSuites' | 'groups' | 'certificateCompression'> {
  const groups = codesOf('groups', options.groups, GROUPS);
  if (groups?.includes(HYBRID) && provider.groups?.includes(HYBRID) !== true) {
    const reason = 'the group X25519MLKEM768 needs Node.js 24.7 or the package @noble/post-quantum';
    throw quicError('ERR_QUIC_UNSUPPORTED', { reason });
  }
  const compressions = codesOf('certificateCompression', options.certificateCompression, COMPRESSIONS);
  if (compressions?.some((code) => provider.compressions?.includes(code) !== true)) {
    const reason = `the crypto provider '${provider.name}' does not compress certificates in this way`;
    throw quicError('ERR_QUIC_UNSUPPORTED', { reason });
  }
  return {
    cipherSuites: codesOf('ciphers', options.ciphers, SUITES),
    groups,
    certificateCompression: compressions,
  };
}

/** The name of a group as the option `groups` has it; null for none. */
export function groupName(code: number | null): string | null {
  for (const [name, each] of GROUPS) if (each === code) return name;
  return null;
}

function codesOf(
  option: string,
  names: readonly string[] | undefined,
  known: ReadonlyMap<string, number>,
): number[] | undefined {
  if (names === undefined) return undefined;
  const all = [...known.keys()].map((name) => `'${name}'`).join(', ');
  if (!Array.isArray(names) || names.length === 0) {
    throw invalidArgType(option, `a list, preferred first, of ${all}`, names);
  }
  const codes = (names as string[]).map((name) => {
    const code = known.get(name);
    if (code === undefined) throw invalidArgValue(option, name, `must be of ${all}`);
    return code;
  });
  if (new Set(codes).size < codes.length)
    throw invalidArgValue(option, names.join(), 'must not repeat a name');
  return codes;
}

/** draft-ietf-tls-ecdhe-mlkem. */
const HYBRID = 0x11ec;

const SUITES: ReadonlyMap<string, number> = new Map(
  Object.values(CIPHER_SUITES).map(({ name, code }) => [name, code]),
);

const GROUPS: ReadonlyMap<string, number> = new Map([
  ['x25519', 0x001d],
  ['P-256', 0x0017],
  ['P-384', 0x0018],
  ['X25519MLKEM768', HYBRID],
]);

/** RFC 8879 §7.3. */
const COMPRESSIONS: ReadonlyMap<string, number> = new Map([
  ['brotli', 2],
  ['zlib', 1],
]);
