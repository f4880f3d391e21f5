// 0-RTT packets that overtook the Initial of their client: a few, for a moment, until that comes (RFC 9000 §5.2.2). Strangers get
// very little memory from us, and of those who want it the latest, as an Initial that comes at all comes soon.

import { copyBytes } from '../util/bytes.ts';
import { clientKey, type Incoming } from './incoming.ts';
import {
  MAX_OVERTAKING_BYTES,
  MAX_OVERTAKING_CLIENTS,
  MAX_OVERTAKING_DATAGRAMS,
  OVERTAKING_LIFETIME,
} from './limits.ts';

/** By the client's address and the id that it made up, as `clientKey` says it. */
export class OvertakingPackets {
  /** In the order of arrival, which is that of their deadlines. */
  readonly #clients: Map<string, OvertakingClient> = new Map();

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
    const client = this.#clients.get(key) ?? { datagrams: [], bytes: 0, until: now + OVERTAKING_LIFETIME };
    if (client.datagrams.length >= MAX_OVERTAKING_DATAGRAMS) return false;
    if (client.bytes + datagram.length > MAX_OVERTAKING_BYTES) return false;
    client.bytes += datagram.length;
    client.datagrams.push({ bytes: copyBytes(datagram), ecn });
    if (client.datagrams.length > 1) return true;
    if (this.#clients.size >= MAX_OVERTAKING_CLIENTS) this.#forgetFirst();
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

interface OvertakingClient {
  readonly datagrams: { readonly bytes: Uint8Array; readonly ecn: number }[];
  bytes: number;
  readonly until: number;
}
