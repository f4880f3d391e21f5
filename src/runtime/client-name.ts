// Who the client of a connection is by its certificate.

import type { ConnectionCore } from '../connection/connection.ts';
import { commonNameOf } from '../pki/subject-name.ts';

/** Null without a certificate, and before the handshake is complete. */
export function clientNameOf({ isServer, config, handshake }: ConnectionCore): string | null {
  if (!handshake.isComplete) return null;
  const chain = isServer ? handshake.engine.peerCertificates : (config.identity?.certificates ?? []);
  return chain.length === 0 ? null : commonNameOf(chain[0] as Uint8Array);
}
