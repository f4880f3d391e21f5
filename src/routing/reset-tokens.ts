// Stateless resets, the sending side (RFC 9000 §10.3): tokens derived from ids, and the datagrams that carry them.

import type { KeySource } from '../crypto/key-ring.ts';
import type { CryptoProvider, RandomSource } from '../crypto/provider.ts';

/** Bytes of a reset token (RFC 9000 §10.3). */
export const RESET_TOKEN_LENGTH = 16;

/** The smallest datagram that can be a reset, and that can be a short header packet at all (RFC 9000 §10.3). */
export const MIN_RESET_LENGTH = 21;

/**
 * Tokens by HMAC-SHA256 of the id (RFC 9000 §10.3.2), so that whoever has the secret, after a restart too, can reset a
 * connection of which nothing else is left. Whoever shares it must not get packets of the others' living connections
 * (RFC 9000 §21.11).
 */
export class ResetTokens {
  readonly #provider: CryptoProvider;
  readonly #source: KeySource;
  #turn = 0;

  /** @param keys the current one makes the tokens that are given out */
  constructor(provider: CryptoProvider, keys: KeySource) {
    this.#provider = provider;
    this.#source = keys;
  }

  /** 16 bytes; always the same for an id while the key is current. */
  tokenFor(id: Uint8Array): Uint8Array {
    return this.#tokenBy(this.#source.keys[0], id);
  }

  /**
   * The token of a reset that is sent. Nothing tells which key was current when an id was given out, so all that are
   * accepted take turns; the peer sends again until one fits.
   */
  tokenToSend(id: Uint8Array): Uint8Array {
    const { keys } = this.#source;
    return this.#tokenBy(keys[this.#turn++ % keys.length], id);
  }

  #tokenBy(key: Uint8Array, id: Uint8Array): Uint8Array {
    return this.#provider.hmac('sha256', key, id).slice(0, RESET_TOKEN_LENGTH);
  }
}

/**
 * Writes a reset that looks like a short header packet, and returns its size: smaller than the datagram that triggers
 * it, so that two endpoints which answer each other fall silent (RFC 9000 §10.3.3). 0: no reset may be that small.
 */
export function writeStatelessReset(
  out: Uint8Array,
  triggerLength: number,
  token: Uint8Array,
  random: RandomSource,
): number {
  const size = resetLength(triggerLength, random);
  if (size === 0 || size > out.length) return 0;
  const tokenAt = size - RESET_TOKEN_LENGTH;
  random.fill(out.subarray(0, tokenAt));
  out[0] = 0x40 | (out[0] & 0x3f);
  out.set(token, tokenAt);
  return size;
}

/** RFC 9000 §10.3: one byte less than a small trigger; else of a size that ordinary packets have too. */
function resetLength(triggerLength: number, random: RandomSource): number {
  if (triggerLength <= MIN_RESET_LENGTH) return 0;
  if (triggerLength <= PLAIN_RESET_LENGTH + 1) return triggerLength - 1;
  const longest = Math.min(triggerLength - 1, MAX_RESET_LENGTH);
  return PLAIN_RESET_LENGTH + random.integer(longest - PLAIN_RESET_LENGTH + 1);
}

/** From this size on a reset cannot be told by its size, whatever ids the peer uses (RFC 9000 §10.3, §10.3.3). */
const PLAIN_RESET_LENGTH = 42;
const MAX_RESET_LENGTH = 96;
