/**
 * Builds certificates from plain options.
 *
 * Owns the assembly of a TBSCertificate (RFC 5280 §4.1) and its signature. The ASN.1 comes from `@peculiar/asn1-x509`,
 * keys and signatures from `node:crypto`. Loaded on demand by `make-certificate.ts`, as the library takes some 50 ms to
 * load. Knows nothing of validation, files or TLS.
 */
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  Certificate as AsnCertificate,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  KeyIdentifier,
  KeyUsage,
  Name,
  NameConstraints,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509';
import { invalidArgType, invalidArgValue, outOfRange } from '../errors.ts';
import {
  type CertificateKeyKind,
  type MadeCertificate,
  type MakeCertificateOptions,
  rsaModulusLength,
  type SignatureDigest,
} from './make-certificate.ts';
import { ExtensionId, KeyUsageBit, type KeyUsageName, PURPOSES } from './object-identifiers.ts';
import { toPem } from './pem.ts';

/**
 * Makes a certificate at once: see `makeCertificate`. Making an RSA key blocks for some 100 ms; give one as `key` to avoid
 * that. Throws `TypeError`/`RangeError` (ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE).
 */
export function makeCertificateSync(options: MakeCertificateOptions = {}): MadeCertificate {
  return assemble(options, options.key ?? newKey(options.kind ?? 'ec-p256', options.rsaBits));
}

function assemble(options: MakeCertificateOptions, key: KeyObject): MadeCertificate {
  const ca = options.ca ?? false;
  const names = options.names ?? (ca ? [] : ['localhost']);
  const notBefore = wholeSeconds(options.notBefore ?? new Date());
  const notAfter = wholeSeconds(options.notAfter ?? new Date(notBefore.getTime() + 90 * DAY));
  const publicKeyInfo = publicKeyInfoOf(key);
  const signer = options.issuer?.key ?? key;
  const digest = signatureDigest(signer, options.digest);
  const signature = signatureAlgorithm(signer, digest);
  const subject = nameOf(options.subject ?? names[0] ?? 'quayside');
  const issuer =
    options.issuer === undefined ? undefined : AsnConvert.parse(options.issuer.der, AsnCertificate);

  const tbs = new TBSCertificate({
    version: Version.v3,
    serialNumber: buffer(serialNumber(options.serialNumber)),
    signature,
    issuer: issuer?.tbsCertificate.subject ?? subject,
    validity: new Validity({ notBefore, notAfter }),
    subject,
    subjectPublicKeyInfo: publicKeyInfo,
    extensions: new Extensions(extensionsOf(options, ca, names, publicKeyInfo, issuer?.tbsCertificate)),
  });
  const signed = sign(digest, new Uint8Array(AsnConvert.serialize(tbs)), signer);
  const certificate = new AsnCertificate({
    tbsCertificate: tbs,
    signatureAlgorithm: signature,
    signatureValue: buffer(signed),
  });
  const der = new Uint8Array(AsnConvert.serialize(certificate));
  return {
    der,
    pem: toPem('CERTIFICATE', der),
    key,
    keyPem: key.export({ type: 'pkcs8', format: 'pem' }) as string,
    keyDer: new Uint8Array(key.export({ type: 'pkcs8', format: 'der' })),
    notBefore,
    notAfter,
  };
}

function extensionsOf(
  options: MakeCertificateOptions,
  ca: boolean,
  names: readonly string[],
  publicKeyInfo: SubjectPublicKeyInfo,
  issuer: TBSCertificate | undefined,
): Extension[] {
  const list: Extension[] = [];
  const add = (id: string, critical: boolean, value: object): void => {
    list.push(extension(id, critical, AsnConvert.serialize(value)));
  };
  if (options.ca !== null) {
    const constraints = new BasicConstraints({ cA: ca });
    if (options.pathLength !== undefined) constraints.pathLenConstraint = pathLength(options.pathLength);
    add(ExtensionId.BASIC_CONSTRAINTS, true, constraints);
  }
  const usages = options.keyUsage === undefined ? (ca ? CA_USAGES : LEAF_USAGES) : options.keyUsage;
  if (usages !== null) add(ExtensionId.KEY_USAGE, true, new KeyUsage(usageBits(usages)));
  const purposes =
    options.extendedKeyUsage === undefined ? (ca ? null : LEAF_PURPOSES) : options.extendedKeyUsage;
  if (purposes !== null) {
    add(ExtensionId.EXTENDED_KEY_USAGE, false, new ExtendedKeyUsage(purposes.map(purposeIdentifier)));
  }
  if (names.length > 0) {
    // RFC 5280 §4.2.1.6: critical when the subject is empty, as then it is the only name.
    const value = new SubjectAlternativeName(names.map((name) => generalName('names', name)));
    add(ExtensionId.SUBJECT_ALTERNATIVE_NAME, options.subject === '', value);
  }
  if (options.nameConstraints !== undefined) {
    add(ExtensionId.NAME_CONSTRAINTS, true, nameConstraintsOf(options.nameConstraints));
  }
  const ownId = keyIdentifier(publicKeyInfo);
  add(ExtensionId.SUBJECT_KEY_IDENTIFIER, false, new SubjectKeyIdentifier(ownId));
  const issuerInfo = issuer?.subjectPublicKeyInfo;
  if (issuerInfo !== undefined) {
    const keyIdentifierOfIssuer = new KeyIdentifier(keyIdentifier(issuerInfo));
    add(
      ExtensionId.AUTHORITY_KEY_IDENTIFIER,
      false,
      new AuthorityKeyIdentifier({ keyIdentifier: keyIdentifierOfIssuer }),
    );
  }
  for (const extra of options.extensions ?? []) {
    list.push(extension(extra.id, extra.critical ?? false, buffer(extra.value)));
  }
  return list;
}

function extension(id: string, critical: boolean, value: ArrayBuffer): Extension {
  return new Extension({ extnID: id, critical, extnValue: new OctetString(value) });
}

function nameConstraintsOf(rules: NonNullable<MakeCertificateOptions['nameConstraints']>): NameConstraints {
  const subtrees = (list: readonly string[]): GeneralSubtrees =>
    new GeneralSubtrees(
      list.map((name) => new GeneralSubtree({ base: generalName('nameConstraints', name) })),
    );
  const value = new NameConstraints();
  if (rules.permitted !== undefined) value.permittedSubtrees = subtrees(rules.permitted);
  if (rules.excluded !== undefined) value.excludedSubtrees = subtrees(rules.excluded);
  return value;
}

function generalName(option: string, text: string): GeneralName {
  const [, prefix, value] = /^(?:(dns|ip|email|uri):)?(.*)$/su.exec(text) ?? [];
  if (value === undefined)
    throw invalidArgValue(option, text, 'must be a DNS name, IP address, mail address or URI');
  if (prefix === 'ip' || (prefix === undefined && LOOKS_LIKE_IP.test(value))) {
    return new GeneralName({ iPAddress: value });
  }
  if (prefix === 'email' || (prefix === undefined && value.includes('@'))) {
    return new GeneralName({ rfc822Name: value });
  }
  if (prefix === 'uri' || (prefix === undefined && value.includes('://'))) {
    return new GeneralName({ uniformResourceIdentifier: value });
  }
  if (!IS_ASCII.test(value)) throw invalidArgValue(option, text, 'must be written with A-labels (xn--…)');
  return new GeneralName({ dNSName: value });
}

function nameOf(commonName: string): Name {
  if (commonName === '') return new Name([]);
  const attribute = new AttributeTypeAndValue({
    type: '2.5.4.3',
    value: new AttributeValue({ utf8String: commonName }),
  });
  return new Name([new RelativeDistinguishedName([attribute])]);
}

function usageBits(usages: readonly KeyUsageName[]): number {
  let bits = 0;
  for (const usage of usages) {
    const bit = KeyUsageBit[usage];
    if (bit === undefined)
      throw invalidArgValue('keyUsage', usage, `must be of ${Object.keys(KeyUsageBit).join(', ')}`);
    bits |= bit;
  }
  return bits;
}

function purposeIdentifier(purpose: string): string {
  const known = PURPOSES[purpose];
  if (known !== undefined) return known;
  if (/^[0-2](\.\d+)+$/.test(purpose)) return purpose;
  throw invalidArgValue(
    'extendedKeyUsage',
    purpose,
    `must be ${Object.keys(PURPOSES).join(', ')} or an object identifier`,
  );
}

function pathLength(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0 || value > 255)
    throw outOfRange('pathLength', '0 to 255', value);
  return value;
}

function serialNumber(given: Uint8Array | undefined): Uint8Array {
  if (given !== undefined) {
    // RFC 5280 §4.1.2.2: positive and at most 20 octets.
    if (given.length < 1 || given.length > 20 || given[0] > 0x7f) {
      throw outOfRange('serialNumber', '1 to 20 bytes of a positive number', given.length);
    }
    return given;
  }
  const random = new Uint8Array(randomBytes(16));
  random[0] = (random[0] & 0x3f) | 0x40; // positive, and never a leading zero byte, which DER would forbid
  return random;
}

function wholeSeconds(date: Date): Date {
  if (!(date instanceof Date) || Number.isNaN(date.getTime())) {
    throw invalidArgType('notBefore/notAfter', 'a valid Date', date);
  }
  return new Date(Math.floor(date.getTime() / 1000) * 1000);
}

function publicKeyInfoOf(key: KeyObject): SubjectPublicKeyInfo {
  const spki = createPublicKeyDer(key);
  return AsnConvert.parse(spki, SubjectPublicKeyInfo);
}

/** RFC 7093 §2 method 1: the leftmost 160 bits of the SHA-256 of the public key. */
function keyIdentifier(info: SubjectPublicKeyInfo): ArrayBuffer {
  const digest = createHash('sha256').update(new Uint8Array(info.subjectPublicKey)).digest();
  return buffer(digest.subarray(0, 20));
}

function signatureDigest(
  signer: KeyObject,
  wanted: SignatureDigest | undefined,
): SignatureDigest | undefined {
  if (signer.asymmetricKeyType === 'ed25519') return undefined;
  return wanted ?? (signer.asymmetricKeyDetails?.namedCurve === 'secp384r1' ? 'sha384' : 'sha256');
}

function signatureAlgorithm(signer: KeyObject, digest: SignatureDigest | undefined): AlgorithmIdentifier {
  // RFC 8410 §3, RFC 5758 §3.2: the parameters are absent. RFC 4055 §5: they are NULL for RSA.
  if (digest === undefined) return new AlgorithmIdentifier({ algorithm: '1.3.101.112' });
  if (signer.asymmetricKeyType === 'ec') return new AlgorithmIdentifier({ algorithm: ECDSA_WITH[digest] });
  if (signer.asymmetricKeyType === 'rsa') {
    return new AlgorithmIdentifier({ algorithm: RSA_WITH[digest], parameters: null });
  }
  throw invalidArgValue('key', signer.asymmetricKeyType, 'must be an EC, RSA or Ed25519 private key');
}

/** A new private key. `rsaBits` counts for `rsa` only, default 2048. */
function newKey(kind: CertificateKeyKind, rsaBits: number | undefined): KeyObject {
  switch (kind) {
    case 'ec-p256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    case 'ec-p384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
    case 'ed25519':
      return generateKeyPairSync('ed25519').privateKey;
    case 'rsa':
      return generateKeyPairSync('rsa', { modulusLength: rsaModulusLength(rsaBits) }).privateKey;
    default:
      throw invalidArgValue('kind', kind, 'must be ec-p256, ec-p384, ed25519 or rsa');
  }
}

function createPublicKeyDer(key: KeyObject): Uint8Array {
  if (key.type !== 'private') throw invalidArgValue('key', key.type, 'must be a private key');
  return new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' }));
}

function buffer(bytes: Uint8Array): ArrayBuffer {
  const copy = new ArrayBuffer(bytes.length);
  new Uint8Array(copy).set(bytes);
  return copy;
}

const DAY = 86_400_000;
const CA_USAGES: readonly KeyUsageName[] = ['keyCertSign', 'cRLSign'];
const LEAF_USAGES: readonly KeyUsageName[] = ['digitalSignature'];
const LEAF_PURPOSES: readonly string[] = ['serverAuth', 'clientAuth'];
const LOOKS_LIKE_IP = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:.]*)(?:\/\d{1,3})?$/i;
// biome-ignore lint/suspicious/noControlCharactersInRegex: exactly the ASCII range is meant
const IS_ASCII = /^[\x00-\x7f]*$/;
const ECDSA_WITH: Record<SignatureDigest, string> = {
  sha1: '1.2.840.10045.4.1',
  sha256: '1.2.840.10045.4.3.2',
  sha384: '1.2.840.10045.4.3.3',
  sha512: '1.2.840.10045.4.3.4',
};
const RSA_WITH: Record<SignatureDigest, string> = {
  sha1: '1.2.840.113549.1.1.5',
  sha256: '1.2.840.113549.1.1.11',
  sha384: '1.2.840.113549.1.1.12',
  sha512: '1.2.840.113549.1.1.13',
};
