/** What the project promises of its speed, in one table: each a figure or a ratio of medians of one run. */
import { combine, type Medians } from './statistics.ts';

export interface Floor {
  readonly name: string;
  readonly bound: 'at least' | 'at most';
  /** Null where there is only an aim. */
  readonly value: number | null;
  /** What is aimed at beyond the floor. */
  readonly aim?: number;
  measure(medians: Medians): number | null;
}

export interface Verdict {
  readonly name: string;
  readonly bound: 'at least' | 'at most';
  readonly floor: number | null;
  readonly aim: number | null;
  /** Null when this run did not measure it. */
  readonly value: number | null;
  /** Null without a value or a floor. */
  readonly isMet: boolean | null;
}

/**
 * A cost is CPU of both sides together. Where two directions are measured the worse one counts; the limit has one
 * direction, as its sender and receiver do not know which of them is the server.
 */
export const FLOORS: readonly Floor[] = [
  {
    name: 'portable AES-128-GCM, cost of the limit of the path / ours',
    bound: 'at least',
    value: 0.8,
    measure: (m) => worse((direction) => ratio(m.cpu('download', 'limit'), m.cpu(direction, 'quayside'))),
  },
  {
    name: 'portable AES-128-GCM, cost of quiche through N-API / ours',
    bound: 'at least',
    value: null,
    aim: 0.9,
    measure: (m) => costOver(m, 'quiche', 'quayside'),
  },
  {
    name: 'portable ChaCha20-Poly1305, cost of quiche through N-API / ours',
    bound: 'at least',
    value: 1,
    measure: (m) => costOver(m, 'quiche', 'quayside-chacha'),
  },
  {
    name: 'with the addon, cost of quinn / ours',
    bound: 'at least',
    value: 0.5,
    aim: 0.7,
    measure: (m) => costOver(m, 'quinn', 'quayside-native'),
  },
  {
    name: 'with the addon, goodput ours / quinn',
    bound: 'at least',
    value: 0.5,
    aim: 0.7,
    measure: (m) => speedOver(m, 'quayside-native', 'quinn'),
  },
  {
    name: 'with the addon, cost of quic-go / ours',
    bound: 'at least',
    value: 2,
    measure: (m) => costOver(m, 'quic-go', 'quayside-native'),
  },
  {
    name: 'with the addon, goodput ours / quic-go',
    bound: 'at least',
    value: 2,
    measure: (m) => speedOver(m, 'quayside-native', 'quic-go'),
  },
  {
    name: 'full handshake, CPU of our server / quiche through N-API',
    bound: 'at most',
    value: 1,
    measure: (m) => ratio(m.of('full', 'quayside', 'server'), m.of('full', 'quiche', 'server')),
  },
  {
    name: 'full handshake, CPU of both sides / resumed',
    bound: 'at least',
    value: 2,
    measure: (m) => ratio(m.cpu('full', 'quayside'), m.cpu('resumed', 'quayside')),
  },
  {
    name: 'KB resident on the server for each of 5,000 idle connections',
    bound: 'at most',
    value: 30,
    measure: (m) => m.of('idle-memory', 'quayside', 'many'),
  },
  {
    name: 'bytes that a stream leaves behind',
    bound: 'at most',
    value: 8,
    measure: (m) => m.of('stream-memory', 'quayside', 'left'),
  },
  {
    name: 'cost with 10,000 open streams / without',
    bound: 'at most',
    value: 1.3,
    measure: (m) => ratio(m.cpu('open-streams', 'quayside'), m.cpu('download', 'quayside')),
  },
  {
    name: 'cost with 5,000 idle connections beside / without',
    bound: 'at most',
    value: 1.3,
    measure: (m) => ratio(m.cpu('idle-beside', 'quayside'), m.cpu('download', 'quayside')),
  },
  {
    name: 'CPU of a packet whose ACK has 64 ranges / one',
    bound: 'at most',
    value: 1.3,
    measure: (m) => {
      const packet = combine((cost, bytes) => cost * bytes, m.of('download', 'quayside', 'server'), PACKET);
      const more = combine(
        (ranges, plain) => ranges - plain,
        m.of('ack-ranges', 'quayside', 'ranges'),
        m.of('ack-ranges', 'quayside', 'plain'),
      );
      return combine((a, b) => (a + b) / a, packet, more);
    },
  },
  {
    name: 'handshake over hand-over, CPU of a server of two threads / of one',
    bound: 'at most',
    value: 1.1,
    measure: (m) =>
      ratio(m.of('workers', 'workers-2-portable', 'server'), m.of('workers', 'workers-1-portable', 'server')),
  },
  {
    name: 'handshake with the addon, CPU of a server of two threads / of one',
    bound: 'at most',
    value: 1.1,
    measure: (m) =>
      ratio(m.of('workers', 'workers-2-native', 'server'), m.of('workers', 'workers-1-native', 'server')),
  },
  {
    name: 'connections that the less busy of two threads got, %, by hand-over',
    bound: 'at least',
    value: 45,
    measure: (m) => m.of('workers', 'workers-2-portable', 'least'),
  },
  {
    name: 'connections that the less busy of two threads got, %, by the kernel',
    bound: 'at least',
    value: 45,
    measure: (m) => m.of('workers', 'workers-2-native', 'least'),
  },
  {
    name: 'goodput ours / @matrixai/quic',
    bound: 'at least',
    value: 20,
    measure: (m) => speedOver(m, 'quayside', 'matrixai'),
  },
];

export function judge(medians: Medians): Verdict[] {
  return FLOORS.map(({ name, bound, value: floor, aim = null, measure }) => {
    const value = measure(medians);
    const isMet =
      value === null || floor === null ? null : bound === 'at least' ? value >= floor : value <= floor;
    return { name, bound, floor, aim, value, isMet };
  });
}

/** µs of a packet of 1452 bytes for each CPU s/GB. */
const PACKET = 1.452;

function ratio(a: number | null, b: number | null): number | null {
  return combine((x, y) => x / y, a, b);
}

/** What theirs costs over what ours costs: above 1, ours is cheaper. */
function costOver(m: Medians, theirs: string, ours: string): number | null {
  return worse((direction) => ratio(m.cpu(direction, theirs), m.cpu(direction, ours)));
}

function speedOver(m: Medians, ours: string, theirs: string): number | null {
  return worse((direction) => ratio(m.of(direction, ours, 'speed'), m.of(direction, theirs, 'speed')));
}

function worse(measure: (direction: 'download' | 'upload') => number | null): number | null {
  return combine(Math.min, measure('download'), measure('upload'));
}
