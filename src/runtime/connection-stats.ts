// The numbers of a connection for its user.

import type { ConnectionCore } from '../connection/connection.ts';
import type { DatagramCounters } from '../connection/datagrams.ts';

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
  openStreams: number;
  bytesUnread: number;
  bytesUnacknowledged: number;
  datagrams: DatagramCounters;
}

export function statsOf(core: ConnectionCore): ConnectionStats {
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
    openStreams: streams.openCount,
    bytesUnread: streams.bytesUnread,
    bytesUnacknowledged: streams.bytesHeld,
    datagrams: { ...core.datagrams.counters },
  };
}
