// Answers what a handshake asks: is this the peer's certificate? Path validation is pki's; the answer may come at once
// or later.

import type { ConnectionCore } from '../connection/connection.ts';
import type { ConnectionEvent } from '../connection/events.ts';
import { QuicError, quicError } from '../errors.ts';
import { certificateAlert } from '../pki/certificate-alert.ts';
import type { Pin } from '../pki/fingerprint.ts';
import type { TrustAnchors } from '../pki/trust-anchors.ts';
import { verifyPeerCertificate } from '../pki/verify-peer.ts';
import type { Clock } from '../util/clock.ts';
import type { HandshakeQuestions } from './connection.ts';

/** How a peer's certificate is judged. */
export interface VerificationOptions {
  /** Default the bundled roots and NODE_EXTRA_CA_CERTS. */
  anchors?: TrustAnchors | undefined;
  pins?: readonly Pin[] | undefined;
  /** Accept any certificate. */
  acceptAny?: boolean;
}

export function answerQuestions(options: VerificationOptions, clock: Clock): HandshakeQuestions {
  return (core: ConnectionCore, event: ConnectionEvent, now: number): void => {
    if (event.type === 'verify')
      core.answerVerification(judge(options, event, core.isServer, clock.wallTime()), now);
    // No identity was configured for this connection: nobody is here under any name.
    else if (event.type === 'client-hello') core.answerClientHello(null, now);
  };
}

function judge(
  options: VerificationOptions,
  event: Extract<ConnectionEvent, { type: 'verify' }>,
  isServer: boolean,
  wallTime: number,
): { alert: number; error: QuicError } | null {
  if (options.acceptAny === true) return null;
  try {
    verifyPeerCertificate({
      certificates: event.certificates,
      serverName: event.serverName,
      purpose: isServer ? 'clientAuth' : 'serverAuth',
      now: wallTime,
      ...(options.anchors === undefined ? {} : { anchors: options.anchors }),
      ...(options.pins === undefined ? {} : { pins: options.pins }),
    });
    return null;
  } catch (error) {
    const reason =
      error instanceof QuicError ? error : quicError('ERR_QUIC_CERTIFICATE_MALFORMED', { cause: error });
    return { alert: certificateAlert(reason), error: reason };
  }
}
