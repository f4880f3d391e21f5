/**
 * Hand-over: several endpoints, in one process or in several, serve one port. Each writes its shard into the connection ids
 * it gives out; a datagram that reaches the wrong one is carried to the one whose shard is in its id, which answers from
 * the address that was asked. Holds the contract; carriers are local-hand-over.ts and process-hand-over.ts.
 */

import type { SocketAddress } from '../util/address.ts';
import type { DatagramHandler, SocketFactory } from './socket.ts';

/** Carries datagrams between endpoints. Given to each of them; none of them ends it. */
export interface HandOver {
  /**
   * Sockets that can share an address with those of the other shards. Default: the endpoint's own, bound with `reusePort`.
   */
  sockets?(factory: SocketFactory): SocketFactory;
  /** Who is here, where that is known. */
  readonly shards?: readonly number[];
  /**
   * From now on this shard (0 to 31) is here: `take` gets what others hand over to it, and owns the bytes. Rejects with
   * ERR_QUIC_SHARD_TAKEN if somebody has it.
   */
  join(shard: number, take: DatagramHandler): Promise<ShardPlace>;
}

/** One endpoint's place among those that hand over to each other. */
export interface ShardPlace {
  /**
   * Hands a datagram over to its owner. `bytes` are no longer the caller's. False: nobody has that shard, or too much waits
   * for it; the datagram is lost, as the network loses some. Never throws.
   */
  send(shard: number, bytes: Uint8Array, from: SocketAddress, to: SocketAddress, ecn: number): boolean;
  /** Gives the shard up. May be called again; never rejects. */
  leave(): Promise<void>;
}
