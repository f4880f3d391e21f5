/**
 * Whether the cost of a packet stays flat: a bulk transfer between two cores in one process, with neither sockets nor network,
 * alone; with 10,000 open streams on the connection; and with ACK frames of 64 ranges.
 *
 * `node bench/micro/flat-cost.ts [rounds]` (Node 24; on Node 20 the compiled file). All rows take turns in every round; CPU
 * time of both sides together per packet, the median and its ratio to the plain case. What 5,000 idle connections beside
 * change is measured over sockets: `npm run bench -- idle-beside download quayside`.
 */

import { Space } from '../../src/connection/space.ts';
import { CorePump } from '../../test/support/core-pump.ts';

const BYTES_PER_ROUND = 4_000_000;
const OPEN_STREAMS = 10_000;
const SKIP_EVERY = 2;
const WINDOWS = {
  initialMaxData: 1 << 24,
  initialMaxStreamDataUni: 1 << 24,
  initialMaxStreamsUni: 100_000,
  initialMaxStreamsBidi: 100_000,
  // The congestion window is not the subject.
  initialWindowPackets: 200,
};

const rounds = Number(process.argv[2] ?? 15);
const rows = [row('plain'), row('10,000 open streams', openStreams), row('ACK of 64 ranges', skipNumbers)];
for (let warmUp = 0; warmUp < 3; warmUp++) for (const each of rows) each.run();
for (const each of rows) each.samples.length = 0;
for (let round = 0; round < rounds; round++) for (const each of rows) each.run();
const plain = median(rows[0].samples);
console.log(`node ${process.version}, ${rounds} rounds of ${BYTES_PER_ROUND / 1e6} MB`);
console.table(
  Object.fromEntries(
    rows.map(({ name, samples, ranges }) => [
      name,
      {
        'CPU µs per packet': Number(median(samples).toFixed(2)),
        'of the plain case': Number((median(samples) / plain).toFixed(2)),
        'ranges at the end': ranges(),
      },
    ]),
  ),
);

interface Row {
  readonly name: string;
  readonly samples: number[];
  run(): void;
  ranges(): number;
}

function row(name: string, prepare: (pump: CorePump) => void = () => {}): Row {
  const pump = new CorePump(WINDOWS);
  prepare(pump);
  const samples: number[] = [];
  const block = new Uint8Array(64 * 1024);
  const run = (): void => {
    const { server, client } = pump;
    const id = server.streams.openStream('uni');
    if (id === null) throw new Error('no stream is left');
    const cpu = process.cpuUsage();
    const sent = pump.sent;
    let left = BYTES_PER_ROUND;
    for (let isOver = false; !isOver; ) {
      for (let taken: number | null = 1; left > 0 && taken !== null; left -= taken ?? 0)
        taken = server.streams.streamSend(
          id,
          left < block.length ? block.subarray(0, left) : block,
          left <= block.length,
        );
      pump.turn();
      for (
        let chunk = client.streams.streamRecvChunk(id);
        chunk !== null;
        chunk = client.streams.streamRecvChunk(id)
      ) {
        isOver = chunk.fin;
        if (isOver) break;
      }
    }
    const { user, system } = process.cpuUsage(cpu);
    samples.push((user + system) / (pump.sent - sent));
  };
  return { name, samples, run, ranges: () => pump.client.spaces[Space.APPLICATION].acks.ranges.size };
}

function openStreams(pump: CorePump): void {
  const { streams } = pump.client;
  for (let i = 0; i < OPEN_STREAMS; i++) {
    const id = streams.openStream('bidi');
    if (id === null) throw new Error(`no more than ${i} streams`);
    streams.streamSend(id, new Uint8Array(1), false);
    if (i % 100 === 0) pump.turn();
  }
  for (let i = 0; i < 200; i++) pump.turn();
  if (pump.server.streams.openCount !== OPEN_STREAMS)
    throw new Error(`${pump.server.streams.openCount} streams are open`);
}

/** Numbers that are never sent make gaps that are never filled, as losses would, with nothing to send again. */
function skipNumbers({ server }: CorePump): void {
  const { numbers, recovery } = server;
  const next = numbers.next.bind(numbers);
  numbers.next = (space, number) => {
    const following = next(space, number);
    if (space.index !== Space.APPLICATION || following % SKIP_EVERY !== 0) return following;
    recovery.skipPacketNumber(space.index, following);
    return following + 1;
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}
