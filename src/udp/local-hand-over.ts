/**
 * Hand-over within one process: a table of who has which shard, and calls. Its sockets share an address whatever the
 * system can do.
 */
import { quicError } from '../errors.ts';
import type { HandOver, ShardPlace } from './hand-over.ts';
import { PortSharing } from './port-sharing.ts';
import type { DatagramHandler, SocketFactory } from './socket.ts';

/** Give one of these to several endpoints or listeners of this process, each with a `shard` of its own. */
export class LocalHandOver implements HandOver {
  readonly #takers: Map<number, DatagramHandler> = new Map();
  readonly #sharing: Map<SocketFactory, PortSharing> = new Map();

  /** Shards that are here. */
  get shards(): number[] {
    return [...this.#takers.keys()];
  }

  sockets(factory: SocketFactory): SocketFactory {
    let shared = this.#sharing.get(factory);
    if (shared === undefined) {
      shared = new PortSharing(factory);
      this.#sharing.set(factory, shared);
    }
    return shared;
  }

  async join(shard: number, take: DatagramHandler): Promise<ShardPlace> {
    if (this.#takers.has(shard)) {
      throw quicError('ERR_QUIC_SHARD_TAKEN', {
        message: `Another endpoint of this process has shard ${shard}`,
      });
    }
    this.#takers.set(shard, take);
    return {
      send: (owner, bytes, from, to, ecn) => {
        const taker = this.#takers.get(owner);
        taker?.(bytes, from, to, ecn);
        return taker !== undefined;
      },
      leave: async () => {
        if (this.#takers.get(shard) === take) this.#takers.delete(shard);
      },
    };
  }
}
