/** A sender's recovery under a steady load, for measurements of what it costs per packet. */
import { PathRecovery } from '../../src/recovery/path-recovery.ts';
import { Recovery } from '../../src/recovery/recovery.ts';

const ACK_EVERY = 2;
const STREAM = 15;

/** A sender with `inFlight` packets under way; of each `loseEvery` one is lost; ACKs have `rangeCount` ranges. */
export function bulk(inFlight: number, loseEvery: number, rangeCount: number): (packets: number) => void {
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

/** Microseconds per packet with ACKs of one range and of 64: medians of rounds that take turns. */
export function costOfRanges(rounds: number): { plain: number; ranges: number } {
  const cases = [bulk(50, 0, 1), bulk(50, 20, 64)].map((run) => ({ run, samples: [] as number[] }));
  for (let i = 0; i < 3; i++) for (const { run } of cases) run(PACKETS);
  for (let round = 0; round < rounds; round++) {
    for (const { run, samples } of cases) {
      const { user, system } = process.cpuUsage();
      run(PACKETS);
      const used = process.cpuUsage({ user, system });
      samples.push((used.user + used.system) / PACKETS);
    }
  }
  const [plain, ranges] = cases.map(({ samples }) => samples.sort((x, y) => x - y)[samples.length >> 1]);
  return { plain, ranges };
}

const PACKETS = 20_000;
