// The channels of `node:diagnostics_channel` on which an endpoint tells what happens, and what each tells. Knows nothing of
// when it is told.

import { channel } from 'node:diagnostics_channel';
import type { QuicError } from '../errors.ts';
import type { DropReason } from '../routing/counters.ts';
import type { SocketAddress } from '../util/address.ts';
import type { QuicConnection } from './connection.ts';
import type { QuicEndpoint } from './endpoint.ts';
import type { InterfaceEvent } from './interfaces.ts';

/** The message of each channel. */
export interface DiagnosticsMessages {
  /** A connection exists: a client's, or a server's that was accepted. */
  'quayside:connection:start': { endpoint: QuicEndpoint; connection: QuicConnection };
  /** Its handshake is complete. */
  'quayside:connection:open': { endpoint: QuicEndpoint; connection: QuicConnection };
  /** It ends, or has ended; once for each connection. */
  'quayside:connection:close': { endpoint: QuicEndpoint; connection: QuicConnection; error: QuicError };
  /** What became of a client that wants a connection. */
  'quayside:incoming': {
    endpoint: QuicEndpoint;
    from: SocketAddress;
    to: SocketAddress;
    decision: IncomingDecision;
  };
  /** A datagram that went nowhere. */
  'quayside:datagram:drop': {
    endpoint: QuicEndpoint;
    from: SocketAddress;
    to: SocketAddress;
    /** Bytes. */
    size: number;
    reason: DropReason;
  };
  /** The system reported an error for a socket. */
  'quayside:socket:error': { endpoint: QuicEndpoint; local: SocketAddress; error: Error };
  /** What became of an interface. */
  'quayside:interface': { endpoint: QuicEndpoint; event: InterfaceEvent };
}

export type IncomingDecision = 'accept' | 'refuse' | 'retry' | 'ignore';

/** Ask `hasSubscribers` before a message is made. */
export interface TypedChannel<Name extends keyof DiagnosticsMessages> {
  readonly hasSubscribers: boolean;
  publish(message: DiagnosticsMessages[Name]): void;
}

export const connectionStart: TypedChannel<'quayside:connection:start'> =
  channel('quayside:connection:start');
export const connectionOpen: TypedChannel<'quayside:connection:open'> = channel('quayside:connection:open');
export const connectionClose: TypedChannel<'quayside:connection:close'> =
  channel('quayside:connection:close');
export const incomingDecided: TypedChannel<'quayside:incoming'> = channel('quayside:incoming');
export const datagramDrop: TypedChannel<'quayside:datagram:drop'> = channel('quayside:datagram:drop');
export const socketError: TypedChannel<'quayside:socket:error'> = channel('quayside:socket:error');
export const interfaceChange: TypedChannel<'quayside:interface'> = channel('quayside:interface');
