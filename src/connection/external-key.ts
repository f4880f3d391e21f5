// The key of a certificate whose secret is kept elsewhere, in a hardware module or another process: a connection asks for
// each signature by the event 'sign'.

import { nodeProvider } from '../crypto/node-provider.ts';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.ts';
import { invalidArgType } from '../errors.ts';
import { copyBytes } from '../util/bytes.ts';

/**
 * A key for `identity.key` that stands for the one of this certificate (DER). Whoever uses it answers 'sign' events by
 * `answerSignature`, at once or later. Throws ERR_QUIC_INVALID_CERTIFICATE.
 */
export function externalKey(certificate: Uint8Array, provider: CryptoProvider = nodeProvider): PrivateKey {
  if (!(certificate instanceof Uint8Array)) {
    throw invalidArgType('certificate', 'an instance of Uint8Array', certificate);
  }
  const { kind, schemes } = provider.publicKeyFromCertificate(copyBytes(certificate));
  return Object.freeze({ kind, schemes, isExternal: true as const });
}
