// Answers what a handshake asks: is this the peer's certificate? Path validation is pki's; the answer may come at once
// or later.

import type { ConnectionCore } from '../connection/connection.ts';
import type { ConnectionEvent } from '../connection/events.ts';
import { QuicError, quicError } from '../errors.ts';
import { certificateAlert } from '../pki/certificate-alert.ts';
import type { Pin } from '../pki/fingerprint.ts';
import type { TrustAnchors } from '../pki/trust-anchors.ts';
import { verifyPeerCertificate } from '../pki/verify-peer.ts';
import type { ReplayStore } from '../routing/replay-store.ts';
import type { Clock } from '../util/clock.ts';
import { settle } from './deferred.ts';

/** Answers the questions that a handshake asks its endpoint. */
export type HandshakeQuestions = (
  core: ConnectionCore,
  event: ConnectionEvent,
  now: number,
  /** To be called after an answer that came later. */
  wake: () => void,
) => void;

/** How a peer's certificate is judged. */
export interface VerificationOptions {
  /** Default the bundled roots and NODE_EXTRA_CA_CERTS. */
  anchors?: TrustAnchors | undefined;
  pins?: readonly Pin[] | undefined;
  /** Accept any certificate. */
  acceptAny?: boolean;
  /** Server: tells copies of early data. Without it none are taken. */
  replayStore?: ReplayStore | undefined;
  /** Client: gets each session, and each token, for later connections. */
  onSession?: (session: Uint8Array) => void;
  onToken?: (token: Uint8Array, version: number) => void;
}

export function answerQuestions(options: VerificationOptions, clock: Clock): HandshakeQuestions {
  return (core: ConnectionCore, event: ConnectionEvent, now: number, wake: () => void): void => {
    if (event.type === 'verify')
      core.answerVerification(judgeCertificate(options, event, core.isServer, clock.wallTime()), now);
    // No identity was configured for this connection: nobody is here under any name.
    else if (event.type === 'client-hello') core.answerClientHello(null, now);
    else if (event.type === 'session') options.onSession?.(event.session);
    else if (event.type === 'new-token') options.onToken?.(event.token, event.version);
    else if (event.type === 'early-data') {
      judgeEarlyData(options.replayStore, event, (accept) => {
        core.answerEarlyData(accept, clock.now());
        wake();
      });
    }
  };
}

/** Whether the chain that a server proved in an earlier connection would do now: a session is no better than it. */
export function isStillGood(
  options: VerificationOptions,
  session: { certificates: readonly Uint8Array[]; serverName: string | null },
  wallTime: number,
): boolean {
  if (options.acceptAny === true) return true;
  return session.certificates.length > 0 && judgeCertificate(options, session, false, wallTime) === null;
}

/** Whether early data are no copy of what some server took before; the answer may come at once or later. */
export function judgeEarlyData(
  store: ReplayStore | undefined,
  { helloId, keepFor }: Extract<ConnectionEvent, { type: 'early-data' }>,
  answer: (accept: boolean) => void,
): void {
  // A store that fails lets nothing in.
  settle(
    () => store?.add(helloId, keepFor) ?? false,
    (isNew) => answer(isNew === true),
    () => answer(false),
  );
}

/** Null if the peer is who it has to be. */
export function judgeCertificate(
  options: VerificationOptions,
  event: Pick<Extract<ConnectionEvent, { type: 'verify' }>, 'certificates' | 'serverName'>,
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
