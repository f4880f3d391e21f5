// Frames as qlog has them (draft-ietf-quic-qlog-quic-events, "QUIC Frames"), from the bytes of a packet. What is wrong
// with a frame ends the list: nothing is logged that was not checked. Data, tokens and reset tokens are not logged.

import { TRANSPORT_ERRORS } from '../errors.ts';
import { toHex } from '../util/bytes.ts';
import { Frame } from '../wire/frame.ts';
import { readFrame } from '../wire/frame-reader.ts';
import { FRAME } from '../wire/frame-table.ts';
import { Reader } from '../wire/reader.ts';

/** Lengths in bytes. */
export interface RawInfo {
  readonly length?: number;
  readonly payload_length?: number;
}

export interface QlogFrame {
  readonly frame_type: string;
  readonly raw?: RawInfo;
  readonly [field: string]: unknown;
}

/** Characters of a reason phrase that are logged. */
export const MAX_LOGGED_REASON = 1024;

/** Frames of one packet that are logged. */
export const MAX_LOGGED_FRAMES = 512;

/** All frames of `bytes[start, end)` up to the first that is malformed. `ackDelayExponent` is that of their sender. */
export function qlogFrames(
  bytes: Uint8Array,
  start: number,
  end: number,
  ackDelayExponent: number,
): QlogFrame[] {
  const frames: QlogFrame[] = [];
  const reader = READER.reset(bytes, start, end);
  try {
    while (reader.offset < end && frames.length < MAX_LOGGED_FRAMES) {
      const from = reader.offset;
      readFrame(reader, RECORD);
      frames.push(qlogFrame(RECORD, bytes, reader.offset - from, ackDelayExponent));
    }
  } catch {
    // The connection is about to find the same, and to say so.
  }
  return frames;
}

/** `error_code` comes with every name, as names are not known for all. */
export function transportError(code: bigint): { error: string; error_code: bigint } {
  const row = TRANSPORT_ERRORS.find((each) => BigInt(each.code) === code);
  const isCrypto = code >= 0x100n && code <= 0x1ffn;
  const name = row === undefined || !LOGGED_ERRORS.has(row.name) ? 'unknown' : row.name.toLowerCase();
  return { error: isCrypto ? `crypto_error_0x${code.toString(16)}` : name, error_code: code };
}

function qlogFrame(frame: Frame, bytes: Uint8Array, length: number, exponent: number): QlogFrame {
  const raw = { length };
  switch (frame.kind) {
    case FRAME.PADDING:
      return { frame_type: 'padding', raw };
    case FRAME.PING:
      return { frame_type: 'ping', raw };
    case FRAME.ACK:
      return {
        frame_type: 'ack',
        ack_delay: (frame.ackDelay * 2 ** exponent) / 1000,
        acked_ranges: ackedRanges(frame),
        ...(frame.type === FRAME.ACK_ECN ? { ect1: frame.ect1, ect0: frame.ect0, ce: frame.ce } : {}),
        raw,
      };
    case FRAME.RESET_STREAM:
      return {
        frame_type: 'reset_stream',
        stream_id: frame.streamId,
        error: 'unknown',
        error_code: frame.errorCode,
        final_size: frame.finalSize,
        raw,
      };
    case FRAME.RESET_STREAM_AT:
      return {
        frame_type: 'reset_stream_at',
        stream_id: frame.streamId,
        error: 'unknown',
        error_code: frame.errorCode,
        final_size: frame.finalSize,
        reliable_size: frame.reliableSize,
        raw,
      };
    case FRAME.STOP_SENDING:
      return {
        frame_type: 'stop_sending',
        stream_id: frame.streamId,
        error: 'unknown',
        error_code: frame.errorCode,
        raw,
      };
    case FRAME.CRYPTO:
      return { frame_type: 'crypto', offset: frame.offset, raw: { length, payload_length: frame.length } };
    case FRAME.NEW_TOKEN:
      return { frame_type: 'new_token', token: { raw: { length: frame.length } }, raw };
    case FRAME.STREAM:
      return {
        frame_type: 'stream',
        stream_id: frame.streamId,
        offset: frame.offset,
        ...(frame.fin ? { fin: true } : {}),
        raw: { length, payload_length: frame.length },
      };
    case FRAME.MAX_DATA:
      return { frame_type: 'max_data', maximum: frame.limit, raw };
    case FRAME.MAX_STREAM_DATA:
      return { frame_type: 'max_stream_data', stream_id: frame.streamId, maximum: frame.limit, raw };
    case FRAME.MAX_STREAMS_BIDI:
    case FRAME.MAX_STREAMS_UNI:
      return { frame_type: 'max_streams', stream_type: streamType(frame), maximum: frame.limit, raw };
    case FRAME.DATA_BLOCKED:
      return { frame_type: 'data_blocked', limit: frame.limit, raw };
    case FRAME.STREAM_DATA_BLOCKED:
      return { frame_type: 'stream_data_blocked', stream_id: frame.streamId, limit: frame.limit, raw };
    case FRAME.STREAMS_BLOCKED_BIDI:
    case FRAME.STREAMS_BLOCKED_UNI:
      return { frame_type: 'streams_blocked', stream_type: streamType(frame), limit: frame.limit, raw };
    case FRAME.NEW_CONNECTION_ID:
      return {
        frame_type: 'new_connection_id',
        sequence_number: frame.sequence,
        retire_prior_to: frame.retirePriorTo,
        connection_id_length: frame.cidLength,
        connection_id: hex(bytes, frame.cidStart, frame.cidLength),
        raw,
      };
    case FRAME.RETIRE_CONNECTION_ID:
      return { frame_type: 'retire_connection_id', sequence_number: frame.sequence, raw };
    case FRAME.PATH_CHALLENGE:
      return { frame_type: 'path_challenge', data: hex(bytes, frame.dataStart, frame.length), raw };
    case FRAME.PATH_RESPONSE:
      return { frame_type: 'path_response', data: hex(bytes, frame.dataStart, frame.length), raw };
    case FRAME.CONNECTION_CLOSE:
    case FRAME.CONNECTION_CLOSE_APPLICATION:
      return connectionClose(frame, bytes, raw);
    case FRAME.HANDSHAKE_DONE:
      return { frame_type: 'handshake_done', raw };
    case FRAME.DATAGRAM:
      return { frame_type: 'datagram', raw: { length, payload_length: frame.length } };
    default:
      return { frame_type: 'unknown', frame_type_bytes: frame.type, raw };
  }
}

function connectionClose(frame: Frame, bytes: Uint8Array, raw: RawInfo): QlogFrame {
  const isTransport = frame.kind === FRAME.CONNECTION_CLOSE;
  const code = BigInt(frame.errorCode);
  const shown = Math.min(frame.length, MAX_LOGGED_REASON);
  const reason = DECODER.decode(bytes.subarray(frame.dataStart, frame.dataStart + shown));
  return {
    frame_type: 'connection_close',
    error_space: isTransport ? 'transport' : 'application',
    ...(isTransport ? transportError(code) : { error: 'unknown', error_code: code }),
    ...(frame.length > 0 ? { reason } : {}),
    ...(isTransport ? { trigger_frame_type: frame.frameType } : {}),
    raw,
  };
}

/** From the smallest numbers up; a range of one has one member. */
function ackedRanges(frame: Frame): number[][] {
  const ranges: number[][] = [];
  for (let i = frame.rangeCount - 1; i >= 0; i--) {
    const smallest = frame.ranges[2 * i] as number;
    const largest = frame.ranges[2 * i + 1] as number;
    ranges.push(smallest === largest ? [smallest] : [smallest, largest]);
  }
  return ranges;
}

function streamType(frame: Frame): string {
  const isBidi = frame.kind === FRAME.MAX_STREAMS_BIDI || frame.kind === FRAME.STREAMS_BLOCKED_BIDI;
  return isBidi ? 'bidirectional' : 'unidirectional';
}

function hex(bytes: Uint8Array, start: number, length: number): string {
  return toHex(bytes.subarray(start, start + length));
}

const RECORD = new Frame();
const READER = new Reader();
const DECODER = new TextDecoder();

/** The names of RFC 9000 §20.1, which qlog takes over in lower case. */
const LOGGED_ERRORS: ReadonlySet<string> = new Set([
  'NO_ERROR',
  'INTERNAL_ERROR',
  'CONNECTION_REFUSED',
  'FLOW_CONTROL_ERROR',
  'STREAM_LIMIT_ERROR',
  'STREAM_STATE_ERROR',
  'FINAL_SIZE_ERROR',
  'FRAME_ENCODING_ERROR',
  'TRANSPORT_PARAMETER_ERROR',
  'CONNECTION_ID_LIMIT_ERROR',
  'PROTOCOL_VIOLATION',
  'INVALID_TOKEN',
  'APPLICATION_ERROR',
  'CRYPTO_BUFFER_EXCEEDED',
  'KEY_UPDATE_ERROR',
  'AEAD_LIMIT_REACHED',
  'NO_VIABLE_PATH',
]);
