// Who decides about connections that want to exist, as an endpoint sees it: a listener.

import type { QuicError } from '../errors.ts';
import type { Incoming } from '../routing/incoming.ts';
import type { Gate } from '../routing/router-options.ts';
import type { QuicConnection } from './connection.ts';
import type { HandshakeQuestions } from './questions.ts';

/** One at a time on each endpoint. */
export interface Acceptor {
  /** Clients that are not taken hear nothing at all. */
  readonly isQuiet: boolean;
  /** Asked for each first Initial, before anything is kept about it. */
  judge: Gate;
  onIncoming(incoming: Incoming, now: number): void;
  /** The endpoint is over. */
  onEndpointClosed(error: QuicError): void;
}

/** What an acceptor does with a connection that it accepted. */
export interface Reception {
  /** Answers what the handshake asks. */
  readonly questions: HandshakeQuestions;
  /** Nothing is sent before `release` is called. */
  readonly isHeld: boolean;
  /** The connection exists, and has not seen its first packet yet. Throws nothing. */
  onMade(connection: QuicConnection, release: () => void): void;
}
