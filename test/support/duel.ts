/**
 * Two peers with no network between them: datagrams arrive in order and at once, one per step, and time passes only when
 * nobody has anything to send. Every datagram is kept, for tests that replay and mutate them.
 */
import type { PeerFactory, SansIoPeer } from '../../src/sim/core-driver.ts';
import type { SocketAddress } from '../../src/util/address.ts';
import { isQuicError } from './cores.ts';

export const CLIENT: SocketAddress = { address: '192.0.2.1', port: 50_000, family: 4 };
export const SERVER: SocketAddress = { address: '198.51.100.1', port: 4433, family: 4 };

export interface Sent {
  readonly toServer: boolean;
  readonly bytes: Uint8Array;
}

export class Duel {
  readonly client: SansIoPeer;
  /** Null until the first datagram came. */
  server: SansIoPeer | null;
  now = 0;
  /** Every datagram so far. */
  readonly sent: Sent[] = [];
  keepsSent = true;
  /** Datagrams sent by both. */
  count = 0;
  /** What `recv` threw. */
  readonly errors: (Error & { code: string })[] = [];
  /** Called after input to either side. */
  onProgress: () => void = () => {};

  readonly #makeServer: PeerFactory | null;
  readonly #flying: Sent[] = [];
  readonly #out = new Uint8Array(2048);

  constructor(client: SansIoPeer, server: SansIoPeer | PeerFactory) {
    this.client = client;
    this.server = typeof server === 'function' ? null : server;
    this.#makeServer = typeof server === 'function' ? server : null;
  }

  /** Delivers one datagram, or lets both send, or lets time pass. False if nothing is left to happen. */
  step(): boolean {
    if (this.stepNow()) return true;
    const at = this.nextTimeout;
    if (at === null) return false;
    this.now = Math.max(this.now, at);
    this.client.onTimeout(this.now);
    this.server?.onTimeout(this.now);
    this.onProgress();
    return true;
  }

  /** As `step`, but no time passes: false if both are silent. */
  stepNow(): boolean {
    const next = this.#flying.shift();
    if (next !== undefined) {
      this.give(next.toServer, next.bytes);
      this.onProgress();
      return true;
    }
    this.collect();
    return this.#flying.length > 0;
  }

  /** When the next timer of either side is due. */
  get nextTimeout(): number | null {
    const at = Math.min(
      this.client.timeoutAt() ?? Number.POSITIVE_INFINITY,
      this.server?.timeoutAt() ?? Number.POSITIVE_INFINITY,
    );
    return at === Number.POSITIVE_INFINITY ? null : at;
  }

  /** Steps until the condition holds. False if it does not within so many steps. */
  run(isDone: () => boolean, steps = 2000): boolean {
    for (let i = 0; i < steps; i++) {
      if (isDone()) return true;
      if (!this.step()) return isDone();
    }
    return isDone();
  }

  /** Lets both sides send all they have; nothing is delivered yet. */
  collect(): void {
    this.#collectFrom(this.client, true);
    if (this.server !== null) this.#collectFrom(this.server, false);
  }

  /** A datagram, as it is, to one of the sides. */
  give(toServer: boolean, bytes: Uint8Array, from?: SocketAddress): void {
    const info = toServer
      ? { from: from ?? CLIENT, to: SERVER, ecn: 0 }
      : { from: from ?? SERVER, to: CLIENT, ecn: 0 };
    const datagram = bytes.slice();
    try {
      if (toServer) this.server ??= this.#makeServer?.(datagram, info, this.now) ?? null;
      (toServer ? this.server : this.client)?.recv(datagram, info, this.now);
    } catch (error) {
      if (!isQuicError(error)) throw error;
      this.errors.push(error);
    }
  }

  #collectFrom(peer: SansIoPeer, toServer: boolean): void {
    for (let sent = peer.send(this.#out, this.now); sent !== null; sent = peer.send(this.#out, this.now)) {
      const datagram = { toServer, bytes: this.#out.slice(0, sent.length) };
      if (this.keepsSent) this.sent.push(datagram);
      this.count++;
      this.#flying.push(datagram);
    }
  }
}
