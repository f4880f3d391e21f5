// What each received frame does: one short function per type, found by table. Whether the frame may stand in its packet
// was checked before (RFC 9000 §12.4, Table 3).

import { TransportError, TransportErrorCode } from '../errors.ts';
import { copyBytes } from '../util/bytes.ts';
import type { Frame } from '../wire/frame-reader.ts';
import { FRAME } from '../wire/frame-table.ts';
import type { ConnectionParts } from './parts.ts';
import type { Path } from './path.ts';
import { type PacketNumberSpace, Space } from './space.ts';

/** The packet that a frame came in. */
export interface ReceivedPacket {
  space: PacketNumberSpace;
  packetNumber: number;
  path: Path;
  now: number;
  /** Where the packet's destination id is in the datagram. */
  dcidStart: number;
  dcidLength: number;
}

/** Returns whether the frame changed anything; see `UselessFrames`. */
export type FrameHandler = (
  parts: ConnectionParts,
  frame: Frame,
  bytes: Uint8Array,
  packet: ReceivedPacket,
) => boolean;

/** The handler of a frame kind; `undefined` where there is nothing to do. */
export function frameHandler(kind: number): FrameHandler | undefined {
  return HANDLERS[kind];
}

const HANDLERS: (FrameHandler | undefined)[] = new Array(0xb0).fill(undefined);

HANDLERS[FRAME.ACK] = (parts, frame, _bytes, packet) => {
  const { recovery, remoteParameters } = parts;
  const { space, now } = packet;
  const application = space.index === Space.APPLICATION;
  // RFC 9000 §19.3: in microseconds, scaled by the exponent that the peer announced.
  const delay = application ? (frame.ackDelay * 2 ** remoteParameters.ackDelayExponent) / 1000 : 0;
  const isNews = recovery.onAck(space.index, frame, delay, now);
  if (!application) return isNews;
  space.phases?.onAcknowledged(recovery.largestAcked(space.index));
  parts.streams.setRtt(packet.path.recovery.rtt.smoothed);
  parts.ackFrequency.onAck(now);
  return isNews;
};

HANDLERS[FRAME.CRYPTO] = (parts, frame, bytes, { space, now }) => {
  // The frame before it in the packet may have ended the space.
  if (space.discarded) return false;
  return space.crypto.receive(frame.offset, bytes, frame.dataStart, frame.length, (piece) => {
    parts.handshake.receive(space.index, piece, now);
  });
};

HANDLERS[FRAME.STREAM] = (parts, frame, bytes, { now }) => {
  if (!parts.isServer) parts.idle.onData(now);
  return parts.streams.onStream(frame, bytes, now);
};
HANDLERS[FRAME.RESET_STREAM] = (parts, frame) => parts.streams.onResetStream(frame);
HANDLERS[FRAME.RESET_STREAM_AT] = (parts, frame) => parts.streams.onResetStreamAt(frame);
HANDLERS[FRAME.STOP_SENDING] = (parts, frame) => parts.streams.onStopSending(frame);
HANDLERS[FRAME.MAX_DATA] = (parts, frame) => parts.streams.onMaxData(frame);
HANDLERS[FRAME.MAX_STREAM_DATA] = (parts, frame) => parts.streams.onMaxStreamData(frame);
HANDLERS[FRAME.MAX_STREAMS_BIDI] = (parts, frame) => parts.streams.onMaxStreams(frame);
HANDLERS[FRAME.MAX_STREAMS_UNI] = (parts, frame) => parts.streams.onMaxStreams(frame);
HANDLERS[FRAME.DATA_BLOCKED] = (parts, frame) => parts.streams.onDataBlocked(frame);
HANDLERS[FRAME.STREAM_DATA_BLOCKED] = (parts, frame) => parts.streams.onStreamDataBlocked(frame);
HANDLERS[FRAME.STREAMS_BLOCKED_BIDI] = (parts, frame) => parts.streams.onStreamsBlocked(frame);
HANDLERS[FRAME.STREAMS_BLOCKED_UNI] = (parts, frame) => parts.streams.onStreamsBlocked(frame);

HANDLERS[FRAME.NEW_TOKEN] = (parts, frame, bytes) => {
  if (parts.isServer) throw violation(FRAME.NEW_TOKEN, 'NEW_TOKEN from a client');
  if (!parts.control.acceptToken(frame.length)) return false;
  const token = copyBytes(bytes, frame.dataStart, frame.dataStart + frame.length);
  parts.emit({ type: 'new-token', token, version: parts.header.version.version });
  return true;
};

HANDLERS[FRAME.NEW_CONNECTION_ID] = (parts, frame, bytes) => {
  const { remoteIds } = parts;
  const before = remoteIds.changes;
  remoteIds.onNew(frame, bytes);
  return remoteIds.changes !== before;
};

HANDLERS[FRAME.RETIRE_CONNECTION_ID] = (parts, frame, bytes, { dcidStart, dcidLength, now }) => {
  const isNews = parts.localIds.onRetire(frame, bytes, dcidStart, dcidLength, now);
  if (isNews) parts.paths.onLocalIdRetired(Number(frame.sequence));
  return isNews;
};

HANDLERS[FRAME.PATH_CHALLENGE] = (parts, frame, bytes, { path }) => {
  return parts.paths.onChallenge(path, bytes.subarray(frame.dataStart, frame.dataStart + 8));
};

HANDLERS[FRAME.PATH_RESPONSE] = (parts, frame, bytes, { now }) => {
  return parts.paths.onResponse(bytes.subarray(frame.dataStart, frame.dataStart + 8), now);
};

HANDLERS[FRAME.CONNECTION_CLOSE] = (parts, frame, bytes, { now }) => {
  parts.closer.onPeerClose(frame, bytes, now, parts.closingPeriod());
  return true;
};
HANDLERS[FRAME.CONNECTION_CLOSE_APPLICATION] = HANDLERS[FRAME.CONNECTION_CLOSE];

HANDLERS[FRAME.HANDSHAKE_DONE] = (parts, _frame, _bytes, { now }) => {
  if (parts.isServer) throw violation(FRAME.HANDSHAKE_DONE, 'HANDSHAKE_DONE from a client');
  if (parts.handshake.isConfirmed) return false;
  parts.onConfirmed();
  parts.migration.onConfirmed(now);
  return true;
};

HANDLERS[FRAME.ACK_FREQUENCY] = (parts, frame, _bytes, { space }) =>
  parts.ackFrequency.onRequest(frame, space);

HANDLERS[FRAME.IMMEDIATE_ACK] = (parts, frame, _bytes, { space }) => {
  parts.ackFrequency.checkTaken(frame.type);
  space.acks.ackAtOnce();
  // Like a PING it changes nothing, and costs an answer.
  return false;
};

HANDLERS[FRAME.DATAGRAM] = (parts, frame, bytes, packet) => {
  packet.path.datagramsReceived++;
  parts.datagrams.onFrame(frame, bytes);
  return true;
};

function violation(frameType: number, reason: string): TransportError {
  return new TransportError(TransportErrorCode.PROTOCOL_VIOLATION, frameType, reason);
}
