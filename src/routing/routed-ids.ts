// The ids of the connections of one endpoint: fresh, in no table yet, with the reset token that belongs to each.

import type { ConnectionIdSource } from '../connection/config.ts';
import { quicError } from '../errors.ts';
import { equal } from '../util/bytes.ts';
import type { ConnectionIdGenerator } from './id-generator.ts';
import type { ResetTokens } from './reset-tokens.ts';

/** What `ConnectionConfig.idSource` wants. One serves all connections. */
export class RoutedIds implements ConnectionIdSource {
  readonly #generator: ConnectionIdGenerator;
  readonly #resetTokens: ResetTokens;
  readonly #isTaken: (id: Uint8Array) => boolean;

  constructor(
    generator: ConnectionIdGenerator,
    resetTokens: ResetTokens,
    isTaken: (id: Uint8Array) => boolean,
  ) {
    this.#generator = generator;
    this.#resetTokens = resetTokens;
    this.#isTaken = isTaken;
  }

  /** Throws a `QuicError` with ERR_QUIC_OUT_OF_IDENTIFIERS if the generator only makes ids that are in use. */
  next(): { connectionId: Uint8Array; resetToken: Uint8Array } {
    const connectionId = this.nextId();
    return { connectionId, resetToken: this.#resetTokens.tokenFor(connectionId) };
  }

  /** An id alone, other than `not`. Throws as `next` does. */
  nextId(not?: Uint8Array): Uint8Array {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const id = this.#generator.generate();
      if (!this.#isTaken(id) && (not === undefined || !equal(id, not))) return id;
    }
    throw quicError('ERR_QUIC_OUT_OF_IDENTIFIERS');
  }
}

const MAX_TRIES = 32;
