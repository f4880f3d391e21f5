/**
 * Certificates for tests: made in memory, at once, and cached per process, so that a file of tests makes each key once.
 *
 * Everything is synchronous. Chains are leaf first and without the root, as a server sends them; the root is in `ca`.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCertificateSync } from '../../src/pki/certificate-builder.ts';
import type {
  CertificateKeyKind,
  MadeCertificate,
  MakeCertificateOptions,
} from '../../src/pki/make-certificate.ts';
import { readPem, toPem } from '../../src/pki/pem.ts';

/** A certificate authority of a test: a self-signed root, or an intermediate with the chain above it. */
export interface TestAuthority extends MadeCertificate {
  /** Intermediates from this authority up to below the root, itself first unless it is the root. DER. */
  readonly chain: readonly Uint8Array[];
  /** The root, DER. */
  readonly root: Uint8Array;
}

/** A leaf with all that a server, a client and a verifier of a test need. */
export interface TestIdentity {
  /** Leaf first, then intermediates, no root. DER. What `TlsEngine` calls `certificates`. */
  readonly certificates: Uint8Array[];
  /** The leaf, DER. */
  readonly der: Uint8Array;
  readonly key: KeyObject;
  /** PKCS #8. */
  readonly keyPem: string;
  readonly keyDer: Uint8Array;
  /** Leaf and intermediates. */
  readonly certPem: string;
  /** The root to trust: DER and PEM. For a self-signed identity the leaf itself. */
  readonly ca: Uint8Array;
  readonly caPem: string;
}

/** How to make an authority. The rest of the options is `makeCertificate`'s. */
export interface TestAuthorityOptions extends MakeCertificateOptions {
  /** The authority above this one. Absent: a root. */
  readonly parent?: TestAuthority;
}

/** How to make an identity. The rest of the options is `makeCertificate`'s. */
export interface TestIdentityOptions extends MakeCertificateOptions {
  /** Who issues it. Default: one root per process and kind of key (P-256). `null`: self-signed. */
  readonly authority?: TestAuthority | null;
}

/** Valid all the time a test could live in, real or virtual. */
const ALWAYS = { notBefore: new Date(0), notAfter: new Date('2199-12-31T23:59:59Z') };

const cache = new Map<string, unknown>();

/** A root or, with `parent`, an intermediate. Cached by its options when neither parent, key nor issuer is given. */
export function makeTestAuthority(options: TestAuthorityOptions = {}): TestAuthority {
  const { parent, ...rest } = options;
  const cacheable = parent === undefined && rest.key === undefined && rest.issuer === undefined;
  return cached('authority', cacheable ? rest : null, () => {
    const made = makeCertificateSync({
      ...ALWAYS,
      subject:
        parent === undefined ? 'quayside test root' : `quayside test intermediate ${parent.chain.length + 1}`,
      ca: true,
      ...rest,
      ...(parent === undefined ? {} : { issuer: parent }),
    });
    if (parent === undefined) return { ...made, chain: [], root: made.der };
    return { ...made, chain: [made.der, ...parent.chain], root: parent.root };
  });
}

/**
 * A leaf for `names` (default localhost, 127.0.0.1, ::1) with a key of `kind` (default `ec-p256`), by default issued by
 * the root of `makeTestAuthority()`. Cached by its options when neither key nor authority is given.
 */
export function makeTestIdentity(options: TestIdentityOptions = {}): TestIdentity {
  const { authority, ...rest } = options;
  const cacheable = authority == null && rest.key === undefined && rest.issuer === undefined;
  return cached(`identity ${authority === null}`, cacheable ? rest : null, () => {
    const by = authority === undefined ? makeTestAuthority() : authority;
    const made = makeCertificateSync({
      ...ALWAYS,
      names: ['localhost', '127.0.0.1', '::1'],
      ...rest,
      ...(by === null ? {} : { issuer: by }),
    });
    return identity(made.der, by?.chain ?? [], by?.root ?? made.der, made.key);
  });
}

/**
 * A leaf below `intermediates` intermediates below a root: `certificates` has `intermediates + 1` entries. With `size`,
 * every certificate carries an extension of padding that brings it to at least that many bytes.
 */
export function makeChain(options: {
  readonly intermediates: number;
  readonly names?: readonly string[];
  readonly kind?: CertificateKeyKind;
  readonly size?: number;
}): TestIdentity {
  const { intermediates, names, kind, size } = options;
  return cached('chain', { intermediates, names, kind, size }, () => {
    const keyKind = kind === undefined ? {} : { kind };
    const common = size === undefined ? keyKind : { ...keyKind, extensions: [padding(size)] };
    let authority = makeTestAuthority(keyKind);
    for (let n = 0; n < intermediates; n++) authority = makeTestAuthority({ ...common, parent: authority });
    return makeTestIdentity({ ...common, ...(names === undefined ? {} : { names }), authority });
  });
}

/**
 * The identity of seeded runs: Ed25519 (signatures are a function of key and content) from `test/fixtures`, valid from
 * 1970 to 9999 for localhost, 127.0.0.1, ::1, example.com and *.example.com, so that the bytes are the same in every run.
 */
export function seededIdentity(): TestIdentity {
  return cached('seeded', {}, () => {
    const text = (name: string): string =>
      readFileSync(join(process.cwd(), 'test', 'fixtures', name), 'utf8');
    const [leaf] = readPem(text('seeded-leaf.pem'));
    const [root] = readPem(text('seeded-root.pem'));
    if (leaf === undefined || root === undefined)
      throw new Error('test/fixtures: run scripts/make-test-fixtures.ts');
    return identity(leaf.der, [], root.der, createPrivateKey(text('seeded-leaf.key.pem')));
  });
}

/** DER certificates as one PEM text. */
export function certificatesToPem(certificates: readonly Uint8Array[]): string {
  return certificates.map((der) => toPem('CERTIFICATE', der)).join('');
}

/** An extension that nobody knows and nobody must know, as its value is not critical. */
function padding(size: number): { id: string; value: Uint8Array } {
  const value = new Uint8Array(Math.max(300, size - 350));
  value[0] = 0x04; // OCTET STRING in the long form of DER
  value.set([0x82, (value.length - 4) >> 8, (value.length - 4) & 0xff], 1);
  return { id: '1.3.6.1.4.1.54392.1.1', value };
}

function identity(
  leaf: Uint8Array,
  chain: readonly Uint8Array[],
  root: Uint8Array,
  key: KeyObject,
): TestIdentity {
  const certificates = [leaf, ...chain];
  return {
    certificates,
    der: leaf,
    key,
    keyPem: key.export({ type: 'pkcs8', format: 'pem' }) as string,
    keyDer: new Uint8Array(key.export({ type: 'pkcs8', format: 'der' })),
    certPem: certificatesToPem(certificates),
    ca: root,
    caPem: certificatesToPem([root]),
  };
}

function cached<T>(what: string, options: object | null, make: () => T): T {
  if (options === null) return make();
  const id = `${what} ${JSON.stringify(options)}`;
  const known = cache.get(id) as T | undefined;
  if (known !== undefined) return known;
  const made = make();
  cache.set(id, made);
  return made;
}
