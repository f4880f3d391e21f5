// The certificates of a server and which of them a client is shown: several kinds of keys can stand side by side, and
// the client's offer decides. Reads what users give; knows no handshake beyond the list of schemes.

import type { Identity } from '../connection/config.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { invalidArgType, invalidArgValue } from '../errors.ts';
import { loadIdentity } from '../pki/identity.ts';
import type { PkiInput } from '../pki/input.ts';

/** One certificate with its key. */
export interface IdentityOptions {
  /** Certificate chain: PEM or DER, bytes, text or file path. */
  readonly cert: PkiInput | readonly PkiInput[];
  readonly key: PkiInput;
  /** A stapled OCSP response, DER, for clients that ask for one. */
  readonly ocspResponse?: Uint8Array | null;
}

/** Certificates of a server, in one of three shapes. */
export interface ServerIdentityOptions {
  /**
   * Certificate chain: PEM or DER, bytes, text or file path; a list of these is one chain, unless `key` is a list too:
   * then each key goes with the chain at its place, as in `node:tls`.
   */
  cert?: PkiInput | readonly PkiInput[];
  key?: PkiInput | readonly PkiInput[];
  /** Certificates with keys of different kinds, preferred first: the client is shown the first that it can verify. */
  identities?: readonly IdentityOptions[];
  /** A stapled OCSP response for `cert`, DER; null for none. */
  ocspResponse?: Uint8Array | null;
}

/** The certificates that were given; `known` where none were. Throws errors of arguments and of reading certificates and keys. */
export function parseIdentities(
  options: ServerIdentityOptions,
  known: readonly Identity[],
  provider: CryptoProvider,
): readonly Identity[] {
  const { cert, key, identities, ocspResponse } = options;
  if (identities !== undefined) {
    if (cert !== undefined || key !== undefined || ocspResponse !== undefined)
      throw invalidArgValue('identities', identities, 'stands instead of cert, key and ocspResponse');
    if (!Array.isArray(identities) || identities.length === 0)
      throw invalidArgType('identities', 'a list of at least one { cert, key }', identities);
    return identities.map((each) => identityOf(each, provider));
  }
  if (cert === undefined && key === undefined)
    return ocspResponse === undefined ? known : stapled(known, ocspResponse);
  if (cert === undefined)
    throw invalidArgType('cert', 'a certificate chain in PEM or DER, or a file path', undefined);
  if (key === undefined)
    throw invalidArgType('key', 'a private key in PEM or DER, or a file path', undefined);
  if (!Array.isArray(key)) {
    return [
      identityOf(
        { cert, key: key as PkiInput, ...(ocspResponse === undefined ? {} : { ocspResponse }) },
        provider,
      ),
    ];
  }
  if (!Array.isArray(cert) || cert.length !== key.length || key.length === 0)
    throw invalidArgValue('key', key, 'as a list needs a list of as many certificates as cert');
  return stapled(
    key.map((each, i) => identityOf({ cert: cert[i] as PkiInput, key: each as PkiInput }, provider)),
    ocspResponse,
  );
}

/** The first that the client can verify; the first of all if there is none, so that TLS says what is wrong. */
export function chooseIdentity(identities: readonly Identity[], schemes: readonly number[]): Identity | null {
  const fits = identities.find(({ key }) => key.schemes.some((scheme) => schemes.includes(scheme)));
  return fits ?? identities[0] ?? null;
}

function identityOf({ cert, key, ocspResponse }: IdentityOptions, provider: CryptoProvider): Identity {
  if (cert === undefined)
    throw invalidArgType('cert', 'a certificate chain in PEM or DER, or a file path', undefined);
  const loaded = loadIdentity({ cert, key }, provider);
  const identity: Identity = { certificates: [...loaded.certificates], key: loaded.key };
  return stapled([identity], ocspResponse)[0];
}

/** A response is for one certificate: the first. */
function stapled(identities: readonly Identity[], response: Uint8Array | null | undefined): Identity[] {
  if (response === undefined) return [...identities];
  if (response !== null && !(response instanceof Uint8Array))
    throw invalidArgType('ocspResponse', 'an OCSP response in DER as Uint8Array, or null', response);
  return identities.map(({ ocspResponse, ...rest }, i) => {
    const kept = i === 0 ? response : (ocspResponse ?? null);
    return kept === null ? rest : { ...rest, ocspResponse: kept };
  });
}
