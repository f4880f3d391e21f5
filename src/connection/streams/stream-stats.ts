// Counters of the streams of one connection. Only ever rise, but for what is held now.

/** Numbers since the connection began. */
export class StreamStats {
  /** Bytes of stream data put into frames, each time they were. */
  bytesSent = 0;
  /** The part of `bytesSent` that was sent again (quiche: `stream_retrans_bytes`). */
  bytesRetransmitted = 0;
  /** Bytes of stream data that were acknowledged with all that was before them in their stream. */
  bytesAcked = 0;
  /** Bytes of stream data in frames, duplicates included. */
  bytesReceived = 0;
  /** RESET_STREAM sent because the application, or the peer's STOP_SENDING, asked for it. */
  resetStreamsLocal = 0;
  /** Streams that the peer reset. */
  resetStreamsRemote = 0;
  /** Streams for which we sent STOP_SENDING. */
  stoppedStreamsLocal = 0;
  /** Streams that the peer stopped. */
  stoppedStreamsRemote = 0;
  dataBlockedSent = 0;
  streamDataBlockedSent = 0;
  streamsBlockedSent = 0;
  dataBlockedReceived = 0;
  streamDataBlockedReceived = 0;
  streamsBlockedReceived = 0;
}
