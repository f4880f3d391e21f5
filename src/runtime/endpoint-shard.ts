// An endpoint's place among those that share its port: options about it, joining and leaving. Carrying is the hand-over's.

import { invalidArgType, invalidArgValue } from '../errors.ts';
import type { HandOver, ShardPlace } from '../udp/hand-over.ts';
import type { DatagramHandler, SocketFactory } from '../udp/socket.ts';
import type { SocketAddress } from '../util/address.ts';
import { copyBytes } from '../util/bytes.ts';

export class EndpointShard {
  readonly #shard: number;
  readonly #handOver: HandOver | undefined;
  /** Of the options. */
  readonly #port: number;
  /** Binds that go on or succeeded. */
  #users = 0;
  #joining: Promise<ShardPlace> | null = null;
  #place: ShardPlace | null = null;

  constructor({ shard, handOver, port }: ShardOptions) {
    if (handOver !== undefined && typeof handOver?.join !== 'function')
      throw invalidArgType('handOver', 'an object with a function join', handOver);
    if (handOver !== undefined && shard === undefined)
      throw invalidArgType('shard', 'of type number where there is a handOver', shard);
    this.#shard = shard ?? 0;
    this.#port = port ?? 0;
    this.#handOver = handOver;
  }

  get isShared(): boolean {
    return this.#handOver !== undefined;
  }

  /** Whether it takes the system to share the address; where that cannot, binding an address in use fails. */
  needsReusePort(factory: SocketFactory): boolean {
    const needs = this.#handOver !== undefined && this.#handOver.sockets === undefined;
    return needs && factory.capabilities.reusePort;
  }

  sockets(factory: SocketFactory): SocketFactory {
    return this.#handOver?.sockets?.(factory) ?? factory;
  }

  /**
   * Takes the shard before something is bound, and keeps it if that succeeds, until `leave`. `at`: where the endpoint itself
   * is bound by that; null for an interface more.
   */
  async join<T>(
    take: DatagramHandler,
    bind: () => Promise<T>,
    at: { port?: number | undefined } | null,
  ): Promise<T> {
    if (this.#handOver === undefined) return bind();
    const isFirst = this.#users++ === 0;
    try {
      this.#joining ??= this.#handOver.join(this.#shard, take);
      this.#place = await this.#joining;
      if (isFirst && at !== null) this.#checkPort(this.#handOver, at.port ?? this.#port);
      return await bind();
    } catch (error) {
      if (--this.#users === 0) await this.leave();
      throw error;
    }
  }

  /** Hands a copy of a datagram over, whose bytes may be lent; false if it is lost. */
  send(shard: number, bytes: Uint8Array, from: SocketAddress, to: SocketAddress, ecn: number): boolean {
    return this.#place?.send(shard, copyBytes(bytes), from, to, ecn) ?? false;
  }

  /** Any free port would be another one than that of the others, whom no datagram for this one would reach. */
  #checkPort({ shards = [] }: HandOver, port: number): void {
    if (port !== 0 || shards.every((shard) => shard === this.#shard)) return;
    const others = shards.filter((shard) => shard !== this.#shard).join(', ');
    throw invalidArgValue(
      'port',
      port,
      `must be the port of those who share it (shard ${others}); 0 would be a port of its own`,
    );
  }

  async leave(): Promise<void> {
    const place = this.#place;
    this.#place = null;
    this.#joining = null;
    await place?.leave();
  }
}

interface ShardOptions {
  shard?: number | undefined;
  handOver?: HandOver | undefined;
  port?: number | undefined;
}
