// The packet types that the library tells apart, independent of a version's type bits.

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
