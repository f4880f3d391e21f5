// What a connection has to send, and whether its path takes it: numbers for those who write.

import type { ConnectionCore } from './connection.ts';

/** Sizes in bytes. */
export interface SendQueueInfo {
  /** Stream data that was written and not sent. */
  readonly bytes: number;
  readonly congestionWindow: number;
  readonly bytesInFlight: number;
  /** The window comes down after a loss (RFC 9002 §7.3.2). */
  readonly isInRecovery: boolean;
  /** Data wait, and the congestion window has no room for a datagram. */
  readonly isCongested: boolean;
}

export function sendQueueOf({ streams, paths }: ConnectionCore): SendQueueInfo {
  const { recovery } = paths.active;
  return {
    bytes: streams.bytesUnsent,
    congestionWindow: recovery.congestion.window,
    bytesInFlight: recovery.bytesInFlight,
    isInRecovery: recovery.isInRecovery,
    isCongested: streams.bytesUnsent > 0 && recovery.windowRoom < recovery.maxDatagramSize,
  };
}

/** Bytes of stream data by how far they got. */
export interface StreamBytes {
  /** Written and never sent. */
  readonly pendingBytes: number;
  /** Sent and not acknowledged, or only after a gap. */
  readonly unacknowledgedBytes: number;
  /** Acknowledged with all that was before them in their stream. */
  readonly acknowledgedBytes: number;
}

export function streamBytesOf({ streams }: ConnectionCore): StreamBytes {
  return {
    pendingBytes: streams.bytesUnsent,
    unacknowledgedBytes: Math.max(0, streams.bytesHeld - streams.bytesUnsent),
    acknowledgedBytes: streams.stats.bytesAcked,
  };
}
