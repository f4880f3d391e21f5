// Who a server of the command line is: the certificate and key that were given, or the development certificate.

import {
  certificateSha256,
  type DevelopmentCertificate,
  type Fingerprint,
  loadIdentity,
  publicKeySha256,
} from '../pki.ts';
import { keptCertificate } from './development-folder.ts';
import { usageError } from './errors.ts';

export interface ServerIdentity {
  readonly cert: string | readonly string[];
  readonly key: string;
  readonly certificateSha256: Fingerprint;
  readonly spkiSha256: Fingerprint;
  readonly notAfter: Date;
  /** Null if certificate and key were given. */
  readonly development: DevelopmentCertificate | null;
}

/** Reads and checks what was given by `--cert` and `--key`; without both, the development certificate. */
export async function serverIdentity(options: {
  cert?: readonly string[];
  key?: string;
}): Promise<ServerIdentity> {
  const { cert, key } = options;
  if (cert === undefined && key === undefined) {
    const development = await keptCertificate();
    return { ...development, development };
  }
  if (cert === undefined) throw usageError(`--key ${key} needs --cert <file> with its certificate`);
  if (key === undefined) throw usageError(`--cert ${cert[0]} needs --key <file> with its private key`);
  const { certificates, notAfter } = loadIdentity({ cert, key });
  const leaf = certificates[0];
  return {
    cert,
    key,
    certificateSha256: certificateSha256(leaf),
    spkiSha256: publicKeySha256(leaf),
    notAfter,
    development: null,
  };
}
