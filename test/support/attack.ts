/** An established connection whose peer is under the test's control, with no network between. */
import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ConnectionConfig } from '../../src/connection/config.ts';
import type { ConnectionCore } from '../../src/connection/connection.ts';
import type { ConnectionEvent } from '../../src/connection/events.ts';
import { concat } from '../../src/util/bytes.ts';
import { clientCore, serverCore } from './cores.ts';
import { CLIENT, Duel, SERVER } from './duel.ts';
import { APPLICATION, type HostileOptions, HostilePeer, type PacketOptions } from './hostile-peer.ts';

export interface AttackOptions {
  seed?: number | string;
  /** Who attacks. Default the client. */
  role?: 'client' | 'server';
  peer?: Partial<HostileOptions>;
  /** Changes to the configuration of the core. */
  changes?: Partial<ConnectionConfig>;
  /** False: nothing has been sent yet. Default true. */
  establish?: boolean;
}

export class Attack {
  readonly peer: HostilePeer;
  readonly duel: Duel;
  /** Events of the core that are kept; there may be many. */
  readonly events: ConnectionEvent[] = [];
  readonly #role: 'client' | 'server';
  #core: ConnectionCore | null = null;

  constructor(options: AttackOptions = {}) {
    const { seed = 1, role = 'client', peer = {}, changes = {} } = options;
    this.#role = role;
    const addresses =
      role === 'client' ? { local: CLIENT, remote: SERVER } : { local: SERVER, remote: CLIENT };
    this.peer = new HostilePeer({ seed, role, ...addresses, ...peer });
    if (role === 'server') {
      this.#core = clientCore({ seed, local: CLIENT, remote: SERVER, changes });
      this.duel = new Duel(this.#core, this.peer);
    } else {
      this.duel = new Duel(this.peer, (datagram, _info, now) => {
        this.#core = serverCore(datagram, { seed, local: SERVER, remote: CLIENT, now, changes });
        return this.#core;
      });
    }
    this.duel.onProgress = () => this.drain();
    if (options.establish !== false) {
      assert.ok(this.duel.run(() => this.#core?.handshake.isConfirmed === true && this.peer.isEstablished));
      this.settle();
    }
  }

  get core(): ConnectionCore {
    assert.ok(this.#core !== null, 'there is no connection yet');
    return this.#core;
  }

  /** The code with which the core closed; null while it lives. */
  get closedWith(): number | null {
    const local = this.#core?.closer.local ?? null;
    return local === null ? null : Number(local.errorCode);
  }

  /** One packet with these frames, delivered at once; the core does not get its turn to send. */
  hit(
    frames: Uint8Array | readonly Uint8Array[],
    options: PacketOptions = {},
    space: number = APPLICATION,
  ): void {
    const payload = frames instanceof Uint8Array ? frames : concat([...frames]);
    this.duel.give(this.#role === 'client', this.peer.packet(space, payload, options));
    this.drain();
  }

  /** Datagrams as they are. */
  throw(...datagrams: Uint8Array[]): void {
    for (const datagram of datagrams) this.duel.give(this.#role === 'client', datagram);
    this.drain();
  }

  /** Both send and receive until both are silent; no time passes. */
  settle(): void {
    for (let i = 0; i < 10_000; i++) if (!this.duel.stepNow()) return;
    assert.fail('the two never fall silent');
  }

  /** Lets virtual time pass, timers included. */
  wait(milliseconds: number): void {
    const end = this.duel.now + milliseconds;
    this.settle();
    while ((this.duel.nextTimeout ?? Number.POSITIVE_INFINITY) <= end) {
      if (!this.duel.step()) break;
      this.settle();
    }
    this.duel.now = end;
  }

  drain(): void {
    const core = this.#core;
    if (core === null) return;
    for (let event = core.nextEvent(); event !== null; event = core.nextEvent()) {
      if (this.events.length < 1000) this.events.push(event);
    }
  }
}

/** Bytes in use after a full collection. */
export function heapUsed(): number {
  if (collect === null) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  // The memory behind array buffers is given back late, in the background: the least of some looks is the truth.
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    collect();
    const { heapUsed: used, arrayBuffers } = process.memoryUsage();
    least = Math.min(least, used + arrayBuffers);
  }
  return least;
}

let collect: (() => void) | null = null;
