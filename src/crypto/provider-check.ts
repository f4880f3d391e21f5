// Whether a crypto provider can do what TLS 1.3 over QUIC needs at the least. Tries it; knows no implementation.

import { invalidArgType, quicError } from '../errors.ts';
import type { CryptoProvider, NamedGroup, RandomSource } from './provider.ts';

/**
 * Throws ERR_INVALID_ARG_TYPE for what is no provider, and ERR_QUIC_UNSUPPORTED, with the reason, for one that lacks
 * TLS_AES_128_GCM_SHA256 or has none of the groups X25519 and P-256 (RFC 8446 §9.1).
 */
export function checkProvider(provider: CryptoProvider, random: RandomSource): void {
  if (typeof provider !== 'object' || provider === null)
    throw invalidArgType('cryptoProvider', 'an object', provider);
  const lacking = REQUIRED.filter((name) => typeof provider[name] !== 'function');
  if (lacking.length > 0) throw unable(provider, `it has no ${lacking.join(', ')}`);
  attempt(provider, 'AES-128-GCM', () => {
    const packet = new Uint8Array(64);
    const [key, iv] = [new Uint8Array(16), new Uint8Array(12)];
    const end = provider.sealer('aes-128-gcm', key, iv, key).seal(packet, 0, 1, 2, 32, 0);
    const opener = provider.opener('aes-128-gcm', key, iv, key);
    opener.unmask(packet, 0, 1);
    return end === 48 && opener.open(packet, 0, 2, end, 0);
  });
  attempt(provider, 'SHA-256', () => {
    return (
      provider.hash('sha256').digest().length === 32 && provider.hmac('sha256', BYTE, BYTE).length === 32
    );
  });
  const groups = provider.groups ?? BASIC_GROUPS;
  const group = BASIC_GROUPS.find((each) => groups.includes(each));
  if (group === undefined) throw unable(provider, 'it has neither the group X25519 nor P-256');
  attempt(provider, 'key agreement', () => {
    const [one, two] = [provider.keyShare(group, random), provider.keyShare(group, random)];
    return String(one.agree(two.publicKey)) === String(two.agree(one.publicKey));
  });
}

function attempt(provider: CryptoProvider, what: string, run: () => boolean): void {
  let works = false;
  let cause: unknown;
  try {
    works = run();
  } catch (error) {
    cause = error;
  }
  if (!works) throw unable(provider, `its ${what} does not work`, cause);
}

function unable({ name }: CryptoProvider, why: string, cause?: unknown): ReturnType<typeof quicError> {
  const reason = `the crypto provider '${name}' cannot do TLS 1.3, as ${why}`;
  return quicError('ERR_QUIC_UNSUPPORTED', cause === undefined ? { reason } : { reason, cause });
}

const REQUIRED = [
  'sealer',
  'opener',
  'hash',
  'hmac',
  'keyShare',
  'sign',
  'verify',
  'privateKeyFrom',
  'publicKeyFromCertificate',
  'keyMatches',
  'aesGcmSeal',
  'aesGcmOpen',
] as const;

/** X25519 and P-256. */
const BASIC_GROUPS: readonly NamedGroup[] = [0x001d, 0x0017];
const BYTE: Uint8Array = Uint8Array.of(1);
