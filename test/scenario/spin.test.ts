/**
 * Random calls of the connection's interface at random moments, over a link that loses, repeats and reorders: two honest
 * sides never accuse each other, nothing but a documented error is thrown, and nothing ends with INTERNAL_ERROR.
 * QUAYSIDE_SEEDS says how many runs (default 50), QUAYSIDE_SEED which one.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { ConnectionCore } from '../../src/connection/connection.ts';
import type { RandomSource } from '../../src/crypto/provider.ts';
import { seededRandom } from '../../src/crypto/random.ts';
import { clientCore, isQuicError, serverCore } from '../support/cores.ts';
import { CLIENT, SERVER } from '../support/duel.ts';
import { pick } from '../support/mutations.ts';
import { seeds, withSeed } from '../support/scenario.ts';

test('random calls on both sides of a bad link end in nothing but documented errors', () => {
  let received = 0;
  const all = seeds();
  for (const seed of all) {
    withSeed(seed, () => {
      received += spin(seed);
    });
  }
  // Else nothing much was tried.
  assert.ok(received > 10_000 * all.length, `${received} bytes in ${all.length} runs`);
});

interface Flying {
  toServer: boolean;
  bytes: Uint8Array;
}

class Spin {
  readonly random: RandomSource;
  readonly client: ConnectionCore;
  server: ConnectionCore | null = null;
  now = 0;
  flying: Flying[] = [];
  readonly #seed: number;
  readonly #out = new Uint8Array(4096);
  readonly #chunk = new Uint8Array(3000);

  constructor(seed: number) {
    this.#seed = seed;
    this.random = seededRandom(`spin ${seed}`);
    this.client = clientCore({ seed, local: CLIENT, remote: SERVER });
  }

  get cores(): ConnectionCore[] {
    return this.server === null ? [this.client] : [this.client, this.server];
  }

  send(): void {
    for (const core of this.cores) {
      for (let info = core.send(this.#out, this.now); info !== null; info = core.send(this.#out, this.now)) {
        this.flying.push({ toServer: core === this.client, bytes: this.#out.slice(0, info.length) });
      }
    }
  }

  deliver({ toServer, bytes }: Flying): void {
    const info = toServer ? { from: CLIENT, to: SERVER } : { from: SERVER, to: CLIENT };
    const datagram = bytes.slice();
    if (toServer && this.server === null) {
      this.server = serverCore(datagram, { seed: this.#seed, local: SERVER, remote: CLIENT, now: this.now });
    }
    const core = toServer ? this.server : this.client;
    this.guard(() => core?.recv(datagram, info, this.now));
  }

  /** Something happens on the way. */
  network(): void {
    const { random, flying } = this;
    if (flying.length === 0) return;
    const at = random.integer(4) === 0 ? random.integer(flying.length) : 0;
    const [datagram] = flying.splice(at, 1) as [Flying];
    if (random.integer(10) === 0) return;
    if (random.integer(15) === 0) flying.push(datagram);
    this.deliver(datagram);
  }

  time(): void {
    const { random } = this;
    let next = Number.POSITIVE_INFINITY;
    for (const core of this.cores) next = Math.min(next, core.timeoutAt() ?? Number.POSITIVE_INFINITY);
    const pause = random.integer(20);
    this.now = Math.min(this.now + pause, Math.max(this.now, next));
    for (const core of this.cores) core.onTimeout(this.now);
  }

  /** The application does something to one side. */
  call(mayClose: boolean): void {
    const { random } = this;
    const core = pick(this.cores, random);
    const { streams } = core;
    const id = random.integer(24);
    this.guard(() => {
      switch (random.integer(mayClose ? 17 : 16)) {
        case 0:
        case 1:
          streams.openStream(random.integer(2) === 0 ? 'bidi' : 'uni');
          break;
        case 2:
        case 3:
        case 4:
          streams.streamSend(id, this.#chunk.subarray(0, random.integer(3000)), random.integer(8) === 0);
          break;
        case 5:
          streams.streamSendOwned(id, this.#chunk.slice(0, random.integer(3000)), random.integer(8) === 0);
          break;
        case 6:
        case 7:
          for (let next = streams.nextReadable(); next !== null; next = streams.nextReadable()) {
            streams.streamRecv(next, this.#chunk);
          }
          break;
        case 8:
          streams.streamRecvChunk(id);
          break;
        case 9:
          streams.streamDiscard(id, random.integer(2000));
          break;
        case 10:
          streams.streamShutdown(id, random.integer(2) === 0 ? 'read' : 'write', random.integer(100));
          break;
        case 11:
          streams.streamPriority(id, random.integer(256), random.integer(2) === 0);
          break;
        case 12:
          streams.isStreamWritable(id, random.integer(5000));
          streams.streamCapacity(id);
          break;
        case 13:
          streams.nextIncoming(random.integer(2) === 0 ? 'bidi' : 'uni');
          streams.nextWritable();
          streams.writable();
          streams.readable();
          break;
        case 14:
          core.updateKeys(this.now);
          break;
        case 15:
          while (core.nextEvent() !== null);
          break;
        default:
          core.close(random.integer(2) === 0, random.integer(50), 'enough', this.now);
      }
    });
  }

  guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (!isQuicError(error)) throw error;
      assert.notEqual(error.code, 'ERR_QUIC_INTERNAL_ERROR', error.message);
    }
  }

  check(): void {
    for (const core of this.cores) {
      const { local, error } = core.closer;
      if (local === null) continue;
      assert.equal(error?.message.includes('broke the protocol'), false, `${error?.message}`);
      assert.equal(local.reason, 'enough');
    }
  }
}

/** Gives how many bytes of stream data came. */
function spin(seed: number): number {
  const run = new Spin(seed);
  const { random } = run;
  const steps = 400 + random.integer(1200);
  for (let i = 0; i < steps; i++) {
    const what = random.integer(10);
    if (what < 4) run.call(i > 300 && random.integer(40) === 0);
    else if (what < 8) run.network();
    else run.time();
    if (random.integer(3) === 0) run.send();
    run.check();
  }
  // The link gets well and everybody goes home.
  run.guard(() => run.client.close(true, 1, 'enough', run.now));
  for (let i = 0; i < 5000 && run.cores.some((core) => core.state.value !== 'closed'); i++) {
    run.send();
    const next = run.flying.shift();
    if (next !== undefined) run.deliver(next);
    else {
      const at = Math.min(...run.cores.map((core) => core.timeoutAt() ?? Number.POSITIVE_INFINITY));
      run.now = Math.max(run.now, at);
      for (const core of run.cores) core.onTimeout(run.now);
    }
  }
  run.check();
  for (const core of run.cores) {
    assert.equal(core.state.value, 'closed');
    assert.equal(core.timeoutAt(), null);
    assert.equal(core.send(new Uint8Array(1500), run.now), null);
  }
  return run.cores.reduce((sum, { streams }) => sum + streams.stats.bytesReceived, 0);
}
