// Frames from bytes, RFC 9000 §19, RFC 9221 §4 and draft-ietf-quic-ack-frequency §4, §5, into one reusable record.
// Owns: encoding rules, that is everything that is wrong with a frame whatever the connection's state.
// Must not know the packet it came in (frame-table.ts says where it may appear), nor limits or streams.

import { TransportError, TransportErrorCode } from '../errors.ts';
import type { Frame } from './frame.ts';
import { MAX_ACK_RANGES } from './frame.ts';
import { FRAME, frameRule, STREAM_FIN, STREAM_LEN, STREAM_OFF } from './frame-table.ts';
import { type Reader, Truncated } from './reader.ts';
import { MAX_VARINT } from './varint.ts';

export { Frame, MAX_ACK_RANGES } from './frame.ts';

/** Stream counts above this cannot be expressed as stream ids. RFC 9000 §4.6. */
const MAX_STREAMS = 2 ** 60;
/** As far as offsets are exact. Beyond, the sum with the length is checked in full. */
const MAX_EXACT_END = Number.MAX_SAFE_INTEGER - 0x1_0000;

/**
 * Reads one frame, type and body. Takes at least one byte; a run of PADDING is one frame.
 * Throws `TransportError`: FRAME_ENCODING_ERROR for anything cut off, unknown or out of its range,
 * PROTOCOL_VIOLATION for a type that is not in its shortest form. RFC 9000 §12.4, §19, §20.1.
 */
export function readFrame(reader: Reader, frame: Frame): void {
  const type = readType(reader);
  frame.type = type;
  frame.kind = type;
  try {
    if ((type & ~0x07) === FRAME.STREAM) readStream(reader, frame, type);
    else readBody(reader, frame, type);
  } catch (error) {
    if (error instanceof Truncated) throw malformed(type, 'cut off');
    throw error;
  }
}

function readType(reader: Reader): number {
  if (reader.remaining > 0) {
    const first = reader.bytes[reader.offset];
    // All known types but one take one byte.
    if (first < 0x40) {
      reader.offset++;
      return first;
    }
  }
  return readLongType(reader);
}

function readLongType(reader: Reader): number {
  const at = reader.offset;
  let type: number;
  try {
    type = reader.varint();
  } catch (error) {
    if (error instanceof Truncated) throw malformed(0, 'frame type cut off');
    throw error;
  }
  const length = reader.offset - at;
  const shortest = type < 0x40 ? 1 : type < 0x4000 ? 2 : type < 0x4000_0000 ? 4 : 8;
  if (length !== shortest) {
    throw new TransportError(
      TransportErrorCode.PROTOCOL_VIOLATION,
      type,
      'frame type not in its shortest form',
    );
  }
  if (type !== FRAME.ACK_FREQUENCY) throw malformed(type, 'unknown frame type');
  return type;
}

function readStream(reader: Reader, frame: Frame, type: number): void {
  frame.kind = FRAME.STREAM;
  frame.streamId = reader.varintStreamId();
  const offsetAt = reader.offset;
  frame.offset = (type & STREAM_OFF) !== 0 ? reader.varint() : 0;
  const length = (type & STREAM_LEN) !== 0 ? reader.varint() : reader.remaining;
  frame.length = length;
  frame.fin = (type & STREAM_FIN) !== 0;
  frame.dataStart = reader.offset;
  reader.skip(length);
  if (frame.offset > MAX_EXACT_END) checkEnd(reader, offsetAt, length, type);
}

/** Offsets and lengths cannot sum to more than 2^62 - 1. RFC 9000 §19.6, §19.8. */
function checkEnd(reader: Reader, offsetAt: number, length: number, type: number): void {
  const after = reader.offset;
  reader.offset = offsetAt;
  const offset = BigInt(reader.varintExact());
  reader.offset = after;
  if (offset + BigInt(length) > MAX_VARINT) throw malformed(type, 'data beyond 2^62 - 1');
}

function readBody(reader: Reader, frame: Frame, type: number): void {
  switch (type) {
    case FRAME.ACK:
    case FRAME.ACK_ECN:
      readAck(reader, frame, type);
      break;
    case FRAME.PADDING:
      readPadding(reader, frame);
      break;
    case FRAME.PING:
    case FRAME.HANDSHAKE_DONE:
    case FRAME.IMMEDIATE_ACK:
      break;
    case FRAME.CRYPTO:
      readCrypto(reader, frame);
      break;
    case FRAME.MAX_DATA:
    case FRAME.DATA_BLOCKED:
      frame.limit = reader.varint();
      break;
    case FRAME.MAX_STREAM_DATA:
    case FRAME.STREAM_DATA_BLOCKED:
      frame.streamId = reader.varintStreamId();
      frame.limit = reader.varint();
      break;
    case FRAME.MAX_STREAMS_BIDI:
    case FRAME.MAX_STREAMS_UNI:
    case FRAME.STREAMS_BLOCKED_BIDI:
    case FRAME.STREAMS_BLOCKED_UNI:
      readStreamCount(reader, frame, type);
      break;
    case FRAME.RESET_STREAM:
      frame.streamId = reader.varintStreamId();
      frame.errorCode = reader.varintExact();
      frame.finalSize = reader.varint();
      break;
    case FRAME.RESET_STREAM_AT:
      readResetStreamAt(reader, frame);
      break;
    case FRAME.STOP_SENDING:
      frame.streamId = reader.varintStreamId();
      frame.errorCode = reader.varintExact();
      break;
    case FRAME.NEW_TOKEN:
      readData(reader, frame, reader.varint());
      // RFC 9000 §19.7: a token is never empty.
      if (frame.length === 0) throw malformed(type, 'empty token');
      break;
    case FRAME.NEW_CONNECTION_ID:
      readNewConnectionId(reader, frame);
      break;
    case FRAME.RETIRE_CONNECTION_ID:
      frame.sequence = reader.varintExact();
      break;
    case FRAME.PATH_CHALLENGE:
    case FRAME.PATH_RESPONSE:
      readData(reader, frame, 8);
      break;
    case FRAME.CONNECTION_CLOSE:
      frame.errorCode = reader.varintExact();
      frame.frameType = reader.varintExact();
      readData(reader, frame, reader.varint());
      break;
    case FRAME.CONNECTION_CLOSE_APPLICATION:
      frame.errorCode = reader.varintExact();
      frame.frameType = 0;
      readData(reader, frame, reader.varint());
      break;
    case FRAME.DATAGRAM:
      readData(reader, frame, reader.remaining);
      break;
    case FRAME.DATAGRAM_LENGTH:
      frame.kind = FRAME.DATAGRAM;
      readData(reader, frame, reader.varint());
      break;
    case FRAME.ACK_FREQUENCY:
      frame.sequence = reader.varintExact();
      frame.limit = reader.varint();
      frame.ackDelay = reader.varint();
      frame.reorderingThreshold = reader.varint();
      break;
    default:
      throw malformed(type, 'unknown frame type');
  }
}

/** Inclusive ranges from the largest down; each step must stay at or above 0. RFC 9000 §19.3.1. */
function readAck(reader: Reader, frame: Frame, type: number): void {
  frame.kind = FRAME.ACK;
  const largestAcked = reader.varint();
  frame.largestAcked = largestAcked;
  frame.ackDelay = reader.varint();
  // A count larger than the rest of the packet runs into its end below: nothing is reserved for it.
  const more = reader.varint();
  let smallest = largestAcked - reader.varint();
  if (smallest < 0) throw malformed(type, 'negative packet number');
  const ranges = frame.ranges;
  ranges[0] = smallest;
  ranges[1] = largestAcked;
  let kept = 1;
  for (let i = 0; i < more; i++) {
    const largest = smallest - reader.varint() - 2;
    smallest = largest - reader.varint();
    if (smallest < 0) throw malformed(type, 'negative packet number');
    if (kept < MAX_ACK_RANGES) {
      ranges[2 * kept] = smallest;
      ranges[2 * kept + 1] = largest;
      kept++;
    }
  }
  frame.rangeCount = kept;
  const counts = type === FRAME.ACK_ECN;
  frame.ect0 = counts ? reader.varint() : 0;
  frame.ect1 = counts ? reader.varint() : 0;
  frame.ce = counts ? reader.varint() : 0;
}

/** Swallows the whole run, so that a packet full of padding is one frame. */
function readPadding(reader: Reader, frame: Frame): void {
  const { bytes, end } = reader;
  let offset = reader.offset;
  while (offset < end && bytes[offset] === 0) offset++;
  frame.length = offset - reader.offset + 1;
  reader.offset = offset;
}

function readCrypto(reader: Reader, frame: Frame): void {
  const start = reader.offset;
  frame.offset = reader.varint();
  readData(reader, frame, reader.varint());
  if (frame.offset > MAX_EXACT_END) checkEnd(reader, start, frame.length, FRAME.CRYPTO);
}

function readStreamCount(reader: Reader, frame: Frame, type: number): void {
  const count = reader.varintExact();
  // RFC 9000 §19.11, §19.14: more than 2^60 streams do not exist.
  if (count > MAX_STREAMS) throw malformed(type, 'more than 2^60 streams');
  frame.limit = typeof count === 'number' ? count : Number.MAX_SAFE_INTEGER;
}

/** draft-ietf-quic-reliable-stream-reset §4. */
function readResetStreamAt(reader: Reader, frame: Frame): void {
  frame.streamId = reader.varintStreamId();
  frame.errorCode = reader.varintExact();
  const finalSize = reader.varintExact();
  const reliableSize = reader.varintExact();
  if (reliableSize > finalSize) throw malformed(FRAME.RESET_STREAM_AT, 'reliable size above the final size');
  frame.finalSize = Math.min(Number(finalSize), Number.MAX_SAFE_INTEGER);
  frame.reliableSize = Math.min(Number(reliableSize), Number.MAX_SAFE_INTEGER);
}

function readNewConnectionId(reader: Reader, frame: Frame): void {
  frame.sequence = reader.varintExact();
  frame.retirePriorTo = reader.varintExact();
  // RFC 9000 §19.15: both conditions are encoding errors.
  if (frame.retirePriorTo > frame.sequence) {
    throw malformed(FRAME.NEW_CONNECTION_ID, 'retires ids after its own');
  }
  const length = reader.u8();
  if (length < 1 || length > 20) throw malformed(FRAME.NEW_CONNECTION_ID, `connection id of ${length} bytes`);
  frame.cidStart = reader.offset;
  frame.cidLength = length;
  reader.skip(length);
  frame.tokenStart = reader.offset;
  reader.skip(16);
}

function readData(reader: Reader, frame: Frame, length: number): void {
  frame.dataStart = reader.offset;
  frame.length = length;
  reader.skip(length);
}

function malformed(type: number, what: string): TransportError {
  const name = frameRule(type)?.name ?? `frame 0x${type.toString(16)}`;
  return new TransportError(TransportErrorCode.FRAME_ENCODING_ERROR, type, `${name}: ${what}`);
}
