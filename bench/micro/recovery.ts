/**
 * What recovery costs per packet sent and acknowledged (or lost), and per packet received on the other side.
 *
 * `node bench/micro/recovery.ts [rounds]` (Node 24; on Node 20 the compiled file). A window of packets stays in flight;
 * each ACK acknowledges two of them. All rows take turns in every round; the median and the best round are printed.
 * Heap growth per packet is measured over all rounds after the warm-up: it should be a rounding error.
 */

import { AckTracker } from '../../src/recovery/ack-tracker.ts';
import { PathRecovery } from '../../src/recovery/path-recovery.ts';
import { Recovery } from '../../src/recovery/recovery.ts';

const PACKETS_PER_ROUND = 20_000;
const ACK_EVERY = 2;
const STREAM = 15;

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

/** A sender with `inFlight` packets under way; of each `loseEvery` one is lost; ACKs have `rangeCount` ranges. */
function bulk(inFlight: number, loseEvery: number, rangeCount: number): (packets: number) => void {
  const path = new PathRecovery({ initialWindowPackets: 100_000 });
  const recovery = new Recovery({ role: 'server', path }, { tokenAcked: () => {}, tokenLost: () => {} });
  recovery.setHandshakeConfirmed();
  const ack = { largestAcked: 0, rangeCount, ranges: new Float64Array(2 * rangeCount) };
  let now = 0;
  let next = 0;
  let acked = 0;
  return (packets) => {
    for (let i = 0; i < packets; i++) {
      now += 0.01;
      recovery.beginPacket(2, next);
      recovery.token(STREAM, 4, next * 1400, 2800);
      recovery.endPacket(now, 1452, true, true, path);
      next++;
      if (next - acked < inFlight || next % ACK_EVERY !== 0) continue;
      acked += ACK_EVERY;
      fillAck(ack, acked - 1, loseEvery);
      recovery.onAck(2, ack, 0, now);
    }
  };
}

/** Everything up to `largest` but each number that `loseEvery` divides, in as many ranges as there is room for. */
function fillAck(
  ack: { largestAcked: number; rangeCount: number; readonly ranges: Float64Array },
  largest: number,
  loseEvery: number,
): void {
  let high = loseEvery > 0 && largest % loseEvery === 0 ? largest - 1 : largest;
  let count = 0;
  for (; high >= 0 && 2 * count < ack.ranges.length; count++) {
    const low = loseEvery > 0 ? high - (high % loseEvery) + 1 : 0;
    ack.ranges[2 * count] = low;
    ack.ranges[2 * count + 1] = high;
    high = low - 2;
  }
  ack.rangeCount = count;
  ack.largestAcked = ack.ranges[1];
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
