/**
 * Signature keys over `node:crypto`: reading private keys, public keys of certificates, signing and verifying.
 *
 * Owns which TLS signature schemes a key can make (RFC 8446 §4.2.3). Knows no path validation and no TLS message.
 */

import {
  constants,
  createPrivateKey,
  type KeyObject,
  type SigningOptions,
  sign as signWith,
  verify as verifyWith,
  X509Certificate,
} from 'node:crypto';
import { type QuicError, quicError } from '../errors.ts';
import { latin1, plainBytes } from './node-bytes.ts';
import type { KeyKind, PrivateKey, PublicKey } from './provider.ts';

/** Reads an unencrypted private key: PEM text or bytes, or DER; PKCS #8, SEC1 or PKCS #1. */
export function readPrivateKey(input: string | Uint8Array): PrivateKey {
  const handle = typeof input === 'string' || looksLikePem(input) ? fromPem(input) : fromDer(input);
  const kind = kindOf(handle);
  const schemes = kind === null ? [] : schemesOf(kind, handle);
  if (kind === null || schemes.length === 0) throw invalidKey(`it is ${describe(handle)}`);
  return new NodePrivateKey(handle, kind, schemes);
}

/** The public key of a DER certificate. Those of late are kept: a certificate is met again and again, and parsing costs. */
export function certificatePublicKey(der: Uint8Array): PublicKey {
  const name = latin1(der);
  const known = recentKeys.get(name);
  if (known !== undefined) return known;
  const key = parsePublicKey(der);
  if (recentKeys.size >= MAX_RECENT_KEYS)
    for (const oldest of recentKeys.keys()) {
      recentKeys.delete(oldest);
      break;
    }
  recentKeys.set(name, key);
  return key;
}

const recentKeys = new Map<string, PublicKey>();

/** Public keys of certificates that are kept. */
export const MAX_RECENT_KEYS = 64;

function parsePublicKey(der: Uint8Array): PublicKey {
  let handle: KeyObject;
  try {
    handle = new X509Certificate(der).publicKey;
  } catch (cause) {
    throw quicError('ERR_QUIC_INVALID_CERTIFICATE', {
      reason: 'the bytes are no readable certificate',
      cause,
    });
  }
  const kind = kindOf(handle);
  const schemes = kind === null ? [] : schemesOf(kind, handle);
  if (kind === null || schemes.length === 0) {
    throw quicError('ERR_QUIC_INVALID_CERTIFICATE', { reason: `it holds ${describe(handle)}` });
  }
  return new NodePublicKey(handle, kind, schemes);
}

/** Whether the certificate is for this private key. */
export function privateKeyMatches(key: PrivateKey, certificateDer: Uint8Array): boolean {
  if (!(key instanceof NodePrivateKey)) return false;
  try {
    return new X509Certificate(certificateDer).checkPrivateKey(key.handle);
  } catch {
    return false;
  }
}

/** Signs the whole of `content`. */
export function signContent(key: PrivateKey, scheme: number, content: Uint8Array): Uint8Array {
  if (!(key instanceof NodePrivateKey)) throw invalidKey('it was made by another provider');
  const row = SCHEMES[scheme];
  if (row === undefined || !key.schemes.includes(scheme)) {
    throw invalidKey(
      `a key of kind ${key.kind} cannot sign with scheme 0x${scheme.toString(16).padStart(4, '0')}`,
    );
  }
  return plainBytes(signWith(row.hash, content, { key: key.handle, ...row.options }));
}

/** Whether the signature over the whole of `content` is good. */
export function verifyContent(
  key: PublicKey,
  scheme: number,
  content: Uint8Array,
  signature: Uint8Array,
): boolean {
  const row = SCHEMES[scheme];
  if (row === undefined || !(key instanceof NodePublicKey) || !key.schemes.includes(scheme)) return false;
  // RFC 8017 §8.1.2: as long as the modulus. OpenSSL also takes one whose leading zeros were cut off.
  const bits = key.handle.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && signature.length !== Math.ceil(bits / 8)) return false;
  try {
    return verifyWith(row.hash, content, { key: key.handle, ...row.options }, signature);
  } catch {
    return false;
  }
}

/** The key as unencrypted PKCS #8 in PEM, for Node's own TLS. */
export function privateKeyPem(key: PrivateKey): string {
  return String((key as NodePrivateKey).handle.export({ type: 'pkcs8', format: 'pem' }));
}

class NodePrivateKey implements PrivateKey {
  readonly kind: KeyKind;
  readonly schemes: readonly number[];
  /** Prints no secret when the key is logged: a KeyObject shows its type only. */
  readonly handle: KeyObject;

  constructor(handle: KeyObject, kind: KeyKind, schemes: readonly number[]) {
    this.handle = handle;
    this.kind = kind;
    this.schemes = schemes;
  }
}

class NodePublicKey implements PublicKey {
  readonly kind: KeyKind;
  readonly schemes: readonly number[];
  readonly handle: KeyObject;

  constructor(handle: KeyObject, kind: KeyKind, schemes: readonly number[]) {
    this.handle = handle;
    this.kind = kind;
    this.schemes = schemes;
  }
}

/** `null` for keys that no scheme of the table belongs to. */
function kindOf(handle: KeyObject): KeyKind | null {
  const type = handle.asymmetricKeyType;
  if (type === 'rsa' || type === 'rsa-pss' || type === 'ed25519') return type;
  const curve = handle.asymmetricKeyDetails?.namedCurve;
  if (curve === 'prime256v1') return 'ec-p256';
  return curve === 'secp384r1' ? 'ec-p384' : null;
}

/** The schemes of this kind of key that fit this key: a short RSA modulus has no room for the longer hashes. */
function schemesOf(kind: KeyKind, handle: KeyObject): readonly number[] {
  const schemes: number[] = [];
  const details = handle.asymmetricKeyDetails;
  for (const [code, row] of Object.entries(SCHEMES)) {
    if (row.kind !== kind) continue;
    if (row.hashLength > 0) {
      // EMSA-PSS needs hash, an equally long salt and 2 bytes (RFC 8017 §9.1.1).
      if (Math.ceil((details?.modulusLength ?? 0) / 8) < 2 * row.hashLength + 2) continue;
      // An RSASSA-PSS key may be bound to one hash.
      if (details?.hashAlgorithm !== undefined && details.hashAlgorithm !== row.hash) continue;
    }
    schemes.push(Number(code));
  }
  return schemes;
}

/** For the message of a refusal. */
function describe(handle: KeyObject): string {
  const { modulusLength, namedCurve } = handle.asymmetricKeyDetails ?? {};
  const detail = namedCurve ?? (modulusLength === undefined ? '' : `${modulusLength} bits`);
  return `a key of a kind or size that is not supported: ${handle.asymmetricKeyType ?? 'unknown'} ${detail}`.trimEnd();
}

function fromPem(input: string | Uint8Array): KeyObject {
  const key = typeof input === 'string' ? input : Buffer.from(input);
  try {
    return createPrivateKey({ key, format: 'pem' });
  } catch (cause) {
    const encrypted = key.includes('ENCRYPTED');
    throw invalidKey(encrypted ? 'it is encrypted' : 'no private key can be read from this PEM', cause);
  }
}

function fromDer(input: Uint8Array): KeyObject {
  const key = Buffer.from(input);
  let cause: unknown;
  for (const type of ['pkcs8', 'sec1', 'pkcs1'] as const) {
    try {
      return createPrivateKey({ key, format: 'der', type });
    } catch (error) {
      cause ??= error;
    }
  }
  throw invalidKey('the bytes are neither PEM nor a PKCS #8, SEC1 or PKCS #1 private key', cause);
}

/** DER begins with the SEQUENCE tag 0x30; anything with a dash near its start is meant as PEM. */
function looksLikePem(bytes: Uint8Array): boolean {
  return bytes[0] !== 0x30 && bytes.subarray(0, 4096).includes(0x2d);
}

function invalidKey(reason: string, cause?: unknown): QuicError {
  return quicError('ERR_QUIC_INVALID_KEY', { reason, cause });
}

interface SchemeRow {
  readonly name: string;
  readonly kind: KeyKind;
  /** `null`: the hash is part of the scheme. */
  readonly hash: 'sha256' | 'sha384' | 'sha512' | null;
  /** In bytes, where the room for it has to be checked; 0 elsewhere. */
  readonly hashLength: number;
  readonly options: SigningOptions;
}

const PSS: SigningOptions = {
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
};

/** TLS 1.3 signature schemes by code (RFC 8446 §4.2.3). PKCS #1 v1.5 and SHA-1 are not for handshake signatures. */
const SCHEMES: Readonly<Record<number, SchemeRow>> = {
  1027: { name: 'ecdsa_secp256r1_sha256', kind: 'ec-p256', hash: 'sha256', hashLength: 0, options: {} },
  1283: { name: 'ecdsa_secp384r1_sha384', kind: 'ec-p384', hash: 'sha384', hashLength: 0, options: {} },
  2052: { name: 'rsa_pss_rsae_sha256', kind: 'rsa', hash: 'sha256', hashLength: 32, options: PSS },
  2053: { name: 'rsa_pss_rsae_sha384', kind: 'rsa', hash: 'sha384', hashLength: 48, options: PSS },
  2054: { name: 'rsa_pss_rsae_sha512', kind: 'rsa', hash: 'sha512', hashLength: 64, options: PSS },
  2055: { name: 'ed25519', kind: 'ed25519', hash: null, hashLength: 0, options: {} },
  2057: { name: 'rsa_pss_pss_sha256', kind: 'rsa-pss', hash: 'sha256', hashLength: 32, options: PSS },
  2058: { name: 'rsa_pss_pss_sha384', kind: 'rsa-pss', hash: 'sha384', hashLength: 48, options: PSS },
  2059: { name: 'rsa_pss_pss_sha512', kind: 'rsa-pss', hash: 'sha512', hashLength: 64, options: PSS },
};
