/**
 * The certificates that are trusted as they stand, indexed by subject.
 *
 * Owns where they come from (the runtime's roots, the system's, the user's) and when: nothing is read before the first
 * question, and a root is parsed when a chain asks for its subject. Knows nothing of validation.
 */
import { readFileSync } from 'node:fs';
import * as tls from 'node:tls';
import { invalidArgType, quicError } from '../errors.ts';
import { bytesKey, equal } from '../util/bytes.ts';
import { Certificate } from './certificate.ts';
import { DerError, DerReader, Tag } from './der.ts';
import { readCertificates } from './input.ts';
import { looksLikePem, readPem } from './pem.ts';

/**
 * What may be trusted:
 * - `'default'`: what Node trusts: its bundled roots and NODE_EXTRA_CA_CERTS (with `tls.getCACertificates`, Node 22.15 and
 *   later, also what `--use-system-ca` and `tls.setDefaultCACertificates` make of them)
 * - `'bundled'`: Node's bundled roots alone
 * - `'system'`: the operating system's, where the runtime has `tls.getCACertificates`
 * - PEM text or bytes with one or more certificates, DER bytes, or the path of a file with either
 */
export type TrustSource = 'default' | 'bundled' | 'system' | string | Uint8Array | URL;

/** A set of trust anchors. Immutable; reads its sources when it is first asked. */
export class TrustAnchors {
  private readonly load: () => Iterable<Uint8Array>;
  private index: Map<string, Array<Uint8Array | Certificate | null>> | undefined;

  /** `load` gives DER certificates; it is called once, at the first question. */
  constructor(load: () => Iterable<Uint8Array>) {
    this.load = load;
  }

  /** The anchors with this subject (DER of the Name). Ones that cannot be parsed are left out. */
  bySubject(subject: Uint8Array): readonly Certificate[] {
    const entries = this.loaded().get(bytesKey(subject));
    if (entries === undefined) return [];
    const found: Certificate[] = [];
    for (const [i, entry] of entries.entries()) {
      const certificate = entry instanceof Uint8Array ? parsed(entry) : entry;
      entries[i] = certificate;
      if (certificate !== null) found.push(certificate);
    }
    return found;
  }

  /** Whether exactly this certificate is an anchor. */
  has(certificate: Certificate): boolean {
    return this.bySubject(certificate.subject).some((anchor) => equal(anchor.der, certificate.der));
  }

  /** How many anchors there are. Reads the sources, parses none. */
  get size(): number {
    let count = 0;
    for (const entries of this.loaded().values()) count += entries.length;
    return count;
  }

  /** All of them, DER. */
  get certificates(): Uint8Array[] {
    const entries = [...this.loaded().values()].flat();
    return entries.flatMap((entry) => (entry instanceof Certificate ? [entry.der] : (entry ?? [])));
  }

  private loaded(): Map<string, Array<Uint8Array | Certificate | null>> {
    if (this.index !== undefined) return this.index;
    const index = new Map<string, Array<Uint8Array | Certificate | null>>();
    for (const der of this.load()) {
      const subject = subjectOf(der);
      if (subject === null) continue;
      const key = bytesKey(subject);
      const entries = index.get(key);
      if (entries === undefined) index.set(key, [der]);
      else if (!entries.some((known) => known instanceof Uint8Array && equal(known, der))) entries.push(der);
    }
    this.index = index;
    return index;
  }
}

/**
 * The anchors of one or several sources together. Default: `'default'`. The named sets are shared by all callers.
 *
 * Certificates and files that the user gives are read at once: `TypeError` ERR_INVALID_ARG_TYPE for another type, `QuicError`
 * ERR_QUIC_INVALID_CERTIFICATE, naming the option, for what cannot be read or holds no certificate, ERR_QUIC_UNSUPPORTED
 * for `'system'` on a runtime without it.
 */
export function trustAnchors(
  source: TrustSource | readonly TrustSource[] = 'default',
  option = 'ca',
): TrustAnchors {
  const sources = Array.isArray(source) ? (source as readonly TrustSource[]) : [source as TrustSource];
  const [first] = sources;
  if (first === undefined) throw invalidArgType(option, 'at least one certificate', source);
  if (sources.length === 1 && isNamed(first)) return named(first);
  if (sources.length === 1 && typeof first === 'string' && looksLikePem(first)) return ofText(first, option);
  const parts = sources.map((part) => (isNamed(part) ? NAMED[part] : given(part, option)));
  for (const part of sources) if (part === 'system') named('system');
  return new TrustAnchors(() => parts.flatMap((load) => [...load()]));
}

/** A client gives the same text for every connection: reading it costs more than the handshake's signatures. */
function ofText(pem: string, option: string): TrustAnchors {
  let anchors = recentTexts.get(pem);
  if (anchors === undefined) {
    const load = given(pem, option);
    anchors = new TrustAnchors(load);
    for (const oldest of recentTexts.size < MAX_RECENT_TEXTS ? [] : recentTexts.keys()) {
      recentTexts.delete(oldest);
      break;
    }
    recentTexts.set(pem, anchors);
  }
  return anchors;
}

const recentTexts = new Map<string, TrustAnchors>();

/** PEM texts whose anchors are kept. */
const MAX_RECENT_TEXTS = 16;

function given(source: Exclude<TrustSource, NamedSource>, option: string): () => Uint8Array[] {
  const certificates = readCertificates(source, option, false);
  return () => certificates;
}

function named(name: NamedSource): TrustAnchors {
  if (name === 'system' && runtime.getCACertificates === undefined) {
    throw quicError('ERR_QUIC_UNSUPPORTED', {
      message:
        "The system's certificates need a Node.js with tls.getCACertificates (22.15 or later); give files as ca",
    });
  }
  let anchors = shared.get(name);
  if (anchors === undefined) {
    anchors = new TrustAnchors(NAMED[name]);
    shared.set(name, anchors);
  }
  return anchors;
}

type NamedSource = 'default' | 'bundled' | 'system';

function isNamed(source: TrustSource): source is NamedSource {
  return source === 'default' || source === 'bundled' || source === 'system';
}

const shared = new Map<NamedSource, TrustAnchors>();

/** `tls.getCACertificates` is younger than the oldest runtime and the types. */
const runtime: { readonly getCACertificates?: (type: NamedSource) => string[] } = tls as object;

const NAMED: Readonly<Record<NamedSource, () => Uint8Array[]>> = {
  default: () => {
    if (runtime.getCACertificates !== undefined) return fromPem(runtime.getCACertificates('default'));
    return [...fromPem(tls.rootCertificates), ...extraCertificates()];
  },
  bundled: () => fromPem(tls.rootCertificates),
  system: () => fromPem(runtime.getCACertificates?.('system') ?? []),
};

function fromPem(texts: readonly string[]): Uint8Array[] {
  return texts.flatMap((text) => readPem(text).map((block) => block.der));
}

/** As Node does: a file that cannot be read is a warning, no error. */
function extraCertificates(): Uint8Array[] {
  const file = process.env.NODE_EXTRA_CA_CERTS;
  if (file === undefined || file === '') return [];
  try {
    return fromPem([readFileSync(file, 'utf8')]);
  } catch (error) {
    process.emitWarning(`NODE_EXTRA_CA_CERTS: ${(error as Error).message}`);
    return [];
  }
}

function parsed(der: Uint8Array): Certificate | null {
  try {
    return Certificate.parse(der);
  } catch {
    return null;
  }
}

/** The subject without parsing the rest: TBSCertificate is version, serial, algorithm, issuer, validity, subject. */
function subjectOf(der: Uint8Array): Uint8Array | null {
  try {
    const tbs = new DerReader(der).enter().enter();
    if (tbs.tag === 0xa0) tbs.value();
    tbs.value(Tag.INTEGER);
    for (let i = 0; i < 3; i++) tbs.value(Tag.SEQUENCE);
    return tbs.element(Tag.SEQUENCE);
  } catch (error) {
    if (error instanceof DerError) return null;
    throw error;
  }
}
