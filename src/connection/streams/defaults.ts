// Named limits of the streams part: everything here that a peer can make us store has its number in this file.

/** Ceiling of the connection's receive window (quiche: `set_max_connection_window`). */
export const MAX_CONNECTION_WINDOW: number = 24 * 1024 * 1024;

/** Ceiling of a stream's receive window (quiche: `set_max_stream_window`). */
export const MAX_STREAM_WINDOW: number = 16 * 1024 * 1024;

/** Bytes that writes may hold on one connection, unsent and unacknowledged together. */
export const MAX_SEND_BUFFER: number = 16 * 1024 * 1024;

/** Separate pieces (gaps) in the reassembly of one stream; more is an attack (RFC 9000 §21.7). */
export const MAX_STREAM_PIECES = 4096;

/** The same, over all streams of a connection. */
export const MAX_CONNECTION_PIECES = 32_768;

/** Urgency of a stream whose priority was never set (quiche). */
export const DEFAULT_URGENCY = 127;

/** Bytes of free blocks that one connection keeps for its next chunks. */
export const MAX_KEPT_BLOCK_BYTES: number = 256 * 1024;

/** Owned buffers below this size are copied: a reference would cost more than the bytes. */
export const OWNED_COPY_THRESHOLD = 512;

/** A piece of stream data smaller than this does not go into a packet's last bytes if more is waiting. */
export const MIN_FRAGMENT = 32;
