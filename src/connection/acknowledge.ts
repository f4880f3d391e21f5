// Puts an ACK frame into a packet (RFC 9000 §13.2, §19.3).

import { writeAck } from '../wire/frame-writer.ts';
import type { PacketBuilder } from './part.ts';
import { TokenKind } from './part.ts';
import type { ConnectionParts } from './parts.ts';
import { type PacketNumberSpace, Space } from './space.ts';

/** Writes as many ranges as fit, newest first. Does nothing where not even one does. */
export function writeAckFrame(parts: ConnectionParts, space: PacketNumberSpace, packet: PacketBuilder): void {
  const { acks } = space;
  // Initial and Handshake ACKs are not delayed on purpose and their delay is ignored (RFC 9000 §13.2.1).
  const delay = space.index === Space.APPLICATION ? acks.ackDelay(packet.now) : 0;
  const scaled = Math.floor((delay * 1000) / 2 ** parts.transport.ackDelayExponent);
  const { largest } = acks;
  if (writeAck(packet.writer, acks.ranges, scaled, MAX_RANGES_SENT, acks.hasEcnCounts ? acks : null) === 0)
    return;
  packet.token(TokenKind.ACK, largest, 0, 0);
  acks.ackSent();
  space.phases?.onAckSent(largest);
}

/** Ranges in one ACK frame; older ones were acknowledged many times before. */
const MAX_RANGES_SENT = 64;
