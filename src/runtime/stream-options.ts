// What the calls of a QuicStream can be told, and how waiting is given up. Types only.

export interface WaitOptions {
  /** Gives the wait up; what it waited for is not undone. */
  signal?: AbortSignal | undefined;
}

export interface ReadOptions extends WaitOptions {
  /** Where the bytes are put, as many as fit: the library then uses its memory again, and leaves nothing to collect. */
  into?: Uint8Array | undefined;
}

export interface WriteOptions extends WaitOptions {
  /** Nothing is copied: the bytes must not change until the peer acknowledged them, which `end` tells. Default false. */
  owned?: boolean | undefined;
}

export interface OpenOptions extends WaitOptions {
  /** Rejects at once where it would wait: ERR_QUIC_INVALID_STATE before `opened`, ERR_QUIC_STREAM_LIMIT at the limit. */
  failOnBlocked?: boolean;
}
