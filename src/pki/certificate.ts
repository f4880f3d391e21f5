/**
 * One parsed certificate.
 *
 * Owns the reading of an X.509 v3 certificate (RFC 5280 §4.1) into the values that path validation asks for, with limits.
 * Two parsers must agree: OpenSSL through `X509Certificate`, which also checks signatures, and the strict walk here,
 * which finds what Node does not show (critical extensions, key usage bits, path length, constraints, raw names).
 * Knows nothing of trust, time or host names.
 */
import { createHash, type KeyObject, X509Certificate } from 'node:crypto';
import { latin1 } from '../crypto/node-bytes.ts';
import { type QuicError, quicError } from '../errors.ts';
import { bytesKey, equal } from '../util/bytes.ts';
import {
  DerError,
  DerReader,
  derBoolean,
  derNamedBits,
  derObjectIdentifier,
  derSmallInteger,
  derTime,
  Tag,
} from './der.ts';
import { type GeneralName, readGeneralName } from './general-names.ts';
import { ExtensionId } from './object-identifiers.ts';

/** Longest certificate that is looked at, in bytes. Public ones stay below 10,000. */
export const MAX_CERTIFICATE_SIZE = 65_536;

/** Most extensions a certificate may have. Public ones have about ten. */
export const MAX_EXTENSIONS = 64;

/** An extension as it stands: `value` is the DER inside its OCTET STRING. */
export interface CertificateExtension {
  readonly id: string;
  readonly critical: boolean;
  readonly value: Uint8Array;
}

/** The extension nameConstraints, RFC 5280 §4.2.1.10. `null`: that list is absent, which permits every name. */
export interface NameConstraintLists {
  readonly permitted: readonly GeneralName[] | null;
  readonly excluded: readonly GeneralName[];
}

/** A certificate. Immutable; the extensions are decoded when they are first asked for. */
export class Certificate {
  /** The whole certificate, a copy of what was given. */
  readonly der: Uint8Array;
  /** The Name of the subject and of the issuer, DER. An empty name is `30 00`. */
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
  /** `subject` and `issuer` as Map keys. */
  readonly subjectKey: string;
  readonly issuerKey: string;
  /** First and last moment of validity, milliseconds since 1970. The last second counts in full. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** SubjectPublicKeyInfo, DER: what a key pin is the hash of. */
  readonly spki: Uint8Array;
  /** AlgorithmIdentifier of the signature: object identifier, and DER of the parameters (empty if absent). */
  /** The whole of it as a key of a Map. */
  readonly key: string;
  readonly signatureAlgorithm: string;
  readonly signatureParameters: Uint8Array;
  /** X.509 version: 1, 2 or 3. */
  readonly version: number;
  readonly extensions: readonly CertificateExtension[];
  private readonly x509: X509Certificate;
  private ownPublicKey: KeyObject | undefined;
  private readonly signers = new WeakSet<Certificate>();
  private readonly decoded = new Map<string, unknown>();

  private constructor(der: Uint8Array) {
    this.der = der;
    this.key = latin1(der);
    const outer = new DerReader(der);
    const certificate = outer.enter();
    outer.finish();
    const tbs = certificate.enter();
    const outerAlgorithm = certificate.element(Tag.SEQUENCE);
    if (certificate.value(Tag.BIT_STRING)[0] !== 0) throw new DerError('a signature that is not whole bytes');
    certificate.finish();

    this.version = tbs.tag === 0xa0 ? derSmallInteger(tbs.enter(0xa0).value(Tag.INTEGER)) + 1 : 1;
    tbs.value(Tag.INTEGER);
    // RFC 5280 §4.1.1.2: the algorithm inside the signed part is the one outside.
    if (!equal(tbs.element(Tag.SEQUENCE), outerAlgorithm))
      throw new DerError('two different signature algorithms');
    this.issuer = tbs.element(Tag.SEQUENCE);
    const validity = tbs.enter();
    this.notBefore = derTime(validity.tag, validity.value());
    this.notAfter = derTime(validity.tag, validity.value());
    this.subject = tbs.element(Tag.SEQUENCE);
    this.spki = tbs.element(Tag.SEQUENCE);
    if (tbs.tag === 0x81) tbs.value();
    if (tbs.tag === 0x82) tbs.value();
    this.extensions = tbs.tag === 0xa3 ? readExtensions(tbs.enter(0xa3)) : [];
    tbs.finish();
    if (this.version > 3 || (this.version < 3 && this.extensions.length > 0))
      throw new DerError('unusable version');

    const algorithm = new DerReader(outerAlgorithm).enter();
    this.signatureAlgorithm = derObjectIdentifier(algorithm.value(Tag.OBJECT_IDENTIFIER));
    this.signatureParameters = algorithm.done ? new Uint8Array(0) : algorithm.element();
    algorithm.finish();
    this.subjectKey = bytesKey(this.subject);
    this.issuerKey = bytesKey(this.issuer);
    this.x509 = new X509Certificate(der);
  }

  /** Reads a DER certificate. Throws `QuicError` with ERR_QUIC_CERTIFICATE_MALFORMED for anything that is none. */
  static parse(der: Uint8Array): Certificate {
    if (der.length > MAX_CERTIFICATE_SIZE) {
      throw malformed(`it has ${der.length} bytes, more than ${MAX_CERTIFICATE_SIZE}`);
    }
    return orMalformed(() => new Certificate(new Uint8Array(der)));
  }

  /** Whether issuer and subject are the same name. Says nothing about the signature. */
  get selfIssued(): boolean {
    return this.subjectKey === this.issuerKey;
  }

  /** The subject for people, such as `CN=localhost`, or `no subject`. Contains only printable characters. */
  get subjectText(): string {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal or a log
    return this.x509.subject?.replace(/\n/g, ', ').replace(/[\x00-\x1f\x7f-\x9f]/g, '?') || 'no subject';
  }

  /** The public key. Throws ERR_QUIC_CERTIFICATE_MALFORMED if it cannot be read. */
  get publicKey(): KeyObject {
    this.ownPublicKey ??= orMalformed(() => this.x509.publicKey);
    return this.ownPublicKey;
  }

  /** Whether the key of `issuer` made the signature of this certificate. A `true` is remembered. */
  isSignedBy(issuer: Certificate): boolean {
    if (this.signers.has(issuer)) return true;
    let signed = false;
    try {
      signed = this.x509.verify(issuer.publicKey);
    } catch {
      // A key of another kind than the signature: no signature of that key.
    }
    if (signed) this.signers.add(issuer);
    return signed;
  }

  /** basicConstraints, RFC 5280 §4.2.1.9, or `null` if absent. `pathLength` is Infinity when there is no limit. */
  get basicConstraints(): { readonly ca: boolean; readonly pathLength: number } | null {
    return this.decode(ExtensionId.BASIC_CONSTRAINTS, (reader) => {
      const list = reader.enter();
      const ca = list.tag === Tag.BOOLEAN && derBoolean(list.value());
      const pathLength = list.done ? Number.POSITIVE_INFINITY : derSmallInteger(list.value(Tag.INTEGER));
      list.finish();
      return { ca, pathLength };
    });
  }

  /** keyUsage, RFC 5280 §4.2.1.3, as `KeyUsageBit`s, or `null` if absent, which allows all. */
  get keyUsage(): number | null {
    return this.decode(ExtensionId.KEY_USAGE, (reader) => derNamedBits(reader.value(Tag.BIT_STRING)));
  }

  /** extendedKeyUsage, RFC 5280 §4.2.1.12, as object identifiers, or `null` if absent, which allows all. */
  get extendedKeyUsage(): readonly string[] | null {
    return this.decode(ExtensionId.EXTENDED_KEY_USAGE, (reader) => {
      const list = reader.enter();
      const purposes: string[] = [];
      while (!list.done) purposes.push(derObjectIdentifier(list.value(Tag.OBJECT_IDENTIFIER)));
      return purposes;
    });
  }

  /** subjectAltName, RFC 5280 §4.2.1.6. Empty if absent. */
  get alternativeNames(): readonly GeneralName[] {
    const names = this.decode(ExtensionId.SUBJECT_ALTERNATIVE_NAME, (reader) => {
      const list = reader.enter();
      const result: GeneralName[] = [];
      while (!list.done) result.push(readGeneralName(list));
      return result;
    });
    return names ?? [];
  }

  /** nameConstraints, RFC 5280 §4.2.1.10, or `null` if absent. */
  get nameConstraints(): NameConstraintLists | null {
    return this.decode(ExtensionId.NAME_CONSTRAINTS, (reader) => {
      const list = reader.enter();
      const permitted = list.tag === 0xa0 ? readSubtrees(list.enter(0xa0)) : null;
      const excluded = list.tag === 0xa1 ? readSubtrees(list.enter(0xa1)) : [];
      list.finish();
      return { permitted, excluded };
    });
  }

  /** SHA-256 of the certificate, 32 bytes. */
  sha256(): Uint8Array {
    return new Uint8Array(createHash('sha256').update(this.der).digest());
  }

  /** SHA-256 of the SubjectPublicKeyInfo, 32 bytes. */
  spkiSha256(): Uint8Array {
    return new Uint8Array(createHash('sha256').update(this.spki).digest());
  }

  private decode<T>(id: string, read: (reader: DerReader) => T): T | null {
    const known = this.decoded.get(id) as T | null | undefined;
    if (known !== undefined) return known;
    const extension = this.extensions.find((candidate) => candidate.id === id);
    const value =
      extension === undefined
        ? null
        : orMalformed(() => {
            const reader = new DerReader(extension.value);
            const result = read(reader);
            reader.finish();
            return result;
          });
    this.decoded.set(id, value);
    return value;
  }
}

function readExtensions(wrapper: DerReader): CertificateExtension[] {
  const list = wrapper.enter();
  wrapper.finish();
  const extensions: CertificateExtension[] = [];
  const seen = new Set<string>();
  while (!list.done) {
    const entry = list.enter();
    const id = derObjectIdentifier(entry.value(Tag.OBJECT_IDENTIFIER));
    const critical = entry.tag === Tag.BOOLEAN && derBoolean(entry.value());
    const value = entry.value(Tag.OCTET_STRING);
    entry.finish();
    // RFC 5280 §4.2: no more than one instance of an extension.
    if (seen.has(id)) throw new DerError(`extension ${id} twice`);
    if (extensions.length >= MAX_EXTENSIONS) throw new DerError(`more than ${MAX_EXTENSIONS} extensions`);
    seen.add(id);
    extensions.push({ id, critical, value });
  }
  return extensions;
}

function readSubtrees(list: DerReader): GeneralName[] {
  const names: GeneralName[] = [];
  while (!list.done) {
    const subtree = list.enter();
    names.push(readGeneralName(subtree));
    // RFC 5280 §4.2.1.10: minimum must be zero, which DER leaves out, and maximum must be absent.
    subtree.finish();
  }
  return names;
}

function orMalformed<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw malformed(cause instanceof DerError ? cause.message : 'OpenSSL cannot read it', cause);
  }
}

function malformed(why: string, cause?: unknown): QuicError {
  const message = `The certificate cannot be read: ${why}`;
  return quicError('ERR_QUIC_CERTIFICATE_MALFORMED', cause === undefined ? { message } : { message, cause });
}
