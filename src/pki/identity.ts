/**
 * A certificate chain with its private key, as a server or a client proves itself with.
 *
 * Owns the reading of what the user gave in all its forms and the check that it fits together. What the key can do is the
 * crypto provider's. Knows nothing of TLS.
 */
import { nodeProvider } from '../crypto/node-provider.ts';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.ts';
import { QuicError, quicError } from '../errors.ts';
import { Certificate } from './certificate.ts';
import { type PkiInput, readCertificates, readInput } from './input.ts';
import { readPem, toPem } from './pem.ts';

/** What the user gives. */
export interface IdentityOptions {
  /**
   * The certificate, then its intermediates: PEM text (a whole chain may stand in it), PEM or DER bytes, the path of a
   * file with either, or a list of such.
   */
  readonly cert: PkiInput | readonly PkiInput[];
  /** The unencrypted private key: PEM text, PEM or DER bytes (PKCS #8, SEC1, PKCS #1), or the path of a file with either. */
  readonly key: PkiInput;
}

/** A chain and its key, ready for TLS. */
export interface Identity {
  /** DER, leaf first. */
  readonly certificates: readonly Uint8Array[];
  readonly key: PrivateKey;
  /** The last moment at which the leaf is valid. */
  readonly notAfter: Date;
}

/**
 * Reads and checks an identity. Files are read at once.
 *
 * Throws `QuicError`: ERR_QUIC_INVALID_CERTIFICATE, ERR_QUIC_INVALID_KEY (also for a key protected by a passphrase) or
 * ERR_QUIC_KEY_MISMATCH, each naming the option, where the value came from and what is allowed; `TypeError`
 * ERR_INVALID_ARG_TYPE for values of another type.
 */
export function loadIdentity(options: IdentityOptions, provider: CryptoProvider = nodeProvider): Identity {
  const inputs = Array.isArray(options.cert)
    ? (options.cert as readonly PkiInput[])
    : [options.cert as PkiInput];
  const certificates = inputs.flatMap((input) => readCertificates(input, 'cert', true));
  const [leaf] = certificates;
  if (leaf === undefined) {
    throw quicError('ERR_QUIC_INVALID_CERTIFICATE', {
      message: 'Option "cert" is an empty list; allowed are PEM or DER',
    });
  }
  const { key, origin } = readKey(options.key, provider);
  if (!provider.keyMatches(key, leaf)) {
    const other = certificates.findIndex((der) => provider.keyMatches(key, der));
    const hint = other > 0 ? `; it is the key of certificate ${other + 1}, the leaf must be the first` : '';
    throw quicError('ERR_QUIC_KEY_MISMATCH', {
      message: `The key of ${origin} does not belong to the first certificate of option "cert" ("${Certificate.parse(leaf).subjectText}")${hint}`,
    });
  }
  return { certificates, key, notAfter: new Date(Certificate.parse(leaf).notAfter) };
}

function readKey(input: PkiInput, provider: CryptoProvider): { key: PrivateKey; origin: string } {
  const { bytes, pem, origin } = readInput(input, 'key', 'ERR_QUIC_INVALID_KEY');
  let material: string | Uint8Array = bytes;
  if (pem !== null) {
    const blocks = readPem(pem);
    const block = blocks.find((candidate) => candidate.label.endsWith('PRIVATE KEY'));
    if (block === undefined) {
      const found = blocks.length === 0 ? 'no readable PEM block' : `PEM blocks of ${labels(blocks)}`;
      throw invalidKey(`There is no private key in ${origin}: it has ${found}`);
    }
    if (block.encrypted) throw encrypted(origin);
    material = toPem(block.label, block.der);
  } else if (isEncryptedPkcs8(bytes)) throw encrypted(origin);
  try {
    return { key: provider.privateKeyFrom(material), origin };
  } catch (cause) {
    const why = cause instanceof QuicError && cause.reason !== '' ? `: ${cause.reason}` : '';
    throw invalidKey(`The private key in ${origin} cannot be used${why}`, cause);
  }
}

/** RFC 5958 §3: EncryptedPrivateKeyInfo begins with an AlgorithmIdentifier where PrivateKeyInfo has its version. */
function isEncryptedPkcs8(der: Uint8Array): boolean {
  const header = der[1] < 0x80 ? 2 : 2 + (der[1] & 0x7f);
  return der[0] === 0x30 && der[header] === 0x30;
}

function labels(blocks: readonly { readonly label: string }[]): string {
  return blocks.map((block) => block.label).join(', ');
}

function encrypted(origin: string): QuicError {
  return invalidKey(
    `The private key in ${origin} is protected by a passphrase; decrypt it first, for example with "openssl pkey"`,
  );
}

function invalidKey(text: string, cause?: unknown): QuicError {
  const message = `${text}; allowed are unencrypted EC P-256 or P-384, Ed25519 and RSA keys in PEM or DER`;
  return quicError('ERR_QUIC_INVALID_KEY', cause === undefined ? { message } : { message, cause });
}
