/**
 * The decision about a peer's certificate: a pin, or a valid path to a trust anchor, and the host name.
 *
 * Owns the order of the two ways and the memory of certificates that were good before. Synchronous: an ordinary chain
 * takes some 100 µs. Knows nothing of TLS; `certificateAlert` translates its errors.
 */
import { latin1 } from '../crypto/node-bytes.ts';
import { quicError } from '../errors.ts';
import { Certificate } from './certificate.ts';
import { type Pin, parsePin, pinMatches } from './fingerprint.ts';
import { certificateMatchesHost } from './host-name.ts';
import {
  type CertificatePurpose,
  checkValidity,
  MAX_CHAIN_CERTIFICATES,
  validatePath,
} from './path-validation.ts';
import { type TrustAnchors, trustAnchors } from './trust-anchors.ts';

/** What there is to decide on. */
export interface VerifyPeerOptions {
  /** What the peer sent, DER, leaf first. */
  readonly certificates: readonly Uint8Array[];
  /** The host that was meant to be reached, a DNS name or an IP address. Not looked at for a client's certificate. */
  readonly serverName: string | null;
  /** Whose certificate it is: `serverAuth` a server's, `clientAuth` a client's. */
  readonly purpose: CertificatePurpose;
  /** Default: `trustAnchors('default')`. */
  readonly anchors?: TrustAnchors;
  /** When there is one, pins decide instead of anchors and host name. */
  readonly pins?: readonly Pin[];
  /** Wall time, milliseconds since 1970. */
  readonly now: number;
}

/** Why a peer's certificate was believed. */
export interface VerifiedPeer {
  /** Leaf first, anchor last. Only the leaf if a pin decided. */
  readonly path: readonly Certificate[];
  /** Whether a pin decided. */
  readonly pinned: boolean;
}

/**
 * Believes the peer's certificate or throws a `QuicError` with an ERR_QUIC_CERTIFICATE_… code: those of `validatePath`, and
 * REQUIRED (there is none), HOST_MISMATCH, PIN_MISMATCH, MALFORMED.
 *
 * A pin is the SHA-256 of the leaf or of its public key. It replaces chain and host name, as WebTransport's
 * `serverCertificateHashes` do: who knows the very key needs nobody to vouch for it. The validity period still counts.
 */
export function verifyPeerCertificate(options: VerifyPeerOptions): VerifiedPeer {
  const { certificates, purpose, now, serverName } = options;
  const [first] = certificates;
  if (first === undefined) throw quicError('ERR_QUIC_CERTIFICATE_REQUIRED');
  if (options.pins !== undefined && options.pins.length > 0) {
    return verifyPinned(Certificate.parse(first), options.pins, now);
  }
  if (certificates.length > MAX_CHAIN_CERTIFICATES) {
    throw quicError('ERR_QUIC_CERTIFICATE_CHAIN_TOO_LONG', {
      message: `The peer sent ${certificates.length} certificates, at most ${MAX_CHAIN_CERTIFICATES} are looked at`,
    });
  }
  const chain = certificates.map((der) => remembered.get(latin1(der)) ?? Certificate.parse(der));
  const anchors = options.anchors ?? trustAnchors('default');
  const path = validatePath(chain, { purpose, now, anchors });
  if (purpose === 'serverAuth') checkHost(path[0], serverName);
  for (const certificate of path) remember(certificate);
  return { path, pinned: false };
}

function verifyPinned(leaf: Certificate, pins: readonly Pin[], now: number): VerifiedPeer {
  if (!pins.some((pin) => pinMatches(parsePin(pin, 'pins'), leaf))) {
    throw quicError('ERR_QUIC_CERTIFICATE_PIN_MISMATCH', {
      message: `The certificate "${leaf.subjectText}" is none of the ${pins.length} pinned`,
    });
  }
  checkValidity(leaf, now);
  return { path: [leaf], pinned: true };
}

function checkHost(leaf: Certificate, serverName: string | null): void {
  if (serverName !== null && certificateMatchesHost(leaf, serverName)) return;
  throw quicError('ERR_QUIC_CERTIFICATE_HOST_MISMATCH', {
    message:
      serverName === null
        ? 'There is no host name to check the certificate against'
        : `The certificate is not for ${JSON.stringify(serverName)} but for ${namesOf(leaf)}`,
  });
}

function namesOf(leaf: Certificate): string {
  const names = leaf.alternativeNames.flatMap((name) => {
    if (name.kind === 'dns') return [JSON.stringify(name.value.slice(0, 100))];
    return name.kind === 'ip' && (name.value.length === 4 || name.value.length === 16)
      ? [ipText(name.value)]
      : [];
  });
  if (names.length === 0) return 'no host at all';
  return names.length <= 5
    ? names.join(', ')
    : `${names.slice(0, 5).join(', ')} and ${names.length - 5} more`;
}

function ipText(address: Uint8Array): string {
  if (address.length === 4) return address.join('.');
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((address[i] << 8) | address[i + 1]).toString(16));
  return groups.join(':');
}

/** Remembers a certificate of a path that was good, so that it and its signature need no second look. */
function remember(certificate: Certificate): void {
  if (certificate.der.length > REMEMBERED_SIZE) return;
  const { key } = certificate;
  remembered.delete(key);
  remembered.set(key, certificate);
  if (remembered.size <= REMEMBERED_CERTIFICATES) return;
  for (const oldest of remembered.keys()) {
    remembered.delete(oldest);
    break;
  }
}

/** Certificates of good paths, the one that was used last at the end. Parsing and signatures do not change with time. */
const remembered = new Map<string, Certificate>();
const REMEMBERED_CERTIFICATES = 128;
const REMEMBERED_SIZE = 8192;
