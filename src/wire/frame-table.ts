// RFC 9000 §12.4, Table 3, as data: which frame types there are, where they may appear, what receiving them means.
// Owns: one row per type value. Reading and writing bodies is in frame-reader.ts and frame-writer.ts.

/** Frame types by name, RFC 9000 §19. STREAM and DATAGRAM are the lowest of their values. */
export const FRAME = {
  PADDING: 0x00,
  PING: 0x01,
  ACK: 0x02,
  ACK_ECN: 0x03,
  RESET_STREAM: 0x04,
  STOP_SENDING: 0x05,
  CRYPTO: 0x06,
  NEW_TOKEN: 0x07,
  STREAM: 0x08,
  MAX_DATA: 0x10,
  MAX_STREAM_DATA: 0x11,
  MAX_STREAMS_BIDI: 0x12,
  MAX_STREAMS_UNI: 0x13,
  DATA_BLOCKED: 0x14,
  STREAM_DATA_BLOCKED: 0x15,
  STREAMS_BLOCKED_BIDI: 0x16,
  STREAMS_BLOCKED_UNI: 0x17,
  NEW_CONNECTION_ID: 0x18,
  RETIRE_CONNECTION_ID: 0x19,
  PATH_CHALLENGE: 0x1a,
  PATH_RESPONSE: 0x1b,
  CONNECTION_CLOSE: 0x1c,
  CONNECTION_CLOSE_APPLICATION: 0x1d,
  HANDSHAKE_DONE: 0x1e,
  RESET_STREAM_AT: 0x24,
  IMMEDIATE_ACK: 0x1f,
  DATAGRAM: 0x30,
  DATAGRAM_LENGTH: 0x31,
  /** The only type of two bytes. */
  ACK_FREQUENCY: 0xaf,
} as const;

/** Flags in the type of a STREAM frame, RFC 9000 §19.8. */
export const STREAM_FIN = 0x01;
export const STREAM_LEN = 0x02;
export const STREAM_OFF = 0x04;

/** Bits of `FrameRule.packets`, in the order of Table 3's "IH01" column. */
export const IN_INITIAL = 1;
export const IN_ZERO_RTT = 2;
export const IN_HANDSHAKE = 4;
export const IN_ONE_RTT = 8;

/** The bit of `FrameRule.packets` for each `PacketType`; 0 for packets without frames. */
export const PACKET_BIT: readonly number[] = [IN_INITIAL, IN_ZERO_RTT, IN_HANDSHAKE, 0, IN_ONE_RTT, 0];

/** A row of Table 3. */
export interface FrameRule {
  readonly type: number;
  readonly name: string;
  /** The type that stands for all values of one frame: 0x08 for 0x08 to 0x0f, 0x02 for 0x03, 0x30 for 0x31. */
  readonly kind: number;
  /** Bit mask of the packets that may carry it; anything else is a PROTOCOL_VIOLATION. */
  readonly packets: number;
  /** Whether it obliges the receiver to acknowledge: all but PADDING, ACK, CONNECTION_CLOSE. RFC 9002 §2. */
  readonly ackEliciting: boolean;
  /** Whether it can probe a new path without migrating to it ("P"). RFC 9000 §9.1. */
  readonly probing: boolean;
}

const ALL = IN_INITIAL | IN_ZERO_RTT | IN_HANDSHAKE | IN_ONE_RTT;
const NOT_ZERO_RTT = IN_INITIAL | IN_HANDSHAKE | IN_ONE_RTT;
const DATA = IN_ZERO_RTT | IN_ONE_RTT;

/**
 * Every frame type that the library reads. DATAGRAM is from RFC 9221 §4, ACK_FREQUENCY and IMMEDIATE_ACK are from
 * draft-ietf-quic-ack-frequency §4, §5.
 */
export const FRAME_TABLE: readonly FrameRule[] = [
  { type: 0x00, name: 'PADDING', kind: 0x00, packets: ALL, ackEliciting: false, probing: true },
  { type: 0x01, name: 'PING', kind: 0x01, packets: ALL, ackEliciting: true, probing: false },
  { type: 0x02, name: 'ACK', kind: 0x02, packets: NOT_ZERO_RTT, ackEliciting: false, probing: false },
  { type: 0x03, name: 'ACK', kind: 0x02, packets: NOT_ZERO_RTT, ackEliciting: false, probing: false },
  { type: 0x04, name: 'RESET_STREAM', kind: 0x04, packets: DATA, ackEliciting: true, probing: false },
  { type: 0x05, name: 'STOP_SENDING', kind: 0x05, packets: DATA, ackEliciting: true, probing: false },
  { type: 0x06, name: 'CRYPTO', kind: 0x06, packets: NOT_ZERO_RTT, ackEliciting: true, probing: false },
  { type: 0x07, name: 'NEW_TOKEN', kind: 0x07, packets: IN_ONE_RTT, ackEliciting: true, probing: false },
  { type: 0x08, name: 'STREAM', kind: 0x08, packets: DATA, ackEliciting: true, probing: false },
  { type: 0x09, name: 'STREAM', kind: 0x08, packets: DATA, ackEliciting: true, probing: false },
  { type: 0x0a, name: 'STREAM', kind: 0x08, packets: DATA, ackEliciting: true, probing: false },
  { type: 0x0b, name: 'STREAM', kind: 0x08, packets: DATA, ackEliciting: true, probing: false },
  { type: 0x0c, name: 'STREAM', kind: 0x08, packets: DATA, ackEliciting: true, probing: false },
  { type: 0x0d, name: 'STREAM', kind: 0x08, packets: DATA, ackEliciting: true, probing: false },
  { type: 0x0e, name: 'STREAM', kind: 0x08, packets: DATA, ackEliciting: true, probing: false },
  { type: 0x0f, name: 'STREAM', kind: 0x08, packets: DATA, ackEliciting: true, probing: false },
  { type: 0x10, name: 'MAX_DATA', kind: 0x10, packets: DATA, ackEliciting: true, probing: false },
  { type: 0x11, name: 'MAX_STREAM_DATA', kind: 0x11, packets: DATA, ackEliciting: true, probing: false },
  { type: 0x12, name: 'MAX_STREAMS', kind: 0x12, packets: DATA, ackEliciting: true, probing: false },
  { type: 0x13, name: 'MAX_STREAMS', kind: 0x13, packets: DATA, ackEliciting: true, probing: false },
  { type: 0x14, name: 'DATA_BLOCKED', kind: 0x14, packets: DATA, ackEliciting: true, probing: false },
  { type: 0x15, name: 'STREAM_DATA_BLOCKED', kind: 0x15, packets: DATA, ackEliciting: true, probing: false },
  { type: 0x16, name: 'STREAMS_BLOCKED', kind: 0x16, packets: DATA, ackEliciting: true, probing: false },
  { type: 0x17, name: 'STREAMS_BLOCKED', kind: 0x17, packets: DATA, ackEliciting: true, probing: false },
  { type: 0x18, name: 'NEW_CONNECTION_ID', kind: 0x18, packets: DATA, ackEliciting: true, probing: true },
  { type: 0x19, name: 'RETIRE_CONNECTION_ID', kind: 0x19, packets: DATA, ackEliciting: true, probing: false },
  { type: 0x1a, name: 'PATH_CHALLENGE', kind: 0x1a, packets: DATA, ackEliciting: true, probing: true },
  { type: 0x1b, name: 'PATH_RESPONSE', kind: 0x1b, packets: IN_ONE_RTT, ackEliciting: true, probing: true },
  { type: 0x1c, name: 'CONNECTION_CLOSE', kind: 0x1c, packets: ALL, ackEliciting: false, probing: false },
  { type: 0x1d, name: 'CONNECTION_CLOSE', kind: 0x1d, packets: DATA, ackEliciting: false, probing: false },
  { type: 0x1e, name: 'HANDSHAKE_DONE', kind: 0x1e, packets: IN_ONE_RTT, ackEliciting: true, probing: false },
  { type: 0x1f, name: 'IMMEDIATE_ACK', kind: 0x1f, packets: IN_ONE_RTT, ackEliciting: true, probing: false },
  // draft-ietf-quic-reliable-stream-reset §4.
  { type: 0x24, name: 'RESET_STREAM_AT', kind: 0x24, packets: DATA, ackEliciting: true, probing: false },
  { type: 0x30, name: 'DATAGRAM', kind: 0x30, packets: DATA, ackEliciting: true, probing: false },
  { type: 0x31, name: 'DATAGRAM', kind: 0x30, packets: DATA, ackEliciting: true, probing: false },
  { type: 0xaf, name: 'ACK_FREQUENCY', kind: 0xaf, packets: IN_ONE_RTT, ackEliciting: true, probing: false },
];

/** The row of a frame type; `undefined` for a type that the library does not know. */
export function frameRule(type: number): FrameRule | undefined {
  return type < BY_TYPE.length ? BY_TYPE[type] : undefined;
}

const BY_TYPE: readonly (FrameRule | undefined)[] = Array.from({ length: 0xb0 }, (_, type) =>
  FRAME_TABLE.find((rule) => rule.type === type),
);
