// Numbers that users of the core need (quiche's constants).

/** The QUIC version of new connections, RFC 9000 §15. */
export const PROTOCOL_VERSION = 0x0000_0001;

/** Longest connection id, bytes (RFC 9000 §17.2). */
export const MAX_CONN_ID_LEN = 20;

/** Smallest datagram with a client's Initial, bytes (RFC 9000 §14.1). */
export const MIN_CLIENT_INITIAL_LEN = 1200;
