/**
 * The running hash over the handshake messages (RFC 8446 §4.4.1).
 *
 * Owns the wait for the hash function, which is only known once the server has chosen a cipher suite, and the
 * replacement of the first ClientHello after a HelloRetryRequest.
 */

import type { CryptoProvider, HashName, HashState } from '../crypto/provider.ts';
import { HandshakeType } from './messages.ts';

export class Transcript {
  private readonly provider: CryptoProvider;
  private waiting: Uint8Array[] = [];
  private state: HashState | null = null;

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
   * its hash. Begins if that has not happened.
   */
  beginAgain(hash: HashName): void {
    this.begin(hash);
    const digest = this.digest();
    this.state = this.provider.hash(hash);
    this.state.update(Uint8Array.of(HandshakeType.MESSAGE_HASH, 0, 0, digest.length));
    this.state.update(digest);
  }

  /** Transcript-Hash of everything so far. */
  digest(): Uint8Array {
    if (this.state === null) throw new Error('the transcript has no hash function yet');
    return this.state.digest();
  }
}
