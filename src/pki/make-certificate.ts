/**
 * Makes certificates: self-signed or issued, for development, tests and private authorities.
 *
 * Owns the options and the making of keys off the main thread; `certificate-builder.ts`, which brings the ASN.1 library,
 * is loaded when a certificate is made.
 */
import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { outOfRange } from '../errors.ts';
import type { KeyUsageName } from './object-identifiers.ts';

/** The keys `makeCertificate` can make. `rsa` is 2048 bits unless `rsaBits` says otherwise. */
export type CertificateKeyKind = 'ec-p256' | 'ec-p384' | 'ed25519' | 'rsa';

/** The digest of a signature. Ed25519 has its own and ignores it. `sha1` is for tests of refusals only. */
export type SignatureDigest = 'sha256' | 'sha384' | 'sha512' | 'sha1';

/** A certificate with its private key, in every form somebody may want. */
export interface MadeCertificate {
  /** The certificate, DER. */
  readonly der: Uint8Array;
  /** The certificate, PEM. */
  readonly pem: string;
  /** The private key, as Node has it. */
  readonly key: KeyObject;
  /** The private key, PKCS #8 PEM, unencrypted. */
  readonly keyPem: string;
  /** The private key, PKCS #8 DER, unencrypted. */
  readonly keyDer: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** What a certificate shall say. Everything has a default; `{}` is a self-signed server certificate for localhost. */
export interface MakeCertificateOptions {
  /** Common name of the subject. Default: the first of `names`, or `quayside`. `''` leaves the subject empty. */
  readonly subject?: string;
  /**
   * Subject alternative names: DNS names (also `*.example.com`), IP addresses, `user@host` or URIs with `://`. A prefix
   * `dns:`, `ip:`, `email:` or `uri:` forces the kind. Default: `['localhost']`, none for a CA.
   */
  readonly names?: readonly string[];
  /** Kind of the key to make. Default `ec-p256`. Not looked at with `key`. */
  readonly kind?: CertificateKeyKind;
  /** Modulus length of an RSA key in bits. Default 2048. */
  readonly rsaBits?: number;
  /** An existing private key to use instead of a new one. */
  readonly key?: KeyObject;
  /** Who signs. Default: the certificate itself. */
  readonly issuer?: { readonly der: Uint8Array; readonly key: KeyObject };
  /** Whether it is a certificate authority. Default `false`. `null` leaves basicConstraints out. */
  readonly ca?: boolean | null;
  /** For a CA: how many CA certificates may follow it in a chain. Default: no limit. */
  readonly pathLength?: number;
  /** Default: keyCertSign and cRLSign for a CA, digitalSignature otherwise. `null` leaves the extension out. */
  readonly keyUsage?: readonly KeyUsageName[] | null;
  /**
   * `serverAuth`, `clientAuth`, `anyExtendedKeyUsage` or object identifiers. Default: serverAuth and clientAuth, nothing
   * for a CA. `null` leaves the extension out.
   */
  readonly extendedKeyUsage?: readonly string[] | null;
  /** For a CA: names in the form of `names`; IP addresses with a prefix length (`10.0.0.0/8`). Critical. */
  readonly nameConstraints?: {
    readonly permitted?: readonly string[];
    readonly excluded?: readonly string[];
  };
  /** First moment of validity. Default: now. Whole seconds (RFC 5280 §4.1.2.5). */
  readonly notBefore?: Date;
  /** Last moment of validity. Default: 90 days after `notBefore`. */
  readonly notAfter?: Date;
  /** 1 to 20 bytes. Default: 16 random bytes, positive. */
  readonly serialNumber?: Uint8Array;
  /** Further extensions, DER inside. */
  readonly extensions?: readonly {
    readonly id: string;
    readonly critical?: boolean;
    readonly value: Uint8Array;
  }[];
  /** Default `sha256` (`sha384` when the signer's key is P-384). */
  readonly digest?: SignatureDigest;
}

/**
 * Makes a certificate and, unless one is given, its key. RSA keys are made off the main thread.
 *
 * Rejects with `TypeError`/`RangeError` (ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE) that name the option.
 */
export async function makeCertificate(options: MakeCertificateOptions = {}): Promise<MadeCertificate> {
  const { makeCertificateSync } = await import('./certificate-builder.ts');
  if (options.kind !== 'rsa' || options.key !== undefined) return makeCertificateSync(options);
  const pair = await promisify(generateKeyPair)('rsa', { modulusLength: rsaModulusLength(options.rsaBits) });
  return makeCertificateSync({ ...options, key: pair.privateKey });
}

/** Checks `rsaBits`. Less than 2048 can be made, so that the refusal of weak keys can be tested. */
export function rsaModulusLength(bits = 2048): number {
  if (!Number.isSafeInteger(bits) || bits < 1024 || bits > 8192)
    throw outOfRange('rsaBits', '1024 to 8192', bits);
  return bits;
}
