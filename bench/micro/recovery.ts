/**
 * What recovery costs per packet sent and acknowledged (or lost), and per packet received on the other side.
 *
 * `node bench/micro/recovery.ts [rounds]` (Node 24; on Node 20 the compiled file). A window of packets stays in flight;
 * each ACK acknowledges two of them. All rows take turns in every round; the median and the best round are printed.
 * Heap growth per packet is measured over all rounds after the warm-up: it should be a rounding error.
 */

import { AckTracker } from '../../src/recovery/ack-tracker.ts';
import { bulk } from './recovery-bulk.ts';

const PACKETS_PER_ROUND = 20_000;

const rounds = Number(process.argv[2] ?? 21);
const rows: Row[] = [
  { name: 'send + ack, 50 in flight', run: bulk(50, 0, 1) },
  { name: 'send + ack, 5000 in flight', run: bulk(5000, 0, 1) },
  { name: 'send + ack, every 20th lost, ACK of 8 ranges', run: bulk(50, 20, 8) },
  { name: 'send + ack, every 20th lost, ACK of 64 ranges', run: bulk(50, 20, 64) },
  { name: 'receive, every 2nd acknowledged', run: receive() },
].map((row) => ({ ...row, samples: [], heap: 0 }));

for (let i = 0; i < 5; i++) for (const row of rows) row.run(PACKETS_PER_ROUND);
for (let round = 0; round < rounds; round++) for (const row of rows) measure(row);
console.log(`node ${process.version}, ${rounds} rounds of ${PACKETS_PER_ROUND} packets`);
console.table(
  Object.fromEntries(
    rows.map((row) => [
      row.name,
      {
        'ns per packet': Math.round(median(row.samples)),
        best: Math.round(Math.min(...row.samples)),
        'heap bytes per packet': Number((row.heap / rounds / PACKETS_PER_ROUND).toFixed(2)),
      },
    ]),
  ),
);

interface Row {
  readonly name: string;
  readonly run: (packets: number) => void;
  readonly samples: number[];
  heap: number;
}

function measure(row: Row): void {
  const heap = process.memoryUsage().heapUsed;
  const start = performance.now();
  row.run(PACKETS_PER_ROUND);
  row.samples.push(((performance.now() - start) * 1e6) / PACKETS_PER_ROUND);
  row.heap += Math.max(0, process.memoryUsage().heapUsed - heap);
}

function receive(): (packets: number) => void {
  const tracker = new AckTracker({ maxAckDelay: 25 });
  let now = 0;
  let next = 0;
  return (packets) => {
    for (let i = 0; i < packets; i++) {
      now += 0.01;
      if (!tracker.isDuplicate(next)) tracker.received(next++, true, now);
      if (tracker.shouldAck(now)) tracker.ackSent();
      if (next % 100 === 0) tracker.onAckOfAck(next - 50);
    }
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((x, y) => x - y);
  return sorted[sorted.length >> 1];
}
