// The hooks of whoever wants to see every packet from the inside: qlog. A connection without such a listener pays for
// one comparison per packet. Nothing is made for a hook: it gets the bytes as they are in the packet and reads the
// connection itself, and may keep neither.

import type { SocketAddress } from '../util/address.ts';
import type { TransportParameters } from '../wire/transport-parameters.ts';
import type { DropReason, Trace } from './trace.ts';

/** What of a path may be read. Sizes are bytes, times are milliseconds. */
export interface TracedPath {
  readonly id: number;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly state: 'unknown' | 'validating' | 'validated' | 'failed';
  readonly mtu: number;
  readonly recovery: {
    readonly bytesInFlight: number;
    /** Bytes per millisecond. */
    readonly pacingRate: number;
    /** The window comes down after a loss (RFC 9002 §7.3.2). */
    readonly isInRecovery: boolean;
    readonly congestion: {
      readonly name: string;
      readonly window: number;
      readonly slowStartThreshold: number;
    };
    readonly rtt: {
      readonly min: number;
      readonly smoothed: number;
      readonly latest: number;
      readonly variation: number;
      readonly samples: number;
    };
    readonly ecn: { readonly state: 'disabled' | 'testing' | 'unknown' | 'capable' | 'failed' };
  };
}

/** Why one side closed. */
export interface TracedClose {
  readonly isApplication: boolean;
  readonly errorCode: bigint;
  readonly reason: string;
}

/** What of a connection may be read, at any time within a hook. */
export interface TracedConnection {
  readonly isServer: boolean;
  readonly state: { readonly value: 'handshaking' | 'established' | 'closing' | 'draining' | 'closed' };
  readonly header: { readonly version: { readonly version: number } };
  readonly handshake: {
    readonly isComplete: boolean;
    readonly isConfirmed: boolean;
    /** As sent; null until they are. */
    readonly localParameters: TransportParameters | null;
    readonly engine: {
      readonly alpn: string | null;
      readonly resumed: boolean;
      readonly suite: { readonly name: string } | null;
    };
  };
  readonly paths: { readonly active: TracedPath; readonly all: readonly TracedPath[] };
  readonly recovery: { readonly ptoCount: number };
  readonly closer: {
    readonly local: TracedClose | null;
    readonly remote: TracedClose | null;
    readonly isTimedOut: boolean;
    readonly error: { readonly code: string } | null;
  };
  /** The ids that the connection began with. */
  readonly localIds: { readonly current: Uint8Array };
  readonly remoteIds: { readonly handshakeId: { readonly connectionId: Uint8Array } };
  readonly firstFlight: { readonly originalDestinationId: Uint8Array };
}

/**
 * Every hook is called synchronously. `now` is monotonic milliseconds. A hook that throws closes the connection, so
 * that it had better not.
 */
export interface DetailTrace {
  /** The connection begins; it is the one that all other hooks are about. */
  started(now: number, connection: TracedConnection): void;
  /**
   * A packet is complete and not yet protected: header from `start`, frames in `[payloadStart, payloadEnd)`. `intent` is
   * what it is for.
   */
  packetSent(
    now: number,
    type: number,
    packetNumber: number,
    bytes: Uint8Array,
    start: number,
    payloadStart: number,
    payloadEnd: number,
    intent: string,
  ): void;
  /** A packet proved authentic and new; what its frames say was not looked at. A Retry has none. */
  packetReceived(
    now: number,
    type: number,
    packetNumber: number,
    bytes: Uint8Array,
    start: number,
    payloadStart: number,
    payloadEnd: number,
  ): void;
  packetDropped(now: number, reason: DropReason, size: number): void;
  packetLost(now: number, space: number, packetNumber: number, size: number): void;
  keyUpdated(now: number, generation: number, initiator: 'local' | 'remote'): void;
  /** The peer's transport parameters came and are in order. */
  parametersReceived(now: number, parameters: TransportParameters): void;
  /** Input, output or time may have changed anything of the connection. Null: at the time of the last hook. */
  updated(now: number | null): void;
}

/** `base`, and whoever `current` gives at the time, if anybody. */
export function withDetail(base: Trace, current: () => DetailTrace | null): Trace {
  return {
    ...base,
    get detail(): DetailTrace | null {
      return current();
    },
    packetDropped: (now, reason, size) => {
      base.packetDropped(now, reason, size);
      current()?.packetDropped(now, reason, size);
    },
    packetLost: (now, space, packetNumber, size) => {
      base.packetLost(now, space, packetNumber, size);
      current()?.packetLost(now, space, packetNumber, size);
    },
    keyUpdated: (now, generation, initiator) => {
      base.keyUpdated(now, generation, initiator);
      current()?.keyUpdated(now, generation, initiator);
    },
  };
}
