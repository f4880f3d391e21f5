/**
 * SHA-256 fingerprints of certificates and of their public keys, and pins made of them.
 */
import { createHash } from 'node:crypto';
import { invalidArgType, invalidArgValue } from '../errors.ts';
import { equal, fromHex, toHex } from '../util/bytes.ts';
import { Certificate } from './certificate.ts';

/** A SHA-256 in the forms people and tools write it. */
export interface Fingerprint {
  /** 32 bytes. */
  readonly bytes: Uint8Array;
  /** 64 hexadecimal digits in lower case. */
  readonly hex: string;
  /** As `openssl x509 -fingerprint` prints it: `AB:CD:…`. */
  readonly colons: string;
  /** With padding, as `--ignore-certificate-errors-spki-list` and `--pinnedpubkey` take it. */
  readonly base64: string;
}

/** A pin: text as `parsePin` takes it, or 32 bytes. */
export type Pin = string | Uint8Array;

/** SHA-256 of a DER certificate: what WebTransport's `serverCertificateHashes` are. */
export function certificateSha256(der: Uint8Array): Fingerprint {
  return fingerprint(createHash('sha256').update(der).digest());
}

/** SHA-256 of the SubjectPublicKeyInfo of a DER certificate. Throws ERR_QUIC_CERTIFICATE_MALFORMED. */
export function publicKeySha256(der: Uint8Array): Fingerprint {
  return fingerprint(Certificate.parse(der).spkiSha256());
}

/**
 * The 32 bytes of a pin: 64 hexadecimal digits (with colons or without) or base64 (also the URL alphabet, with padding or
 * without), with or without `sha256:`, `sha256/` or `sha256//` in front. Throws ERR_INVALID_ARG_TYPE or
 * ERR_INVALID_ARG_VALUE that names `option`.
 */
export function parsePin(pin: Pin, option = 'pin'): Uint8Array {
  if (pin instanceof Uint8Array) {
    if (pin.length === 32) return pin;
    throw invalidArgValue(option, pin, ALLOWED);
  }
  if (typeof pin !== 'string') throw invalidArgType(option, 'a string or 32 bytes', pin);
  const text = pin.trim().replace(/^sha-?256(?::|\/\/?)/i, '');
  const hex = /^[0-9a-f]{2}(?::[0-9a-f]{2}){31}$/i.test(text) ? text.replaceAll(':', '') : text;
  if (/^[0-9a-f]{64}$/i.test(hex)) return fromHex(hex);
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return new Uint8Array(Buffer.from(text, 'base64'));
  throw invalidArgValue(option, pin, ALLOWED);
}

/** Whether the pin is the hash of the certificate or of its public key. */
export function pinMatches(pin: Uint8Array, certificate: Certificate): boolean {
  return equal(pin, certificate.sha256()) || equal(pin, certificate.spkiSha256());
}

function fingerprint(digest: Uint8Array): Fingerprint {
  const bytes = new Uint8Array(digest);
  const hex = toHex(bytes);
  return {
    bytes,
    hex,
    colons: (hex.toUpperCase().match(/../g) ?? []).join(':'),
    base64: Buffer.from(bytes).toString('base64'),
  };
}

const ALLOWED =
  'must be the SHA-256 of a certificate or of its public key: 64 hexadecimal digits or base64, "sha256:" may stand in front';
