/**
 * The table of TLS signature schemes (RFC 8446 §4.2.3): which are offered and which may sign a handshake.
 */

/** Codes by name. */
export const SignatureScheme = {
  RSA_PKCS1_SHA256: 0x0401,
  RSA_PKCS1_SHA384: 0x0501,
  RSA_PKCS1_SHA512: 0x0601,
  ECDSA_SECP256R1_SHA256: 0x0403,
  ECDSA_SECP384R1_SHA384: 0x0503,
  RSA_PSS_RSAE_SHA256: 0x0804,
  RSA_PSS_RSAE_SHA384: 0x0805,
  RSA_PSS_RSAE_SHA512: 0x0806,
  ED25519: 0x0807,
  RSA_PSS_PSS_SHA256: 0x0809,
  RSA_PSS_PSS_SHA384: 0x080a,
  RSA_PSS_PSS_SHA512: 0x080b,
} as const;

/** All schemes, in the order of preference in which they are offered. */
export const SIGNATURE_SCHEMES: readonly SignatureSchemeRow[] = [
  { code: SignatureScheme.ECDSA_SECP256R1_SHA256, name: 'ecdsa_secp256r1_sha256', handshake: true },
  { code: SignatureScheme.ED25519, name: 'ed25519', handshake: true },
  { code: SignatureScheme.ECDSA_SECP384R1_SHA384, name: 'ecdsa_secp384r1_sha384', handshake: true },
  { code: SignatureScheme.RSA_PSS_RSAE_SHA256, name: 'rsa_pss_rsae_sha256', handshake: true },
  { code: SignatureScheme.RSA_PSS_RSAE_SHA384, name: 'rsa_pss_rsae_sha384', handshake: true },
  { code: SignatureScheme.RSA_PSS_RSAE_SHA512, name: 'rsa_pss_rsae_sha512', handshake: true },
  { code: SignatureScheme.RSA_PSS_PSS_SHA256, name: 'rsa_pss_pss_sha256', handshake: true },
  { code: SignatureScheme.RSA_PSS_PSS_SHA384, name: 'rsa_pss_pss_sha384', handshake: true },
  { code: SignatureScheme.RSA_PSS_PSS_SHA512, name: 'rsa_pss_pss_sha512', handshake: true },
  // Offered for the signatures inside chains, where they are still everywhere.
  { code: SignatureScheme.RSA_PKCS1_SHA256, name: 'rsa_pkcs1_sha256', handshake: false },
  { code: SignatureScheme.RSA_PKCS1_SHA384, name: 'rsa_pkcs1_sha384', handshake: false },
  { code: SignatureScheme.RSA_PKCS1_SHA512, name: 'rsa_pkcs1_sha512', handshake: false },
];

export interface SignatureSchemeRow {
  readonly code: number;
  readonly name: string;
  /** Whether CertificateVerify may use it; PKCS #1 v1.5 may not (RFC 8446 §4.2.3). */
  readonly handshake: boolean;
}

/** What is offered by default. */
export const DEFAULT_SIGNATURE_SCHEMES: readonly number[] = SIGNATURE_SCHEMES.map((row) => row.code);

/** Whether CertificateVerify may use the scheme. Unknown codes may not. */
export function signsHandshakes(code: number): boolean {
  return SIGNATURE_SCHEMES.some((row) => row.code === code && row.handshake);
}
