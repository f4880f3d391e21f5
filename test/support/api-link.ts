/** Two connections of the public core over a link in memory that takes a millisecond each way and loses nothing. */
import { Connection, type ConnectOptions } from '../../src/connection/api.ts';
import type { ConnectionCore } from '../../src/connection/connection.ts';
import type { SendInfo } from '../../src/connection/connection-io.ts';
import type { ConnectionEvent } from '../../src/connection/events.ts';
import { CoreConfig, type CoreOptions } from '../../src/connection/parse-config.ts';
import { seededRandom } from '../../src/crypto/random.ts';
import type { SocketAddress } from '../../src/util/address.ts';
import { coreIdentity } from './cores.ts';

export interface LinkOptions {
  seed?: number | string;
  client?: Partial<CoreOptions>;
  server?: Partial<CoreOptions>;
  connect?: Partial<ConnectOptions>;
}

export const CLIENT: SocketAddress = { address: '192.0.2.1', port: 50000, family: 4 };
export const SERVER: SocketAddress = { address: '198.51.100.1', port: 4433, family: 4 };
export const STRANGER: SocketAddress = { address: '203.0.113.9', port: 4433, family: 4 };

/** Room for everything that a test does unless it is about limits. */
const ROOMY: Partial<CoreOptions> = {
  initialMaxData: 1 << 20,
  initialMaxStreamDataBidiLocal: 1 << 18,
  initialMaxStreamDataBidiRemote: 1 << 18,
  initialMaxStreamDataUni: 1 << 18,
  initialMaxStreamsBidi: 8,
  initialMaxStreamsUni: 8,
};

export class ApiLink {
  readonly client: Connection;
  readonly server: Connection;
  now = 1000;
  readonly clientEvents: ConnectionEvent[] = [];
  readonly serverEvents: ConnectionEvent[] = [];
  /** Every datagram that crossed, in order. */
  readonly datagrams: Uint8Array[] = [];
  /** What `recv` threw. */
  readonly errors: unknown[] = [];
  /** Sees each datagram; false loses it. */
  filter: ((datagram: Uint8Array, isFromClient: boolean) => boolean) | null = null;

  constructor({ seed = 1, client = {}, server = {}, connect = {} }: LinkOptions = {}) {
    this.client = Connection.connect({
      serverName: 'localhost',
      scid: new Uint8Array(8).fill(0xc1),
      local: CLIENT,
      peer: SERVER,
      config: linkConfig(`${seed} client`, { verifyPeer: false, ...client }),
      now: this.now,
      ...connect,
    });
    this.server = Connection.accept({
      scid: new Uint8Array(8).fill(0x5e),
      local: SERVER,
      peer: CLIENT,
      config: linkConfig(`${seed} server`, { identity: coreIdentity(), ...server }),
      now: this.now,
    });
  }

  /** Runs until the handshake is confirmed on both sides. */
  static established(options: LinkOptions = {}): ApiLink {
    const link = new ApiLink(options);
    link.flush();
    link.advance(50);
    if (link.client.isEstablished && link.server.isEstablished) return link;
    throw new Error(`not established: ${String(link.errors[0])}`);
  }

  /** Lets datagrams cross until neither side has more to send. */
  flush(): void {
    for (let round = 0; round < 10_000; round++) {
      const toServer = this.take(this.client);
      const toClient = this.take(this.server);
      this.now++;
      for (const datagram of toServer) this.deliver(datagram, true);
      for (const datagram of toClient) this.deliver(datagram, false);
      this.#drain();
      if (toServer.length + toClient.length === 0) return;
    }
    throw new Error('the two never stop sending');
  }

  /** Lets time pass, with the timers of both sides. */
  advance(duration: number): void {
    const end = this.now + duration;
    for (let steps = 0; ; steps++) {
      if (steps > 100_000) throw new Error('a timer does not advance');
      const next = Math.min(this.client.timeoutAt() ?? Infinity, this.server.timeoutAt() ?? Infinity);
      if (next > end) break;
      this.now = Math.max(this.now, next);
      this.client.onTimeout(this.now);
      this.server.onTimeout(this.now);
      this.flush();
    }
    this.now = Math.max(this.now, end);
    this.#drain();
  }

  /** All that a side has to send now. */
  take(from: Connection): Uint8Array[] {
    const out = new Uint8Array(2048);
    const datagrams: Uint8Array[] = [];
    for (let info = from.send(out, this.now); info !== null; info = from.send(out, this.now)) {
      datagrams.push(out.slice(0, info.length));
    }
    return datagrams;
  }

  /** One datagram with where it goes; fails if there is none. */
  takeOne(from: Connection): { datagram: Uint8Array; info: SendInfo } {
    const out = new Uint8Array(2048);
    const info = from.send(out, this.now);
    if (info === null) throw new Error('there is nothing to send');
    return { datagram: out.slice(0, info.length), info };
  }

  deliver(datagram: Uint8Array, isFromClient: boolean): void {
    if (this.filter?.(datagram, isFromClient) === false) return;
    this.datagrams.push(datagram);
    const info = isFromClient ? { from: CLIENT, to: SERVER } : { from: SERVER, to: CLIENT };
    try {
      (isFromClient ? this.server : this.client).recv(datagram.slice(), info, this.now);
    } catch (error) {
      this.errors.push(error);
    }
  }

  #drain(): void {
    for (let event = this.client.nextEvent(); event !== null; event = this.client.nextEvent()) {
      this.clientEvents.push(event);
    }
    for (let event = this.server.nextEvent(); event !== null; event = this.server.nextEvent()) {
      this.serverEvents.push(event);
    }
  }
}

export function linkConfig(seed: string, options: Partial<CoreOptions>): CoreConfig {
  return new CoreConfig({ alpn: ['test'], random: seededRandom(seed), ...ROOMY, ...options });
}

/** What is behind the public face, to make a side misbehave. */
export function insideOf(connection: Connection): ConnectionCore {
  return (connection as unknown as { core: ConnectionCore }).core;
}

/** For `assert.throws`: a QuicError of this code. */
export function quic(code: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { name: 'QuicError', code, ...more };
}
