// The numbers of a connection and of its paths, in quiche's selection and with its meaning (`stats`, `path_stats`).

import type { SocketAddress } from '../util/address.ts';
import type { TransportParameters } from '../wire/transport-parameters.ts';
import type { ConnectionCore } from './connection.ts';
import type { ConnectionCounters } from './counters.ts';
import type { PathState } from './path.ts';
import { type SendQueueInfo, sendQueueOf, streamBytesOf } from './send-queue.ts';

/** Numbers of a connection since it began. They stay after its end. */
export interface CoreStats {
  /** Packets. `sent` has acknowledgements in it, `lost` and `spuriousLost` have not. */
  readonly received: number;
  readonly sent: number;
  readonly lost: number;
  /** Declared lost and acknowledged later. Part of `lost`. */
  readonly spuriousLost: number;
  /** Packets with stream data that were sent before. */
  readonly retransmitted: number;
  /** UDP payload. */
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly lostBytes: number;
  readonly ackedBytes: number;
  /** Stream data sent again. */
  readonly streamRetransmittedBytes: number;
  /** Probe timeouts. */
  readonly totalPtoCount: number;
  readonly pathsCount: number;
  /** RESET_STREAM sent, and streams that the peer reset. */
  readonly resetStreamCountLocal: number;
  readonly resetStreamCountRemote: number;
  /** STOP_SENDING sent, and streams that the peer stopped. */
  readonly stoppedStreamCountLocal: number;
  readonly stoppedStreamCountRemote: number;
  readonly dataBlockedSentCount: number;
  readonly streamDataBlockedSentCount: number;
  readonly dataBlockedReceivedCount: number;
  readonly streamDataBlockedReceivedCount: number;
  readonly streamsBlockedReceivedCount: number;
  /** DATAGRAM frames (RFC 9221). */
  readonly dgramSent: number;
  readonly dgramReceived: number;
  /** Of those that were sent. What is in neither count is on its way. */
  readonly dgramAcked: number;
  readonly dgramLost: number;
  /** Queued and never sent: purged, or too large for the path by then. */
  readonly dgramAbandoned: number;
  /** Of those that were received: read by the application, and dropped because the queue was full. */
  readonly dgramDelivered: number;
  readonly dgramDropped: number;
  readonly pathChallengeReceivedCount: number;
  /** Calls of `send` that could send nothing for want of bytes from an address that is not validated (RFC 9000 §8.1). */
  readonly amplificationLimitedCount: number;
  /** Milliseconds during which bytes were in flight. */
  readonly bytesInFlightDuration: number;
  /** Stream data: written and never sent, sent and not acknowledged, acknowledged without a gap before it. */
  readonly pendingBytes: number;
  readonly unacknowledgedBytes: number;
  readonly acknowledgedBytes: number;
  readonly sendQueue: SendQueueInfo;
  /** 'inconsistent' if more waits to be sent than is held, which would be an error of this library. */
  readonly txBufferedState: 'ok' | 'inconsistent';
  /** The peer's transport parameters; null until they came. */
  readonly peerTransportParameters: TransportParameters | null;
}

/** Numbers of one path. Times in milliseconds, rates in bytes per second. */
export interface CorePathStats {
  readonly local: SocketAddress;
  readonly peer: SocketAddress;
  readonly validationState: PathState;
  readonly active: boolean;
  /** Packets. `sent` has acknowledgements in it, `lost` and `spuriousLost` have not. */
  readonly received: number;
  readonly sent: number;
  readonly lost: number;
  readonly spuriousLost: number;
  /** Packets with stream data that were sent before. */
  readonly retransmitted: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly lostBytes: number;
  readonly streamRetransmittedBytes: number;
  /** Probe timeouts while this path was the active one. */
  readonly totalPtoCount: number;
  /** DATAGRAM frames (RFC 9221). */
  readonly dgramSent: number;
  readonly dgramReceived: number;
  readonly dgramLost: number;
  /** Smoothed. */
  readonly rtt: number;
  /** Null before the first sample. */
  readonly minRtt: number | null;
  readonly maxRtt: number | null;
  readonly rttVariation: number;
  /** Samples of more than twice the smoothed value before them. */
  readonly rttJumpCount: number;
  /** Bytes. */
  readonly congestionWindow: number;
  readonly bytesInFlight: number;
  readonly pmtu: number;
  readonly deliveryRate: number;
  /** The controller's estimate, or else the highest delivery rate. */
  readonly maxBandwidth: number;
  /** Why the first exponential growth ended; null while it goes on. */
  readonly startupExit: string | null;
}

export function statsOf(core: ConnectionCore, counters: ConnectionCounters): CoreStats {
  const { counters: packets } = core.recovery;
  const { stats } = core.streams;
  const { counters: datagrams } = core.datagrams;
  return {
    received: counters.packetsReceived,
    sent: counters.packetsSent,
    lost: packets.packetsLost,
    spuriousLost: packets.packetsSpuriouslyLost,
    retransmitted: counters.packetsRetransmitted,
    receivedBytes: counters.bytesReceived,
    sentBytes: counters.bytesSent,
    lostBytes: packets.bytesLost,
    ackedBytes: packets.bytesAcked,
    streamRetransmittedBytes: stats.bytesRetransmitted,
    totalPtoCount: core.recovery.totalPtoCount,
    pathsCount: core.paths.all.length,
    resetStreamCountLocal: stats.resetStreamsLocal,
    resetStreamCountRemote: stats.resetStreamsRemote,
    stoppedStreamCountLocal: stats.stoppedStreamsLocal,
    stoppedStreamCountRemote: stats.stoppedStreamsRemote,
    dataBlockedSentCount: stats.dataBlockedSent,
    streamDataBlockedSentCount: stats.streamDataBlockedSent,
    dataBlockedReceivedCount: stats.dataBlockedReceived,
    streamDataBlockedReceivedCount: stats.streamDataBlockedReceived,
    streamsBlockedReceivedCount: stats.streamsBlockedReceived,
    dgramSent: datagrams.sent,
    dgramReceived: datagrams.received,
    dgramAcked: datagrams.acknowledged,
    dgramLost: datagrams.lost,
    dgramAbandoned: datagrams.abandoned,
    dgramDelivered: datagrams.delivered,
    dgramDropped: datagrams.dropped,
    pathChallengeReceivedCount: core.paths.challengesReceived,
    amplificationLimitedCount: counters.amplificationLimited,
    bytesInFlightDuration: counters.inFlightDuration,
    ...streamBytesOf(core),
    sendQueue: sendQueueOf(core),
    txBufferedState: core.streams.bytesUnsent <= core.streams.bytesHeld ? 'ok' : 'inconsistent',
    peerTransportParameters: peerParametersOf(core),
  };
}

export function pathStatsOf(core: ConnectionCore): CorePathStats[] {
  return core.paths.all.map((path) => {
    const { recovery } = path;
    const { rtt, counters } = recovery;
    return {
      local: path.local,
      peer: path.remote,
      validationState: path.state,
      active: path === core.paths.active,
      received: path.packetsReceived,
      sent: path.packetsSent,
      lost: counters.packetsLost,
      spuriousLost: counters.packetsSpuriouslyLost,
      retransmitted: path.packetsRetransmitted,
      sentBytes: path.bytesSent,
      receivedBytes: path.bytesReceived,
      lostBytes: counters.bytesLost,
      streamRetransmittedBytes: path.streamBytesRetransmitted,
      totalPtoCount: counters.probeTimeouts,
      dgramSent: path.datagramsSent,
      dgramReceived: path.datagramsReceived,
      dgramLost: path.datagramsLost,
      rtt: rtt.smoothed,
      minRtt: rtt.hasSample ? rtt.min : null,
      maxRtt: rtt.hasSample ? rtt.max : null,
      rttVariation: rtt.variation,
      rttJumpCount: rtt.jumps,
      congestionWindow: recovery.congestion.window,
      bytesInFlight: recovery.bytesInFlight,
      pmtu: path.mtu,
      deliveryRate: recovery.deliveryRate * 1000,
      maxBandwidth: recovery.maxBandwidth * 1000,
      startupExit: recovery.congestion.startupExit,
    };
  });
}

/** The peer's parameters; null until they came. */
export function peerParametersOf(core: ConnectionCore): TransportParameters | null {
  // Every peer has to send this one (RFC 9000 §7.3); the defaults lack it.
  return core.remoteParameters.initialSourceConnectionId === undefined ? null : core.remoteParameters;
}
