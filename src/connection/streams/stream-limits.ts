// How many streams each side may open (RFC 9000 §4.6): what we allow the peer, and what it allows us. One object per
// direction. Knows no stream and sends no frame.

import { MAX_STREAM_COUNT } from './stream-id.ts';

/**
 * Decides the next MAX_STREAMS value when the peer opened a stream or one completed. Gets the initial limit, the limit announced
 * last, and how many streams the peer opened and completed so far; returns the limit to announce, which counts only
 * if it is larger than the last.
 */
export type StreamLimitStrategy = (
  initial: number,
  limit: number,
  opened: number,
  completed: number,
) => number;

/**
 * The default: as many streams at once as in the beginning. A new limit is announced when the peer has used up half
 * of the streams it may open, so that one frame serves many streams.
 */
export const raiseAsStreamsComplete: StreamLimitStrategy = (initial, limit, opened, completed) =>
  limit - opened <= initial / 2 ? initial + completed : limit;

/** Streams that the peer opens. Credit comes back only when a stream is complete and the application done with it. */
export class IncomingStreamLimit {
  #initial = 0;
  /** Announced last. */
  limit = 0;
  /** To be announced. */
  next = 0;
  completed = 0;
  readonly #strategy: StreamLimitStrategy;

  constructor(initial: number, strategy: StreamLimitStrategy) {
    this.#strategy = strategy;
    this.setInitial(initial);
  }

  /** A larger initial limit becomes known, before the peer was told any. */
  setInitial(limit: number): void {
    const clamped = Math.min(limit, MAX_STREAM_COUNT);
    if (clamped <= this.#initial) return;
    this.#initial = clamped;
    this.limit = Math.max(this.limit, clamped);
    this.next = this.limit;
  }

  /** The peer has opened `opened` streams, or one of them is complete. True if MAX_STREAMS is due. */
  reconsider(opened: number): boolean {
    const next = Math.min(
      this.#strategy(this.#initial, this.limit, opened, this.completed),
      MAX_STREAM_COUNT,
    );
    if (next > this.next) this.next = next;
    return this.next > this.limit;
  }

  /** The limit to write into a frame now. */
  announce(): number {
    this.limit = this.next;
    return this.limit;
  }
}

/** Streams that we open. */
export class OutgoingStreamLimit {
  limit = 0;
  /** The limit at which opening failed; -1 if it did not. */
  blockedAt = -1;
  /** The limit rose since somebody failed to open a stream. */
  available = false;

  /** False, and nothing changes, if the limit is not larger (RFC 9000 §4.6). */
  raise(limit: number): boolean {
    const clamped = Math.min(limit, MAX_STREAM_COUNT);
    if (clamped <= this.limit) return false;
    this.limit = clamped;
    if (this.blockedAt >= 0) this.available = true;
    this.blockedAt = -1;
    return true;
  }

  /** Records that opening failed. True the first time at this limit: STREAMS_BLOCKED is due. */
  block(): boolean {
    if (this.blockedAt === this.limit) return false;
    this.blockedAt = this.limit;
    return true;
  }

  get isBlocked(): boolean {
    return this.blockedAt === this.limit;
  }
}
