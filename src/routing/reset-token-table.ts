// Stateless resets, the receiving side (RFC 9000 §10.3.1): which token from which address ends which connection.

import type { RandomSource } from '../crypto/provider.ts';
import { type SocketAddress, sameAddress } from '../util/address.ts';
import { IdTable } from './id-table.ts';
import { RESET_TOKEN_LENGTH } from './reset-tokens.ts';

export class ResetTokenTable<C> {
  readonly #table: IdTable<Entry<C>[]>;

  constructor(random: RandomSource) {
    this.#table = new IdTable(random);
  }

  /** Distinct tokens. */
  get size(): number {
    return this.#table.size;
  }

  /** Different peers may use the same token, by chance or to harm each other: the address keeps them apart. */
  add(token: Uint8Array, from: SocketAddress, connection: C): void {
    const entries = this.#table.get(token);
    if (entries === undefined) this.#table.set(token, [{ from, connection }]);
    else if (!entries.some((entry) => entry.connection === connection && sameAddress(entry.from, from)))
      entries.push({ from, connection });
  }

  remove(token: Uint8Array, from: SocketAddress, connection: C): void {
    const entries = this.#table.get(token);
    const at = entries?.findIndex((e) => e.connection === connection && sameAddress(e.from, from)) ?? -1;
    if (entries === undefined || at < 0) return;
    entries.splice(at, 1);
    if (entries.length === 0) this.#table.delete(token);
  }

  /** The connection that the datagram resets. */
  find(datagram: Uint8Array, from: SocketAddress): C | undefined {
    if (this.#table.size === 0 || datagram.length < RESET_TOKEN_LENGTH) return undefined;
    const entries = this.#table.get(datagram, datagram.length - RESET_TOKEN_LENGTH, RESET_TOKEN_LENGTH);
    if (entries !== undefined)
      for (const entry of entries) if (sameAddress(entry.from, from)) return entry.connection;
    return undefined;
  }
}

interface Entry<C> {
  readonly from: SocketAddress;
  readonly connection: C;
}
