// The interface between a group and the kinds of listeners. A kind knows how to bind and to accept; whose connections
// they are, how many there may be and who handles them is the group's.

import type { Duplex } from 'node:stream';
import type { QuicConnection } from '../runtime/connection.ts';
import type { Environment } from '../runtime/environment.ts';
import type { GroupAddress } from './address.ts';
import type { ConnectionFacts } from './handler.ts';
import type { SharedServers } from './shared-servers.ts';

/** One listener of some kind. */
export interface Member {
  /** Binds and begins to accept, all or nothing; may be called again after it rejected. */
  bind(): Promise<GroupAddress>;
  /** Accepts no more. What was accepted lives on. */
  stop(): void | Promise<void>;
  /** Called after `stop` and after the last connection: frees all that is left. */
  free(): Promise<void>;
}

/** What a member tells. */
export interface MemberHost {
  readonly environment: Environment;
  /** Who TLS and QUIC listeners are, beside what their targets say. */
  readonly servers: SharedServers;
  /** A seat for a client that knocked, to be left once when its connection is gone; null if there is no room for it. */
  admit(): (() => void) | null;
  /** A connection is complete. */
  onLink(link: Link): void;
  /** A connection could not be accepted; the next one may. */
  onAcceptError(error: Error): void;
  /** The member stopped by itself. */
  onFailed(error: Error): void;
}

/** An accepted connection of some kind. */
export interface Link {
  readonly facts: ConnectionFacts;
  /** The QUIC connection, for those who want it whole. */
  readonly connection: QuicConnection | null;
  /** When nothing of it is left on this side, with the error that ended it. Never rejects. */
  readonly closed: Promise<Error | null>;
  /** Streams that are open. */
  readonly streams: number;
  /** Bytes of the application or, for QUIC, of its datagrams. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Hands each stream to `run`, once. Resolves when all that it began is over; never rejects. */
  serve(run: RunStream): Promise<void>;
  /** Ends what is idle, as soon as it is. */
  drain(): void;
  /** Ends it now. */
  destroy(error?: Error): void;
}

/** Handles a stream to its end. Never rejects. */
export type RunStream = (stream: Duplex, of: { streamId: number | null; early: boolean }) => Promise<void>;

/** What is said of a stream that is none of QUIC. */
export const NO_QUIC_STREAM = { streamId: null, early: false } as const;
