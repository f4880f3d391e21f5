// The name that a certificate gives its holder, for those who greet peers by name. Says nothing about trust.

import { X509Certificate } from 'node:crypto';

/** The subject's common name of a certificate in DER; null if it has none or several, or cannot be read. */
export function commonNameOf(der: Uint8Array): string | null {
  try {
    // An object, as text could be made to look as if it had more lines.
    const name: unknown = new X509Certificate(der).toLegacyObject().subject?.CN;
    return typeof name === 'string' && name !== '' ? name : null;
  } catch {
    return null;
  }
}
