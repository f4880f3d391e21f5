// The numbers of a connection for its user.

import type { ConnectionCore } from '../connection/connection.ts';
import type { DatagramCounters } from '../connection/datagrams.ts';
import { type SendQueueInfo, sendQueueOf } from '../connection/send-queue.ts';
import type { EcnState } from '../recovery/ecn.ts';

/** Counters of a connection; times in milliseconds. */
export interface ConnectionStats {
  packetsSent: number;
  packetsLost: number;
  packetsSpuriouslyLost: number;
  bytesSent: number;
  bytesReceived: number;
  bytesLost: number;
  bytesInFlight: number;
  congestionWindow: number;
  smoothedRtt: number;
  minRtt: number;
  mtu: number;
  /** Whether the active path carries marks of congestion (RFC 9000 §13.4.2); `disabled` where sockets cannot set them. */
  ecn: EcnState;
  openStreams: number;
  bytesUnread: number;
  /** Stream data that was written and never sent. */
  bytesPending: number;
  /** Stream data that is held until it is acknowledged; `bytesPending` is part of it. */
  bytesUnacknowledged: number;
  /** Stream data that was acknowledged with all that was before it in its stream. */
  bytesAcknowledged: number;
  sendQueue: SendQueueInfo;
  datagrams: DatagramCounters;
  batches: BatchCounters;
}

/** How datagrams were handed to the socket. */
export interface BatchCounters {
  /** Calls of the socket. */
  flushes: number;
  /** Datagrams that left in a call together with one before them; 0 where the socket takes one at a time. */
  coalesced: number;
}

export function statsOf(core: ConnectionCore, batches: BatchCounters): ConnectionStats {
  const { recovery, paths, streams } = core;
  const { active } = paths;
  return {
    packetsSent: recovery.counters.packetsSent,
    packetsLost: recovery.counters.packetsLost,
    packetsSpuriouslyLost: recovery.counters.packetsSpuriouslyLost,
    bytesSent: active.bytesSent,
    bytesReceived: active.bytesReceived,
    bytesLost: recovery.counters.bytesLost,
    bytesInFlight: active.recovery.bytesInFlight,
    congestionWindow: active.recovery.congestion.window,
    smoothedRtt: active.recovery.rtt.smoothed,
    minRtt: active.recovery.rtt.min,
    mtu: active.mtu,
    ecn: active.recovery.ecn.state,
    openStreams: streams.openCount,
    bytesUnread: streams.bytesUnread,
    bytesPending: streams.bytesUnsent,
    bytesUnacknowledged: streams.bytesHeld,
    bytesAcknowledged: streams.stats.bytesAcked,
    sendQueue: sendQueueOf(core),
    datagrams: { ...core.datagrams.counters },
    batches: { ...batches },
  };
}
