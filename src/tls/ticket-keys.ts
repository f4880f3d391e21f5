/**
 * Session tickets that a server seals with keys of its own, so that it need remember nothing and any process that has the
 * same keys can resume (RFC 8446 §4.6.1).
 *
 * Layout: key id (4 bytes), salt (16), sealed content. Each ticket has a key of its own, made from the shared key and the
 * salt, so there is no bound on the number of tickets per key that random nonces would bring. Does not look into what is
 * sealed and knows no time.
 */

import type { KeySource } from '../crypto/key-ring.ts';
import type { CryptoProvider, RandomSource } from '../crypto/provider.ts';
import { concat, equal } from '../util/bytes.ts';

/** Makes tickets and opens them again. Replaceable, for instance by a table that hands out its keys. */
export interface TicketSealer {
  /** The ticket for this state, at most some 16,000 bytes; `null` if none is to be issued now. Must not throw. */
  seal(state: Uint8Array): Uint8Array | null;
  /** The state, or `null` if the ticket is not one of ours or no longer known. Never throws on any ticket. */
  open(ticket: Uint8Array): Uint8Array | null;
}

/** AES-256-GCM: the current key of a ring seals, all open. */
export class TicketKeys implements TicketSealer {
  readonly #provider: CryptoProvider;
  readonly #random: RandomSource;
  readonly #source: KeySource;
  #seen: readonly Uint8Array[] = [];
  #known: readonly TicketKey[] = [];

  /** @param keys the same in all processes that shall take each other's tickets */
  constructor(provider: CryptoProvider, random: RandomSource, keys: KeySource) {
    this.#provider = provider;
    this.#random = random;
    this.#source = keys;
  }

  seal(state: Uint8Array): Uint8Array {
    const current = this.#keys[0];
    const salt = new Uint8Array(SALT_BYTES);
    this.#random.fill(salt);
    const head = concat([current.id, salt]);
    return concat([head, this.#provider.aesGcmSeal(this.#keyOf(current, salt), NONCE, head, state)]);
  }

  open(ticket: Uint8Array): Uint8Array | null {
    if (ticket.length < HEAD_BYTES) return null;
    const head = ticket.subarray(0, HEAD_BYTES);
    const found = this.#keys.find((candidate) => equal(candidate.id, head.subarray(0, ID_BYTES)));
    if (found === undefined) return null;
    const key = this.#keyOf(found, head.subarray(ID_BYTES));
    return this.#provider.aesGcmOpen(key, NONCE, head, ticket.subarray(HEAD_BYTES));
  }

  get #keys(): readonly TicketKey[] {
    const { keys } = this.#source;
    if (keys !== this.#seen) {
      // Derived, so that processes which share keys agree whatever their order.
      const idOf = (key: Uint8Array) => this.#provider.hmac('sha256', key, ID_LABEL).subarray(0, ID_BYTES);
      this.#known = keys.map((key) => ({ id: idOf(key), key }));
      this.#seen = keys;
    }
    return this.#known;
  }

  #keyOf(ticketKey: TicketKey, salt: Uint8Array): Uint8Array {
    return this.#provider.hmac('sha256', ticketKey.key, concat([TICKET_LABEL, salt]));
  }
}

interface TicketKey {
  readonly id: Uint8Array;
  readonly key: Uint8Array;
}

const ID_BYTES = 4;
const SALT_BYTES = 16;
const HEAD_BYTES: number = ID_BYTES + SALT_BYTES;
/** A key that is used once needs no other. */
const NONCE = new Uint8Array(12);
const ID_LABEL: Uint8Array = new TextEncoder().encode('quayside ticket key id');
const TICKET_LABEL: Uint8Array = new TextEncoder().encode('quayside ticket key');
