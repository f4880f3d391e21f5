/**
 * The four encryption levels of TLS in QUIC (RFC 9001 §4.1.4).
 *
 * Knows nothing of packets: which packet type and number space belong to a level is the connection's business.
 */

export const Level = {
  INITIAL: 0,
  /** 0-RTT. Carries no handshake bytes (RFC 9001 §4.1.3). */
  EARLY: 1,
  HANDSHAKE: 2,
  APPLICATION: 3,
} as const;

export type Level = (typeof Level)[keyof typeof Level];
