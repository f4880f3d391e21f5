// Counts frames that change nothing. One in a packet is ordinary (a PING, a repetition after a loss); packets full of
// them, one after another, are an attack on our processor with little of the peer's (RFC 9000 §21.9).

import { TransportError, TransportErrorCode } from '../errors.ts';

/** Frames without effect that every packet may carry at no charge. */
export const FREE_USELESS_FRAMES = 64;

/** Frames without effect beyond those; every packet with fewer gives some back. */
export const MAX_USELESS_FRAMES = 100_000;

export class UselessFrames {
  #excess = 0;

  /** A packet had `count` frames without effect, of which one was of this type. Throws PROTOCOL_VIOLATION. */
  onPacket(count: number, frameType: number): void {
    if (this.#excess === 0 && count <= FREE_USELESS_FRAMES) return;
    this.#excess = Math.max(0, this.#excess + count - FREE_USELESS_FRAMES);
    if (this.#excess <= MAX_USELESS_FRAMES) return;
    throw new TransportError(
      TransportErrorCode.PROTOCOL_VIOLATION,
      frameType,
      'too many frames that change nothing',
    );
  }
}
