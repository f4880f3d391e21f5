// Whole transfers over a pipe that loses, delays, reorders and repeats packets.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { pair, parameters, pattern, type SentFrames, type Side } from './pair.ts';

/** A small generator of its own, so that a failing seed replays. */
function random(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

interface InFlight {
  readonly sent: SentFrames;
  readonly arrives: number;
  arrived: boolean;
}

/** One direction of the link and what its sender believes about it. */
class Link {
  readonly #from: Side;
  readonly #to: Side;
  readonly #next: () => number;
  readonly #loss: number;
  #flight: InFlight[] = [];

  constructor(from: Side, to: Side, next: () => number, loss: number) {
    this.#from = from;
    this.#to = to;
    this.#next = next;
    this.#loss = loss;
  }

  get idle(): boolean {
    return this.#flight.length === 0;
  }

  step(now: number): void {
    this.#from.now = now;
    for (let i = 0; i < 4; i++) {
      const sent = this.#from.packet(40 + Math.floor(this.#next() * 1200));
      if (sent === null) break;
      this.#flight.push({ sent, arrives: now + 1 + Math.floor(this.#next() * 20), arrived: false });
    }
    for (const each of this.#flight) {
      if (each.arrived || each.arrives > now) continue;
      each.arrived = true;
      const fate = this.#next();
      if (fate < this.#loss) {
        // Lost. Now and then it is only late: the sender hears of a loss, then of an acknowledgement.
        this.#from.lost(each.sent);
        if (this.#next() < 0.3) {
          this.#to.receive(each.sent.bytes);
          this.#from.acked(each.sent);
        }
        continue;
      }
      this.#to.receive(each.sent.bytes);
      if (this.#next() < 0.1) this.#to.receive(each.sent.bytes);
      if (this.#next() < 0.05) this.#from.lost(each.sent);
      this.#from.acked(each.sent);
    }
    this.#flight = this.#flight.filter((each) => !each.arrived);
  }
}

/** What one side writes on one stream, and how far it is. */
interface Job {
  readonly side: Side;
  readonly id: number;
  readonly total: number;
  readonly owned: boolean;
  written: number;
  ended: boolean;
}

function writeSome(job: Job, next: () => number): void {
  const { streams } = job.side;
  if (job.ended || next() < 0.3) return;
  const want = Math.min(job.total - job.written, Math.floor(next() * 4000));
  const data = pattern(job.written, want, job.id);
  const fin = job.written + want === job.total;
  const taken = job.owned
    ? streams.streamSendOwned(job.id, data, fin)
    : streams.streamSend(job.id, data, fin);
  if (taken === null) return;
  job.written += taken;
  job.ended = fin && taken === want;
}

/** Reads what there is of every stream with a small buffer or by chunks, and checks it. */
function readSome(side: Side, progress: Map<number, number>, ended: Set<number>, next: () => number): void {
  for (let id = side.streams.nextReadable(); id !== null; id = side.streams.nextReadable()) {
    for (;;) {
      const at: number = progress.get(id) ?? 0;
      let data: Uint8Array;
      let fin: boolean;
      if (next() < 0.5) {
        const out = new Uint8Array(1 + Math.floor(next() * 3000));
        const result = side.streams.streamRecv(id, out);
        if (result === null) break;
        data = out.subarray(0, result.length);
        fin = result.fin;
      } else {
        const chunk = side.streams.streamRecvChunk(id);
        if (chunk === null) break;
        ({ data, fin } = chunk);
      }
      assert.deepEqual(data, pattern(at, data.length, id));
      progress.set(id, at + data.length);
      if (fin) {
        assert.ok(!ended.has(id));
        ended.add(id);
        break;
      }
    }
  }
}

function run(seed: number, loss: number, window: number, sizes: readonly number[]): void {
  const next = random(seed);
  const { client, server } = pair(parameters(window, 2 * window, 3));
  const links = [new Link(client, server, next, loss), new Link(server, client, next, loss)];
  const waiting = [...sizes];
  const jobs: Job[] = [];
  const progress = { client: new Map<number, number>(), server: new Map<number, number>() };
  const ended = { client: new Set<number>(), server: new Set<number>() };
  let now = 0;
  const done = () =>
    waiting.length === 0 &&
    jobs.every((job) => job.ended) &&
    client.pending === 0 &&
    server.pending === 0 &&
    links.every((link) => link.idle) &&
    client.streams.openCount === 0 &&
    server.streams.openCount === 0;
  while (!done()) {
    now++;
    assert.ok(now < 20_000, `seed ${seed}: still going after ${now} steps`);
    if (waiting.length > 0) {
      const direction = next() < 0.5 ? 'bidi' : 'uni';
      const id = client.streams.openStream(direction);
      if (id !== null) {
        const total = waiting.shift() as number;
        if (next() < 0.3) client.streams.streamPriority(id, Math.floor(next() * 256), next() < 0.5);
        jobs.push({ side: client, id, total, owned: next() < 0.5, written: 0, ended: false });
        if (direction === 'bidi') {
          // The server answers as much once it heard of the stream.
          jobs.push({ side: server, id, total, owned: next() < 0.5, written: 0, ended: false });
        }
      }
    }
    for (const job of jobs) {
      if (job.side === server && !server.streams.isStreamOpen(job.id)) continue;
      writeSome(job, next);
    }
    readSome(client, progress.client, ended.client, next);
    readSome(server, progress.server, ended.server, next);
    for (const link of links) link.step(now);
  }
  for (const job of jobs) {
    const side = job.side === client ? 'server' : 'client';
    assert.equal(progress[side].get(job.id) ?? 0, job.total);
    assert.ok(ended[side].has(job.id));
  }
  for (const { streams } of [client, server]) {
    assert.equal(streams.bytesHeld, 0);
    assert.equal(streams.bytesUnsent, 0);
    assert.equal(streams.bytesUnread, 0);
  }
}

test('RFC 9000 §2.2 every stream delivers exactly its bytes under loss, reordering and duplication', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2 ** 31 }),
      fc.double({ min: 0, max: 0.5, noNaN: true }),
      fc.constantFrom(1, 700, 5000, 60_000),
      fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 8 }),
      (seed, loss, window, sizes) =>
        run(seed, loss, window, window === 1 ? sizes.map((size) => size % 50) : sizes),
    ),
    { numRuns: 200 },
  );
});

test('C45 a megabyte goes through windows of 2 kB', () => {
  run(7, 0.02, 2000, [1_000_000]);
});
