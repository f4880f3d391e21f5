/**
 * Certification path building and validation (RFC 5280 §6): from the leaf through the certificates that came with it to
 * a trust anchor.
 *
 * Owns the walk and its order of checks. Policies are not processed: nothing asks for one, and a certificate that makes
 * them matter (policyConstraints, inhibitAnyPolicy; always critical) is refused. Revocation is not looked at. Knows
 * nothing of host names, pins, TLS or where anchors come from.
 */
import { type QuicError, type QuicErrorCode, quicError } from '../errors.ts';
import { equal } from '../util/bytes.ts';
import type { Certificate } from './certificate.ts';
import { DerError } from './der.ts';
import { type ComparisonBudget, forbiddenName, MAX_NAME_COMPARISONS } from './name-constraints.ts';
import { ExtensionId, KeyUsageBit, PURPOSES } from './object-identifiers.ts';
import { isStrongSignature, weaknessOfKey } from './strength.ts';
import type { TrustAnchors } from './trust-anchors.ts';

/** What the leaf is used for: a server's certificate or a client's. */
export type CertificatePurpose = 'serverAuth' | 'clientAuth';

/** Most certificates that a peer may send, leaf included. */
export const MAX_CHAIN_CERTIFICATES = 16;

/** Longest path, leaf and anchor included. */
export const MAX_PATH_CERTIFICATES = 12;

/** Most signatures that are looked at in one validation, over all paths that are tried. */
export const MAX_SIGNATURE_CHECKS = 64;

/** What a validation goes by. */
export interface PathOptions {
  readonly purpose: CertificatePurpose;
  /** Wall time, milliseconds since 1970. */
  readonly now: number;
  readonly anchors: TrustAnchors;
}

/**
 * Finds a valid path and returns it, leaf first, anchor last (only the leaf, if that is an anchor itself).
 *
 * `certificates` is what the peer sent: the leaf first, then any others in any order. Throws a `QuicError` with one code
 * of ERR_QUIC_CERTIFICATE_… per reason: EXPIRED, NOT_YET_VALID, KEY_USAGE, EXTENDED_KEY_USAGE, NOT_A_CA, PATH_LENGTH,
 * NAME_CONSTRAINTS, UNKNOWN_CRITICAL_EXTENSION, WEAK_SIGNATURE, WEAK_KEY, BAD_SIGNATURE, SELF_SIGNED, UNKNOWN_ISSUER,
 * CHAIN_TOO_LONG, MALFORMED. When several paths fail, the first reason other than a missing issuer is reported.
 */
export function validatePath(
  certificates: readonly Certificate[],
  options: PathOptions,
): readonly Certificate[] {
  const [leaf, ...others] = certificates;
  if (leaf === undefined) throw quicError('ERR_QUIC_CERTIFICATE_REQUIRED');
  if (certificates.length > MAX_CHAIN_CERTIFICATES) {
    throw refuse(
      'CHAIN_TOO_LONG',
      `The peer sent ${certificates.length} certificates, at most ${MAX_CHAIN_CERTIFICATES}`,
    );
  }
  checkLeaf(leaf, options);
  if (options.anchors.has(leaf)) return [leaf];
  return new PathBuilder(others, options).build(leaf);
}

class PathBuilder {
  private readonly intermediates: readonly Certificate[];
  private readonly options: PathOptions;
  private readonly budget: ComparisonBudget = { left: MAX_NAME_COMPARISONS };
  private signatureChecks = 0;
  private failure: QuicError | null = null;

  constructor(intermediates: readonly Certificate[], options: PathOptions) {
    this.intermediates = intermediates;
    this.options = options;
  }

  build(leaf: Certificate): readonly Certificate[] {
    const path = this.extend([leaf]);
    if (path !== null) return path;
    if (this.failure !== null) throw this.failure;
    if (leaf.selfIssued && leaf.isSignedBy(leaf)) {
      throw refuse('SELF_SIGNED', `The certificate "${leaf.subjectText}" is self-signed and not trusted`);
    }
    throw refuse('UNKNOWN_ISSUER', `No trusted authority issued the certificate "${leaf.subjectText}"`);
  }

  /** Depth first over the possible issuers of the last certificate; anchors before intermediates. */
  private extend(path: readonly Certificate[]): readonly Certificate[] | null {
    const child = path[path.length - 1];
    for (const anchor of this.options.anchors.bySubject(child.issuer)) {
      const complete = this.attempt(path, anchor, true);
      if (complete !== null && this.namesAllowed(complete)) return complete;
    }
    for (const candidate of this.intermediates) {
      if (candidate.subjectKey !== child.issuerKey || contains(path, candidate)) continue;
      const longer = this.attempt(path, candidate, false);
      const complete = longer === null ? null : this.extend(longer);
      if (complete !== null) return complete;
    }
    return null;
  }

  /** The path with one more issuer, or `null` with the reason remembered. */
  private attempt(
    path: readonly Certificate[],
    issuer: Certificate,
    isAnchor: boolean,
  ): readonly Certificate[] | null {
    try {
      if (path.length >= MAX_PATH_CERTIFICATES) {
        throw refuse('CHAIN_TOO_LONG', `The chain has more than ${MAX_PATH_CERTIFICATES} certificates`);
      }
      checkIssuer(path, issuer, isAnchor, this.options);
      this.checkSignature(path[path.length - 1], issuer);
      return [...path, issuer];
    } catch (error) {
      this.failure ??= error as QuicError;
      return null;
    }
  }

  private checkSignature(child: Certificate, issuer: Certificate): void {
    if (!isStrongSignature(child)) {
      throw refuse('WEAK_SIGNATURE', `"${child.subjectText}" is signed with an unacceptable algorithm`);
    }
    this.signatureChecks++;
    if (this.signatureChecks > MAX_SIGNATURE_CHECKS) {
      throw refuse('CHAIN_TOO_LONG', `No path was found with ${MAX_SIGNATURE_CHECKS} signature checks`);
    }
    if (!child.isSignedBy(issuer)) {
      throw refuse(
        'BAD_SIGNATURE',
        `"${child.subjectText}" is not signed by the key of "${issuer.subjectText}"`,
      );
    }
  }

  /**
   * RFC 5280 §6.1.4 (g): each authority's constraints hold for everything below it. Looked at only once the whole path
   * is authentic, so that only a trusted authority can make this costly.
   */
  private namesAllowed(path: readonly Certificate[]): boolean {
    try {
      for (let i = 1; i < path.length; i++) {
        const constraints = path[i].nameConstraints;
        if (constraints === null) continue;
        for (let below = 0; below < i; below++) {
          // RFC 5280 §6.1.3: a self-issued certificate is exempt unless it is the leaf.
          if (below > 0 && path[below].selfIssued) continue;
          const name = forbiddenName(constraints, path[below], this.budget);
          if (name === null) continue;
          throw refuse('NAME_CONSTRAINTS', `"${path[i].subjectText}" may not issue for ${name}`);
        }
      }
      return true;
    } catch (error) {
      this.failure ??=
        error instanceof DerError ? refuse('MALFORMED', 'A name cannot be read') : (error as QuicError);
      return false;
    }
  }
}

/** What must be true of the leaf whatever issued it. Throws. */
export function checkLeaf(leaf: Certificate, options: Pick<PathOptions, 'purpose' | 'now'>): void {
  checkValidity(leaf, options.now);
  checkCritical(leaf);
  const usage = leaf.keyUsage;
  // RFC 8446 §4.4.2.2: if keyUsage is present, digitalSignature must be set.
  if (usage !== null && (usage & KeyUsageBit.digitalSignature) === 0) {
    throw refuse('KEY_USAGE', `The key usage of "${leaf.subjectText}" does not allow digital signatures`);
  }
  checkPurpose(leaf, options.purpose);
  checkKey(leaf);
}

/** RFC 5280 §6.1.4 (k) to (n), and the rest that needs no signature. Throws. */
function checkIssuer(
  path: readonly Certificate[],
  issuer: Certificate,
  isAnchor: boolean,
  options: PathOptions,
): void {
  const constraints = issuer.basicConstraints;
  // Anchors older than version 3 cannot say that they are authorities; being an anchor says it for them.
  if (constraints?.ca !== true && !(isAnchor && issuer.version < 3)) {
    throw refuse('NOT_A_CA', `"${issuer.subjectText}" issued a certificate and is no authority`);
  }
  const usage = issuer.keyUsage;
  if (usage !== null && (usage & KeyUsageBit.keyCertSign) === 0) {
    throw refuse('KEY_USAGE', `The key usage of "${issuer.subjectText}" does not allow signing certificates`);
  }
  let intermediates = 0;
  for (let i = 1; i < path.length; i++) if (!path[i].selfIssued) intermediates++;
  if (constraints !== null && intermediates > constraints.pathLength) {
    throw refuse(
      'PATH_LENGTH',
      `"${issuer.subjectText}" allows ${constraints.pathLength} authorities below it, the chain has ${intermediates}`,
    );
  }
  checkValidity(issuer, options.now);
  checkCritical(issuer);
  // An extendedKeyUsage of an authority bounds what it may issue for, as every common verifier has it.
  checkPurpose(issuer, options.purpose);
  checkKey(issuer);
}

/** Throws EXPIRED or NOT_YET_VALID. RFC 5280 §4.1.2.5: both ends belong to the period, seconds are the unit. */
export function checkValidity(certificate: Certificate, now: number): void {
  if (now < certificate.notBefore) {
    const from = new Date(certificate.notBefore).toISOString();
    throw refuse('NOT_YET_VALID', `"${certificate.subjectText}" is not valid before ${from}`);
  }
  if (!(now < certificate.notAfter + 1000)) {
    const to = new Date(certificate.notAfter).toISOString();
    throw refuse('EXPIRED', `"${certificate.subjectText}" expired at ${to}`);
  }
}

function checkCritical(certificate: Certificate): void {
  for (const extension of certificate.extensions) {
    if (!extension.critical || UNDERSTOOD.has(extension.id)) continue;
    throw refuse(
      'UNKNOWN_CRITICAL_EXTENSION',
      `"${certificate.subjectText}" has the critical extension ${extension.id}, which is not understood`,
    );
  }
}

function checkPurpose(certificate: Certificate, purpose: CertificatePurpose): void {
  const purposes = certificate.extendedKeyUsage;
  if (purposes === null) return;
  if (purposes.includes(PURPOSES[purpose]) || purposes.includes(PURPOSES.anyExtendedKeyUsage)) return;
  throw refuse('EXTENDED_KEY_USAGE', `"${certificate.subjectText}" is not for ${purpose}`);
}

function checkKey(certificate: Certificate): void {
  const weakness = weaknessOfKey(certificate);
  if (weakness !== null) throw refuse('WEAK_KEY', `The key of "${certificate.subjectText}" is ${weakness}`);
}

function contains(path: readonly Certificate[], candidate: Certificate): boolean {
  return path.some((certificate) => certificate === candidate || equal(certificate.der, candidate.der));
}

function refuse(reason: Reason, message: string): QuicError {
  return quicError(`ERR_QUIC_CERTIFICATE_${reason}`, { message });
}

type Reason = QuicErrorCode extends infer Code
  ? Code extends `ERR_QUIC_CERTIFICATE_${infer R}`
    ? R
    : never
  : never;

/** Critical extensions that are either enforced here or (policies, key identifiers) mean nothing to this walk. */
const UNDERSTOOD: ReadonlySet<string> = new Set<string>(Object.values(ExtensionId));
