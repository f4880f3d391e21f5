// The packet types that the library tells apart, independent of a version's type bits, and the sizes and bits of headers.

/** RFC 9000 §17. The first four are in the order of version 1's type bits (§17.2, Table 5). */
export const PacketType = {
  INITIAL: 0,
  ZERO_RTT: 1,
  HANDSHAKE: 2,
  RETRY: 3,
  ONE_RTT: 4,
  VERSION_NEGOTIATION: 5,
} as const;

/** One of the values of `PacketType`. */
export type PacketType = (typeof PacketType)[keyof typeof PacketType];

/** Those with a long header and type bits. */
export type LongPacketType = 0 | 1 | 2 | 3;

/** Bit of the first byte that tells a long header. RFC 8999 §5.1. */
export const LONG_HEADER_BIT = 0x80;
/** Bit of the first byte that is 1 in every version 1 packet, unless grease_quic_bit was agreed. RFC 9000 §17.2, RFC 9287 §3. */
export const FIXED_BIT = 0x40;
/** Longest connection id of versions 1 and 2. RFC 9000 §17.2. */
export const MAX_CONNECTION_ID_LENGTH = 20;
/** Bytes of the tag at the end of a Retry. RFC 9001 §5.8. */
export const RETRY_TAG_LENGTH = 16;
