// The one reusable record that every received frame is read into.
// Owns: its shape. Nothing is allocated per frame: data are offsets into the reader's bytes.

/** How many ranges of one ACK frame are kept (all are checked). Older ones than these are long settled. */
export const MAX_ACK_RANGES = 256;

/** Only the fields that a frame has are meaningful after `readFrame`; the others hold what came before. */
export class Frame {
  /** The type as read, flags included. */
  type = 0;
  /** The type without flags: 0x08 for every STREAM, 0x02 for ACK with ECN, 0x30 for every DATAGRAM. */
  kind = 0;
  streamId = 0;
  /** CRYPTO, STREAM: offset of the data. At most 2^53 - 1 (clamped): limits below that catch it. */
  offset = 0;
  /** Bytes of data, token, reason phrase or challenge; PADDING: how many bytes of it. */
  length = 0;
  dataStart = 0;
  /** STREAM: the last bit. */
  fin = false;
  /** MAX_*, *_BLOCKED: the limit; ACK_FREQUENCY: Ack-Eliciting Threshold. Clamped to 2^53 - 1. */
  limit = 0;
  /** RESET_STREAM, STOP_SENDING, CONNECTION_CLOSE: without loss, a bigint only above 2^53 - 1. */
  errorCode: number | bigint = 0;
  /** RESET_STREAM: clamped to 2^53 - 1. */
  finalSize = 0;
  /** RESET_STREAM_AT: at most `finalSize`. */
  reliableSize = 0;
  /** CONNECTION_CLOSE: the frame that the peer blames; 0 when unknown. */
  frameType: number | bigint = 0;
  /** NEW_CONNECTION_ID, RETIRE_CONNECTION_ID, ACK_FREQUENCY: without loss. */
  sequence: number | bigint = 0;
  retirePriorTo: number | bigint = 0;
  cidStart = 0;
  cidLength = 0;
  /** NEW_CONNECTION_ID: offset of the 16-byte stateless reset token. */
  tokenStart = 0;
  largestAcked = 0;
  /** ACK: as on the wire, to be scaled by the peer's ack_delay_exponent. ACK_FREQUENCY: requested, microseconds. */
  ackDelay = 0;
  /** ACK: pairs in `ranges`. */
  rangeCount = 0;
  /** ACK: pairs [smallest, largest], both inclusive, from the largest numbers down. */
  readonly ranges: Float64Array = new Float64Array(2 * MAX_ACK_RANGES);
  /** ACK with ECN (type 0x03): counters, clamped to 2^53 - 1; 0 otherwise. */
  ect0 = 0;
  ect1 = 0;
  ce = 0;
  /** ACK_FREQUENCY: Reordering Threshold, clamped to 2^53 - 1. */
  reorderingThreshold = 0;
}
