/**
 * The proof in CertificateVerify (RFC 8446 §4.4.3): what is signed, with which scheme, and whether it is right.
 *
 * Says nothing about whom a certificate belongs to or who vouches for it.
 */

import type { CryptoProvider, PrivateKey, PublicKey } from '../crypto/provider.ts';
import { CRYPTO_ERROR_BASE, quicError } from '../errors.ts';
import { Alert, TlsAlert } from './alerts.ts';
import type { CertificateVerify } from './authentication-codec.ts';
import { latin1 } from './extension-codecs.ts';
import { signsHandshakes } from './signature-schemes.ts';

/** The bytes that `signer` signs over the transcript up to and including its Certificate message. */
export function signedContent(signer: 'client' | 'server', transcriptHash: Uint8Array): Uint8Array {
  const context = latin1(`TLS 1.3, ${signer} CertificateVerify`);
  const content = new Uint8Array(PAD_BYTES + context.length + 1 + transcriptHash.length);
  content.fill(0x20, 0, PAD_BYTES);
  content.set(context, PAD_BYTES);
  content.set(transcriptHash, PAD_BYTES + context.length + 1);
  return content;
}

/** The first scheme that the key prefers among those the peer accepts; `undefined` if there is none. */
export function chooseScheme(key: PrivateKey, accepted: readonly number[]): number | undefined {
  return key.schemes.find((scheme) => signsHandshakes(scheme) && accepted.includes(scheme));
}

/**
 * Checks a peer's proof against its leaf certificate. `offered` are the schemes that it was told.
 *
 * Throws `TlsAlert`: illegal_parameter for a scheme that was not offered or does not fit the key, bad_certificate or
 * unsupported_certificate for a leaf without a usable key, decrypt_error for a wrong signature.
 */
export function checkProof(
  provider: CryptoProvider,
  proof: CertificateVerify,
  leaf: Uint8Array,
  content: Uint8Array,
  offered: readonly number[],
): void {
  if (!offered.includes(proof.scheme) || !signsHandshakes(proof.scheme)) {
    throw new TlsAlert(
      Alert.ILLEGAL_PARAMETER,
      `signature scheme 0x${proof.scheme.toString(16)} was not offered`,
    );
  }
  const key = publicKey(provider, leaf);
  if (!key.schemes.includes(proof.scheme)) {
    throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'the signature scheme does not fit the certificate');
  }
  if (!provider.verify(key, proof.scheme, content, proof.signature)) {
    const details = { errorCode: CRYPTO_ERROR_BASE + Alert.DECRYPT_ERROR, type: 'transport' } as const;
    const cause = quicError('ERR_QUIC_CERTIFICATE_NOT_PROVED', details);
    throw new TlsAlert(Alert.DECRYPT_ERROR, 'the signature of CertificateVerify is wrong', cause);
  }
}

function publicKey(provider: CryptoProvider, certificate: Uint8Array): PublicKey {
  try {
    return provider.publicKeyFromCertificate(certificate);
  } catch (error) {
    const unusable = (error as { code?: unknown }).code === 'ERR_QUIC_INVALID_KEY';
    throw new TlsAlert(
      unusable ? Alert.UNSUPPORTED_CERTIFICATE : Alert.BAD_CERTIFICATE,
      unusable ? 'the key of the certificate cannot be used' : 'the certificate cannot be read',
      error,
    );
  }
}

const PAD_BYTES = 64;
