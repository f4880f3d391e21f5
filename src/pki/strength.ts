/**
 * Which signatures and keys are strong enough to be believed: one table each. Everything that is not listed is refused.
 */
import type { Certificate } from './certificate.ts';
import { DerError, DerReader, derObjectIdentifier, Tag } from './der.ts';

/** Shortest and longest RSA modulus in bits. The longest bounds the time of one signature check. */
export const MIN_RSA_BITS = 2048;
export const MAX_RSA_BITS = 8192;

/** Whether the algorithm of the certificate's signature is accepted: no MD5, no SHA-1 (RFC 8446 §4.4.2.4), no DSA. */
export function isStrongSignature(certificate: Certificate): boolean {
  if (certificate.signatureAlgorithm === RSASSA_PSS) return pssHashIsStrong(certificate.signatureParameters);
  return STRONG_SIGNATURES.has(certificate.signatureAlgorithm);
}

/** What is wrong with the certificate's key, or `null`. */
export function weaknessOfKey(certificate: Certificate): string | null {
  const key = certificate.publicKey;
  switch (key.asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss': {
      const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
      if (bits < MIN_RSA_BITS) return `RSA of ${bits} bits, at least ${MIN_RSA_BITS} are needed`;
      return bits > MAX_RSA_BITS ? `RSA of ${bits} bits, at most ${MAX_RSA_BITS} are accepted` : null;
    }
    case 'ec': {
      const curve = key.asymmetricKeyDetails?.namedCurve ?? 'an unnamed curve';
      return CURVES.has(curve) ? null : `on ${curve}, not on P-256, P-384 or P-521`;
    }
    case 'ed25519':
    case 'ed448':
      return null;
    default:
      return `of the kind ${key.asymmetricKeyType}`;
  }
}

/** RFC 4055 §3.1: `[0]` is the hash, and SHA-1 if it is absent, so that its absence refuses. */
function pssHashIsStrong(parameters: Uint8Array): boolean {
  try {
    const list = new DerReader(parameters).enter();
    return STRONG_HASHES.has(derObjectIdentifier(list.enter(0xa0).enter().value(Tag.OBJECT_IDENTIFIER)));
  } catch (error) {
    if (error instanceof DerError) return false;
    throw error;
  }
}

const RSASSA_PSS = '1.2.840.113549.1.1.10';

const STRONG_SIGNATURES: ReadonlySet<string> = new Set([
  '1.2.840.113549.1.1.11', // sha256WithRSAEncryption
  '1.2.840.113549.1.1.12', // sha384WithRSAEncryption
  '1.2.840.113549.1.1.13', // sha512WithRSAEncryption
  '1.2.840.10045.4.3.2', // ecdsa-with-SHA256
  '1.2.840.10045.4.3.3', // ecdsa-with-SHA384
  '1.2.840.10045.4.3.4', // ecdsa-with-SHA512
  '1.3.101.112', // Ed25519
  '1.3.101.113', // Ed448
]);

const STRONG_HASHES: ReadonlySet<string> = new Set([
  '2.16.840.1.101.3.4.2.1', // SHA-256
  '2.16.840.1.101.3.4.2.2', // SHA-384
  '2.16.840.1.101.3.4.2.3', // SHA-512
]);

const CURVES: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);
