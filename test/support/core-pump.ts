/**
 * A client and a server core that hand each other their datagrams at once: no network, no sockets, no pacing, and time that
 * goes on by a tenth of a millisecond a turn. For what is asked of cost and memory, not of the network.
 */

import { DEFAULT_TRANSPORT_CONFIG, type TransportConfig } from '../../src/connection/config.ts';
import type { ConnectionCore } from '../../src/connection/connection.ts';
import type { SendInfo } from '../../src/connection/connection-io.ts';
import { NO_TRACE } from '../../src/trace/trace.ts';
import type { SocketAddress } from '../../src/util/address.ts';
import { ROOMY } from './core-pair.ts';
import { clientCore, serverCore } from './cores.ts';

export class CorePump {
  readonly client: ConnectionCore;
  readonly server: ConnectionCore;
  now = 0;
  /** Datagrams that the server sent. */
  sent = 0;
  readonly #info = {} as SendInfo;

  constructor(transport: Partial<TransportConfig> = {}) {
    const config = { ...DEFAULT_TRANSPORT_CONFIG, ...ROOMY, pacing: false, ...transport };
    const changes = { trace: NO_TRACE, transport: config };
    this.client = clientCore({ seed: 1, local: CLIENT, remote: SERVER, changes });
    const length = this.client.send(OUT, 0)?.length ?? 0;
    const first = OUT.slice(0, length);
    const server = serverCore(first, { seed: 1, local: SERVER, remote: CLIENT, changes });
    if (server === null) throw new Error('The client did not begin');
    this.server = server;
    this.server.recv(first, TO_SERVER, 0);
    while (!this.client.handshake.isConfirmed) this.turn();
  }

  /** Each side sends what it can, at most 128 datagrams, and hears what the other one sent. */
  turn(): void {
    this.now += 0.1;
    this.#move(this.client, this.server, TO_SERVER);
    this.sent += this.#move(this.server, this.client, TO_CLIENT);
  }

  #move(from: ConnectionCore, to: ConnectionCore, info: { from: SocketAddress; to: SocketAddress }): number {
    const due = from.timeoutAt();
    if (due !== null && due <= this.now) from.onTimeout(this.now);
    let count = 0;
    while (count < 128) {
      const sent = from.send(OUT, this.now, 1, null, null, this.#info);
      if (sent === null) break;
      // What is received may be changed, and so may not be what is written into next.
      const datagram = sent.length === DATAGRAM.length ? DATAGRAM : new Uint8Array(sent.length);
      datagram.set(OUT.length === sent.length ? OUT : OUT.subarray(0, sent.length));
      to.recv(datagram, info, this.now);
      count++;
    }
    for (const side of [from, to]) while (side.nextEvent() !== null);
    return count;
  }
}

const CLIENT: SocketAddress = { address: '192.0.2.1', port: 50_000, family: 4 };
const SERVER: SocketAddress = { address: '198.51.100.1', port: 4433, family: 4 };
const TO_SERVER = { from: CLIENT, to: SERVER };
const TO_CLIENT = { from: SERVER, to: CLIENT };
const OUT = new Uint8Array(1452);
/** Most datagrams have this size. */
const DATAGRAM = new Uint8Array(1452);
