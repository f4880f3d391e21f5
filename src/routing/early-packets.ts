// 0-RTT packets that overtook the Initial of their client: a few, for a moment, until that comes (RFC 9000 §5.2.2). Strangers get
// very little memory from us, and of those who want it the latest, as an Initial that comes at all comes soon.

import { copyBytes } from '../util/bytes.ts';
import { clientKey, type Incoming } from './incoming.ts';
import { EARLY_LIFETIME, MAX_EARLY_BYTES, MAX_EARLY_CLIENTS, MAX_EARLY_DATAGRAMS } from './limits.ts';

/** By the client's address and the id that it made up, as `clientKey` says it. */
export class EarlyPackets {
  /** In the order of arrival, which is that of their deadlines. */
  readonly #clients: Map<string, EarlyClient> = new Map();

  /** Clients of which something is kept. */
  get size(): number {
    return this.#clients.size;
  }

  /** When `expire` has something to do; Infinity for never. */
  get deadline(): number {
    for (const { until } of this.#clients.values()) return until;
    return Number.POSITIVE_INFINITY;
  }

  /** Keeps a copy, if there is room for it. */
  keep(key: string, datagram: Uint8Array, ecn: number, now: number): boolean {
    this.expire(now);
    const client = this.#clients.get(key) ?? { datagrams: [], bytes: 0, until: now + EARLY_LIFETIME };
    if (client.datagrams.length >= MAX_EARLY_DATAGRAMS) return false;
    if (client.bytes + datagram.length > MAX_EARLY_BYTES) return false;
    client.bytes += datagram.length;
    client.datagrams.push({ bytes: copyBytes(datagram), ecn });
    if (client.datagrams.length > 1) return true;
    if (this.#clients.size >= MAX_EARLY_CLIENTS) this.#forgetFirst();
    this.#clients.set(key, client);
    return true;
  }

  /** The Initial is there, and gets what came before it, in order. */
  giveTo(incoming: Incoming): void {
    if (this.#clients.size === 0) return;
    const { from, destinationId } = incoming;
    const key = clientKey(from, destinationId, 0, destinationId.length);
    for (const { bytes, ecn } of this.#clients.get(key)?.datagrams ?? []) incoming.keep(bytes, ecn);
    this.#clients.delete(key);
  }

  expire(now: number): void {
    while (this.deadline <= now) this.#forgetFirst();
  }

  #forgetFirst(): void {
    for (const key of this.#clients.keys()) {
      this.#clients.delete(key);
      return;
    }
  }
}

interface EarlyClient {
  readonly datagrams: { readonly bytes: Uint8Array; readonly ecn: number }[];
  bytes: number;
  readonly until: number;
}
