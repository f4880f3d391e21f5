// Sessions and 0-RTT of the public core: what a connection leaves for later ones, and what it took from an earlier one.

import { quicError } from '../errors.ts';
import type { EarlyDataState } from '../tls/engine.ts';
import { decodeSession, type TlsSession } from '../tls/session.ts';
import { ConnectionHandshake } from './api-handshake.ts';

export abstract class ConnectionSessions extends ConnectionHandshake {
  /** Begins anew with this session; only before anything was sent or received. */
  protected abstract restart(session: TlsSession): boolean;

  /**
   * Client: resumes the session of an earlier connection to the same server, from its 'session' event. With the option
   * `earlyData` and a session that allows it, streams can be opened and written at once. A session that has expired or is
   * for another name is passed over. Throws ERR_QUIC_INVALID_SESSION for other bytes, and ERR_QUIC_INVALID_STATE on a
   * server and after the first packet; `connect` takes the session too.
   */
  setSession(session: Uint8Array): void {
    if (this.restart(decodeSession(session))) return;
    throw quicError('ERR_QUIC_INVALID_STATE', { message: 'A session is set before the first packet' });
  }

  /** Client: the session that was given out last, as in the event 'session'; null before there is one. */
  get session(): Uint8Array | null {
    return this.core.handshake.session;
  }

  /** The session of an earlier connection was resumed. */
  get isResumed(): boolean {
    return this.core.handshake.engine.resumed;
  }

  /** 0-RTT is offered or accepted and the handshake goes on (RFC 9001 §4.6). */
  get isInEarlyData(): boolean {
    const { engine, isComplete } = this.core.handshake;
    return !isComplete && (engine.earlyData === 'offered' || engine.earlyData === 'accepted');
  }

  /** What became of 0-RTT. What was sent in it is sent again if it was rejected. */
  get earlyDataReason(): EarlyDataState {
    return this.core.handshake.engine.earlyData;
  }

  /** Server: data of the stream came in 0-RTT packets, which can be copies of an earlier connection's (RFC 8446 §8). */
  isStreamEarly(streamId: number): boolean {
    return this.core.earlyData.isStreamEarly(streamId);
  }

  /** Answers 'early-data'. Data that were not accepted come again after the handshake. */
  answerEarlyData(accept: boolean, now: number): void {
    this.core.answerEarlyData(accept, now);
  }
}
