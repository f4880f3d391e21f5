/**
 * The running hash over the handshake messages (RFC 8446 §4.4.1).
 *
 * Owns the wait for the hash function, which is only known once the server has chosen a cipher suite, and the
 * replacement of the first ClientHello after a HelloRetryRequest.
 */

import type { CryptoProvider, HashName, HashState } from '../crypto/provider.ts';
import { EMPTY } from '../util/bytes.ts';
import { HandshakeType } from './messages.ts';

export class Transcript {
  private readonly provider: CryptoProvider;
  private waiting: Uint8Array[] = [];
  private state: HashState | null = null;
  /** Set by a HelloRetryRequest, which fixes the function before everything that may change has come. */
  private fixed: HashName | null = null;

  constructor(provider: CryptoProvider) {
    this.provider = provider;
  }

  /** Adds one whole message with its header. Keeps a reference until {@link begin}. */
  add(raw: Uint8Array): void {
    if (this.state === null) this.waiting.push(raw);
    else this.state.update(raw);
  }

  /** The hash function is known: hashes what has waited. Later calls change nothing. */
  begin(hash: HashName): void {
    if (this.state !== null) return;
    this.state = this.provider.hash(hash);
    for (const raw of this.waiting) this.state.update(raw);
    this.waiting = [];
  }

  /**
   * A HelloRetryRequest follows: what came so far, which is the first ClientHello, is replaced by a message that holds
   * its hash.
   */
  beginAgain(hash: HashName): void {
    const digest = this.digestWith(hash, EMPTY);
    this.waiting = [Uint8Array.of(HandshakeType.MESSAGE_HASH, 0, 0, digest.length), digest];
    this.state = null;
    this.fixed = hash;
  }

  /**
   * The hash over everything so far and `more`, which is not added: for binders and 0-RTT, which need it before the suite
   * is chosen. Only until {@link begin}.
   */
  digestWith(hash: HashName, more: Uint8Array): Uint8Array {
    if (this.state !== null) throw new Error('the transcript has begun');
    const state = this.provider.hash(hash);
    for (const raw of this.waiting) state.update(raw);
    state.update(more);
    return state.digest();
  }

  /** Transcript-Hash of everything so far. */
  digest(): Uint8Array {
    if (this.state === null && this.fixed !== null) this.begin(this.fixed);
    if (this.state === null) throw new Error('the transcript has no hash function yet');
    return this.state.digest();
  }

  /** Nothing is added or asked any more: lets go of the hash. */
  end(): void {
    this.waiting = [];
    this.state = null;
  }
}
