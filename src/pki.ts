/**
 * `quayside/pki`: certificates. Making and keeping them, reading them, believing them. Only re-exports.
 */

export {
  Certificate,
  type CertificateExtension,
  MAX_CERTIFICATE_SIZE,
  type NameConstraintLists,
} from './pki/certificate.ts';
export { certificateAlert } from './pki/certificate-alert.ts';
export {
  type DevelopmentCertificate,
  type DevelopmentCertificateOptions,
  developmentCertificate,
} from './pki/development-certificate.ts';
export {
  certificateSha256,
  type Fingerprint,
  type Pin,
  parsePin,
  publicKeySha256,
} from './pki/fingerprint.ts';
export type { GeneralName } from './pki/general-names.ts';
export { certificateMatchesHost, dnsNameMatches } from './pki/host-name.ts';
export { type Identity, type IdentityOptions, loadIdentity } from './pki/identity.ts';
export type { PkiInput } from './pki/input.ts';
export {
  type CertificateKeyKind,
  type MadeCertificate,
  type MakeCertificateOptions,
  makeCertificate,
  type SignatureDigest,
} from './pki/make-certificate.ts';
export type { KeyUsageName } from './pki/object-identifiers.ts';
export {
  type CertificatePurpose,
  MAX_CHAIN_CERTIFICATES,
  MAX_PATH_CERTIFICATES,
  type PathOptions,
  validatePath,
} from './pki/path-validation.ts';
export { TrustAnchors, type TrustSource, trustAnchors } from './pki/trust-anchors.ts';
export { type VerifiedPeer, type VerifyPeerOptions, verifyPeerCertificate } from './pki/verify-peer.ts';
