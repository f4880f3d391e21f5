// Frames to bytes, RFC 9000 §19 and RFC 9221 §4.
// Owns: layout. Callers check the room first (`streamHeaderLength` and the sizes here); what is sent and when is not known here.

import type { RangeSet } from '../util/range-set.ts';
import { FRAME, STREAM_FIN, STREAM_LEN, STREAM_OFF } from './frame-table.ts';
import { varintLength } from './varint.ts';
import type { Writer } from './writer.ts';

/** ECN counters of a packet number space. */
export interface EcnCounts {
  readonly ect0: number;
  readonly ect1: number;
  readonly ce: number;
}

/** What a CONNECTION_CLOSE says. */
export interface CloseContent {
  /** True for type 0x1d, whose `code` is the application's and which names no frame. */
  readonly application: boolean;
  readonly code: number | bigint;
  readonly frameType: number | bigint;
  /** UTF-8. The caller cuts it to the room there is. */
  readonly reason: Uint8Array;
}

export function writePing(w: Writer): void {
  w.u8(FRAME.PING);
}

export function writeHandshakeDone(w: Writer): void {
  w.u8(FRAME.HANDSHAKE_DONE);
}

/**
 * Writes the newest ranges: at most `maxRanges` and as many as fit. `ackDelayScaled` is already divided by 2^exponent.
 * Returns how many ranges were written; 0 when there is nothing to acknowledge or not even one fits: then nothing is written.
 * RFC 9000 §19.3.
 */
export function writeAck(
  w: Writer,
  ranges: RangeSet,
  ackDelayScaled: number,
  maxRanges: number,
  ecn?: EcnCounts | null,
): number {
  const size = ranges.size;
  if (size === 0) return 0;
  const top = size - 1;
  const largest = ranges.end(top) - 1;
  const first = largest - ranges.start(top);
  let room = w.remaining - 1 - varintLength(largest) - varintLength(ackDelayScaled) - varintLength(first);
  if (ecn) room -= varintLength(ecn.ect0) + varintLength(ecn.ect1) + varintLength(ecn.ce);
  const limit = Math.min(maxRanges, size) - 1;
  // The count itself is assumed in the longest form that it can take.
  room -= limit < 64 ? 1 : limit < 0x4000 ? 2 : 4;
  if (room < 0 || limit < 0) return 0;
  let more = 0;
  while (more < limit) {
    const i = top - more - 1;
    room -=
      varintLength(ranges.start(i + 1) - ranges.end(i) - 1) +
      varintLength(ranges.end(i) - ranges.start(i) - 1);
    if (room < 0) break;
    more++;
  }
  w.u8(ecn ? FRAME.ACK_ECN : FRAME.ACK);
  w.varint(largest);
  w.varint(ackDelayScaled);
  w.varint(more);
  w.varint(first);
  for (let i = top - 1; i >= top - more; i--) {
    // The gap counts the numbers between two ranges less one; a range its numbers less one. RFC 9000 §19.3.1.
    w.varint(ranges.start(i + 1) - ranges.end(i) - 1);
    w.varint(ranges.end(i) - ranges.start(i) - 1);
  }
  if (ecn) {
    w.varint(ecn.ect0);
    w.varint(ecn.ect1);
    w.varint(ecn.ce);
  }
  return more + 1;
}

export function writeResetStream(
  w: Writer,
  streamId: number,
  errorCode: number | bigint,
  finalSize: number,
): void {
  w.u8(FRAME.RESET_STREAM);
  w.varint(streamId);
  w.varint(errorCode);
  w.varint(finalSize);
}

export function writeResetStreamAt(
  w: Writer,
  streamId: number,
  errorCode: number | bigint,
  finalSize: number,
  reliableSize: number,
): void {
  w.u8(FRAME.RESET_STREAM_AT);
  w.varint(streamId);
  w.varint(errorCode);
  w.varint(finalSize);
  w.varint(reliableSize);
}

export function writeStopSending(w: Writer, streamId: number, errorCode: number | bigint): void {
  w.u8(FRAME.STOP_SENDING);
  w.varint(streamId);
  w.varint(errorCode);
}

/** Bytes before the data of a CRYPTO frame. */
export function cryptoHeaderLength(offset: number, length: number): number {
  return 1 + varintLength(offset) + varintLength(length);
}

/** `data[start..end)` is what belongs at `offset`. */
export function writeCrypto(
  w: Writer,
  offset: number,
  data: Uint8Array,
  start = 0,
  end: number = data.length,
): void {
  w.u8(FRAME.CRYPTO);
  w.varint(offset);
  w.varint(end - start);
  w.copy(data, start, end);
}

export function writeNewToken(w: Writer, token: Uint8Array): void {
  w.u8(FRAME.NEW_TOKEN);
  w.varint(token.length);
  w.copy(token);
}

/** Bytes before the data of a STREAM frame; `length` -1 for a frame that runs to the end of the packet. */
export function streamHeaderLength(streamId: number, offset: number, length: number): number {
  return (
    1 +
    varintLength(streamId) +
    (offset === 0 ? 0 : varintLength(offset)) +
    (length < 0 ? 0 : varintLength(length))
  );
}

/** Everything before the data, which the caller copies in. `length` -1: the data run to the end of the packet. RFC 9000 §19.8. */
export function writeStreamHeader(
  w: Writer,
  streamId: number,
  offset: number,
  length: number,
  fin: boolean,
): void {
  w.u8(
    FRAME.STREAM | (fin ? STREAM_FIN : 0) | (length < 0 ? 0 : STREAM_LEN) | (offset === 0 ? 0 : STREAM_OFF),
  );
  w.varint(streamId);
  if (offset !== 0) w.varint(offset);
  if (length >= 0) w.varint(length);
}

export function writeMaxData(w: Writer, limit: number): void {
  w.u8(FRAME.MAX_DATA);
  w.varint(limit);
}

export function writeMaxStreamData(w: Writer, streamId: number, limit: number): void {
  w.u8(FRAME.MAX_STREAM_DATA);
  w.varint(streamId);
  w.varint(limit);
}

export function writeMaxStreams(w: Writer, bidirectional: boolean, count: number): void {
  w.u8(bidirectional ? FRAME.MAX_STREAMS_BIDI : FRAME.MAX_STREAMS_UNI);
  w.varint(count);
}

export function writeDataBlocked(w: Writer, limit: number): void {
  w.u8(FRAME.DATA_BLOCKED);
  w.varint(limit);
}

export function writeStreamDataBlocked(w: Writer, streamId: number, limit: number): void {
  w.u8(FRAME.STREAM_DATA_BLOCKED);
  w.varint(streamId);
  w.varint(limit);
}

export function writeStreamsBlocked(w: Writer, bidirectional: boolean, count: number): void {
  w.u8(bidirectional ? FRAME.STREAMS_BLOCKED_BIDI : FRAME.STREAMS_BLOCKED_UNI);
  w.varint(count);
}

/** `resetToken` has 16 bytes. RFC 9000 §19.15. */
export function writeNewConnectionId(
  w: Writer,
  sequence: number | bigint,
  retirePriorTo: number | bigint,
  connectionId: Uint8Array,
  resetToken: Uint8Array,
): void {
  w.u8(FRAME.NEW_CONNECTION_ID);
  w.varint(sequence);
  w.varint(retirePriorTo);
  w.u8(connectionId.length);
  w.copy(connectionId);
  w.copy(resetToken, 0, 16);
}

export function writeRetireConnectionId(w: Writer, sequence: number | bigint): void {
  w.u8(FRAME.RETIRE_CONNECTION_ID);
  w.varint(sequence);
}

/** `data` has 8 bytes. */
export function writePathChallenge(w: Writer, data: Uint8Array): void {
  w.u8(FRAME.PATH_CHALLENGE);
  w.copy(data, 0, 8);
}

/** `data` has the 8 bytes of the challenge. */
export function writePathResponse(w: Writer, data: Uint8Array): void {
  w.u8(FRAME.PATH_RESPONSE);
  w.copy(data, 0, 8);
}

export function writeConnectionClose(w: Writer, close: CloseContent): void {
  w.u8(close.application ? FRAME.CONNECTION_CLOSE_APPLICATION : FRAME.CONNECTION_CLOSE);
  w.varint(close.code);
  if (!close.application) w.varint(close.frameType);
  w.varint(close.reason.length);
  w.copy(close.reason);
}

/** With its length, so that other frames can follow. RFC 9221 §4. */
export function writeDatagram(w: Writer, data: Uint8Array): void {
  w.u8(FRAME.DATAGRAM_LENGTH);
  w.varint(data.length);
  w.copy(data);
}

/** What an ACK_FREQUENCY frame asks for. draft-ietf-quic-ack-frequency §4. */
export interface AckFrequencyRequest {
  /** Ack-eliciting packets that need no acknowledgement; one more does. */
  readonly ackElicitingThreshold: number;
  /** Microseconds. */
  readonly maxAckDelay: number;
  /** Packets by which another may be late before that is told at once; 0: it need not be told. */
  readonly reorderingThreshold: number;
}

/** At most 34 bytes. */
export function writeAckFrequency(w: Writer, sequence: number, request: AckFrequencyRequest): void {
  w.varint(FRAME.ACK_FREQUENCY);
  w.varint(sequence);
  w.varint(request.ackElicitingThreshold);
  w.varint(request.maxAckDelay);
  w.varint(request.reorderingThreshold);
}

export function writeImmediateAck(w: Writer): void {
  w.u8(FRAME.IMMEDIATE_ACK);
}
