// What a sending part of a connection is, and the packet it writes into. The transmitter calls parts whose bit is
// pending and knows no frame; a sent packet remembers plain tokens that come back as acknowledged or lost.

import type { Writer } from '../wire/writer.ts';
import type { Path } from './path.ts';

/** Why a packet is being built. */
export type Intent = 'normal' | 'pto-probe' | 'path-probe' | 'mtu-probe' | 'close';

/** The packet under construction, as a part sees it. */
export interface PacketBuilder {
  /** Packet number space: 0 Initial, 1 Handshake, 2 Application. */
  readonly space: number;
  readonly intent: Intent;
  readonly path: Path;
  readonly now: number;
  /** `remaining` is the room for frames in this packet. */
  readonly writer: Writer;
  /** Remembers a frame in this packet and makes the packet ack-eliciting (an ACK token does not). */
  token(kind: number, a: number, b: number, c: number): void;
  /** Makes the packet ack-eliciting for a frame that needs no token. */
  ackEliciting(): void;
}

/** A part of the connection that puts frames into packets and hears what became of them. */
export interface SendingPart {
  /** Writes what fits; clears its pending bit when nothing is left. */
  write(packet: PacketBuilder): void;
  /** The frame that this token stands for was acknowledged. */
  acked(kind: number, a: number, b: number, c: number): void;
  /** The packet with the frame was declared lost, or is to be repeated by a probe. */
  lost(kind: number, a: number, b: number, c: number): void;
}

/** Kinds of tokens. The three numbers that follow a kind are the owning part's business. */
export const TokenKind = {
  ACK: 0,
  CRYPTO: 1,
  HANDSHAKE_DONE: 2,
  NEW_CONNECTION_ID: 3,
  RETIRE_CONNECTION_ID: 4,
  MAX_DATA: 5,
  MAX_STREAM_DATA: 6,
  MAX_STREAMS_BIDI: 7,
  MAX_STREAMS_UNI: 8,
  DATA_BLOCKED: 9,
  STREAM_DATA_BLOCKED: 10,
  STREAMS_BLOCKED_BIDI: 11,
  STREAMS_BLOCKED_UNI: 12,
  RESET_STREAM: 13,
  STOP_SENDING: 14,
  STREAM: 15,
  NEW_TOKEN: 16,
  DATAGRAM: 17,
  PATH_CHALLENGE: 18,
  PING: 19,
  ACK_FREQUENCY: 20,
} as const;

/** One bit per sending part in a space's pending mask; the order of the bits is the order of writing. */
export const PartBit: Readonly<Record<PartName, number>> = {
  CRYPTO: 1 << 0,
  CONTROL: 1 << 1,
  PATH: 1 << 2,
  RETIREMENTS: 1 << 3,
  CONNECTION_IDS: 1 << 4,
  ACK_FREQUENCY: 1 << 5,
  STREAM_CONTROL: 1 << 6,
  DATAGRAM: 1 << 7,
  STREAM: 1 << 8,
};

type PartName =
  | 'CRYPTO'
  | 'CONTROL'
  | 'PATH'
  | 'RETIREMENTS'
  | 'CONNECTION_IDS'
  | 'ACK_FREQUENCY'
  | 'STREAM_CONTROL'
  | 'DATAGRAM'
  | 'STREAM';
