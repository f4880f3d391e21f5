/**
 * What a STREAM frame costs in the streams part, with 1, 100 and 10,000 open streams: write (copy into the send buffer),
 * send (schedule, frame, copy into the packet), receive (decode, check, reassemble), read, acknowledge; and what a whole
 * short stream costs, from opening to forgetting.
 *
 * `node bench/micro/streams.ts [rounds]` (Node 24; on Node 20 the compiled file). All rows take turns in every round;
 * medians of the rounds, wall clock, µs per frame of 1160 bytes.
 */

import type { PacketBuilder } from '../../src/connection/part.ts';
import type { Path } from '../../src/connection/path.ts';
import { type StreamParameters, Streams } from '../../src/connection/streams/streams.ts';
import { Frame } from '../../src/wire/frame.ts';
import { readFrame } from '../../src/wire/frame-reader.ts';
import { Reader } from '../../src/wire/reader.ts';
import { Writer } from '../../src/wire/writer.ts';

const OPEN_STREAMS: readonly number[] = [1, 100, 10_000];
const FRAMES = 1000;
const FRAME_DATA = 1160;
const PACKET_ROOM = 1200;
const PHASES = ['write', 'send', 'receive', 'read', 'ack'] as const;

const LIMITS: StreamParameters = {
  initialMaxData: 2 ** 50,
  initialMaxStreamDataBidiLocal: 2 ** 40,
  initialMaxStreamDataBidiRemote: 2 ** 40,
  initialMaxStreamDataUni: 2 ** 40,
  initialMaxStreamsBidi: 2 ** 30,
  initialMaxStreamsUni: 2 ** 30,
};

/** A packet whose bytes and tokens are used again. */
class BenchPacket implements PacketBuilder {
  readonly space = 2;
  readonly intent = 'normal';
  readonly path = undefined as unknown as Path;
  readonly now = 0;
  readonly writer: Writer = new Writer(new Uint8Array(PACKET_ROOM));
  readonly tokens: Float64Array = new Float64Array(4 * 64);
  tokenCount = 0;

  token(kind: number, a: number, b: number, c: number): void {
    const at = 4 * this.tokenCount++;
    this.tokens[at] = kind;
    this.tokens[at + 1] = a;
    this.tokens[at + 2] = b;
    this.tokens[at + 3] = c;
  }

  ackEliciting(): void {}

  begin(): void {
    this.writer.offset = 0;
    this.writer.end = PACKET_ROOM;
    this.tokenCount = 0;
  }
}

/** One connection with many open streams. */
class Transfer {
  readonly samples: Record<(typeof PHASES)[number], number[]> = {
    write: [],
    send: [],
    receive: [],
    read: [],
    ack: [],
  };
  readonly #client = make('client');
  readonly #server = make('server');
  readonly #ids: number[];
  readonly #packets = Array.from({ length: FRAMES }, () => new BenchPacket());
  readonly #reader = new Reader(new Uint8Array(0), 0, 0);
  readonly #frame = new Frame();
  readonly #data = new Uint8Array(FRAME_DATA).fill(7);

  constructor(open: number) {
    this.#client.setPeerParameters(LIMITS);
    this.#server.setPeerParameters(LIMITS);
    this.#ids = Array.from({ length: open }, () => this.#client.openStream('bidi') as number);
  }

  round(): void {
    const { samples } = this;
    samples.write.push(time(() => this.#write()));
    samples.send.push(time(() => this.#send()));
    samples.receive.push(time(() => this.#receive()));
    samples.read.push(time(() => this.#read()));
    samples.ack.push(time(() => this.#ack()));
  }

  #write(): void {
    const ids = this.#ids;
    // A stride, so that neighbours in time are not neighbours in memory.
    for (let i = 0; i < FRAMES; i++) this.#client.streamSend(ids[(i * 7919) % ids.length], this.#data, false);
  }

  #send(): void {
    for (const packet of this.#packets) {
      packet.begin();
      this.#client.sender.write(packet);
    }
  }

  #receive(): void {
    const frame = this.#frame;
    for (const packet of this.#packets) {
      const { bytes, offset } = packet.writer;
      const reader = this.#reader.reset(bytes, 0, offset);
      while (reader.remaining > 0) {
        readFrame(reader, frame);
        this.#server.onStream(frame, bytes, 0);
      }
    }
  }

  #read(): void {
    const server = this.#server;
    for (let id = server.nextReadable(); id !== null; id = server.nextReadable())
      while (server.streamRecvChunk(id) !== null);
  }

  #ack(): void {
    for (const packet of this.#packets) {
      const { tokens } = packet;
      for (let at = 0; at < 4 * packet.tokenCount; at += 4) {
        this.#client.sender.acked(tokens[at], tokens[at + 1], tokens[at + 2], tokens[at + 3]);
      }
    }
  }
}

/** Short streams one after the other: 32 bytes and the end, one way. */
class ShortStreams {
  readonly samples: number[] = [];
  readonly #client = make('client');
  readonly #server = make('server');
  readonly #packet = new BenchPacket();
  readonly #reader = new Reader(new Uint8Array(0), 0, 0);
  readonly #frame = new Frame();
  readonly #data = new Uint8Array(32).fill(7);

  constructor() {
    this.#client.setPeerParameters(LIMITS);
    this.#server.setPeerParameters(LIMITS);
  }

  round(): void {
    this.samples.push(
      time(() => {
        for (let i = 0; i < FRAMES; i++) this.#one();
      }),
    );
  }

  #one(): void {
    const packet = this.#packet;
    this.#client.streamSend(this.#client.openStream('uni') as number, this.#data, true);
    packet.begin();
    this.#client.sender.write(packet);
    const { bytes, offset } = packet.writer;
    readFrame(this.#reader.reset(bytes, 0, offset), this.#frame);
    this.#server.onStream(this.#frame, bytes, 0);
    this.#server.streamRecvChunk(this.#server.nextReadable() as number);
    const { tokens } = packet;
    this.#client.sender.acked(tokens[0], tokens[1], tokens[2], tokens[3]);
  }
}

function make(role: 'client' | 'server'): Streams {
  return new Streams({ role, local: LIMITS, onPending: () => {}, maxSendBuffer: 2 ** 40 });
}

/** µs per frame. */
function time(work: () => void): number {
  const start = performance.now();
  work();
  return ((performance.now() - start) * 1000) / FRAMES;
}

function median(samples: readonly number[]): string {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[sorted.length >> 1].toFixed(2);
}

const rounds = Number(process.argv[2] ?? 101);
const transfers = OPEN_STREAMS.map((open) => new Transfer(open));
const short = new ShortStreams();
const all = [...transfers, short];
for (let round = 0; round < 10; round++) for (const each of all) each.round();
for (const each of transfers) for (const phase of PHASES) each.samples[phase].length = 0;
short.samples.length = 0;
for (let round = 0; round < rounds; round++) for (const each of all) each.round();

console.log(
  `node ${process.version}, ${rounds} rounds of ${FRAMES} frames of ${FRAME_DATA} bytes, µs per frame`,
);
console.table(
  Object.fromEntries(
    transfers.map((transfer, i) => [
      `${OPEN_STREAMS[i]} open`,
      Object.fromEntries(PHASES.map((phase) => [phase, median(transfer.samples[phase])])),
    ]),
  ),
);
console.log(`one short stream, opened to forgotten: ${median(short.samples)} µs`);
