/**
 * `npm run bench`: this library beside the limit of the portable path and `@matrixai/quic`, interleaved in one run.
 *
 *   --runs N       rounds of every measurement (default 7)
 *   --megabytes N  of each bulk transfer of ours (default 100; a tenth for @matrixai/quic)
 *   --json         one JSON object instead of tables
 *   --check        prints each ratio with its floor and exits 1 on a miss
 */
import { parseArgs } from 'node:util';
import { type BenchFiles, makeBenchFiles } from './files.ts';
import { measureJoinedPath } from './limits/joined-path.ts';
import { MATRIXAI, measureGoodput, measureHandshakes, measureIdleMemory, QUAYSIDE } from './measure.ts';

interface Row {
  name: string;
  unit: string;
  values: number[];
}

interface Floor {
  name: string;
  value: number;
  floor: number;
  /** The value must not be above it, instead of not below. */
  isCeiling: boolean;
}

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '7' },
    megabytes: { type: 'string', default: '100' },
    json: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
  },
});

const files = makeBenchFiles();
try {
  const rows = await measure(files, count('runs', options.runs), count('megabytes', options.megabytes) * 1e6);
  const floors = judge(rows);
  if (options.json) console.log(JSON.stringify({ node: process.version, rows, floors }, null, 2));
  else print(rows, floors);
  if (options.check && floors.some(misses)) process.exitCode = 1;
} finally {
  files.remove();
}
process.exit();

async function measure(files: BenchFiles, runs: number, bytes: number): Promise<Record<string, Row>> {
  const rows: Record<string, Row> = {};
  const note = (key: string, name: string, unit: string, value: number): void => {
    rows[key] ??= { name, unit, values: [] };
    rows[key].values.push(value);
  };
  for (let run = 1; run <= runs; run++) {
    process.stderr.write(`round ${run} of ${runs}\n`);
    const limit = await measureJoinedPath({ bytes });
    note('limit', 'limit of the portable path', 'Mbit/s', limit.mbps);
    note('limitSender', '… sender', 'CPU s/GB', limit.senderCpuPerGB);
    note('limitReceiver', '… receiver', 'CPU s/GB', limit.receiverCpuPerGB);
    const down = await measureGoodput(QUAYSIDE, files, 'download', bytes);
    note('down', 'quayside, download', 'Mbit/s', down.mbps);
    note('downSender', '… server', 'CPU s/GB', down.serverCpuPerGB);
    note('downReceiver', '… client', 'CPU s/GB', down.clientCpuPerGB);
    const up = await measureGoodput(QUAYSIDE, files, 'upload', bytes);
    note('up', 'quayside, upload', 'Mbit/s', up.mbps);
    note('upSender', '… client', 'CPU s/GB', up.clientCpuPerGB);
    note('upReceiver', '… server', 'CPU s/GB', up.serverCpuPerGB);
    const other = await measureGoodput(MATRIXAI, files, 'download', bytes / 10);
    note('otherDown', '@matrixai/quic, download', 'Mbit/s', other.mbps);
    const handshakes = await measureHandshakes(QUAYSIDE, files, 200);
    note('handshakes', 'quayside, handshakes', 'per s', handshakes.perSecond);
    note('handshakeServer', '… server', 'CPU ms', handshakes.serverCpu);
    note('handshakeClient', '… client', 'CPU ms', handshakes.clientCpu);
    note(
      'otherHandshakes',
      '@matrixai/quic, handshakes',
      'per s',
      (await measureHandshakes(MATRIXAI, files, 40)).perSecond,
    );
    note('idle', 'quayside, idle connection', 'KB', (await measureIdleMemory(QUAYSIDE, files, 1000)) / 1000);
  }
  return rows;
}

/** The floors of the project, as ratios of medians of one run. */
function judge(rows: Record<string, Row>): Floor[] {
  const ratio = (a: string, b: string) => median(rows[a].values) / median(rows[b].values);
  const slower =
    rows.down.values.length > 0 && median(rows.down.values) < median(rows.up.values) ? 'down' : 'up';
  return [
    {
      name: 'goodput / limit of the portable path',
      value: ratio(slower, 'limit'),
      floor: 0.6,
      isCeiling: false,
    },
    { name: 'goodput / @matrixai/quic', value: ratio('down', 'otherDown'), floor: 20, isCeiling: false },
    {
      name: 'handshakes / @matrixai/quic',
      value: ratio('handshakes', 'otherHandshakes'),
      floor: 8,
      isCeiling: false,
    },
    { name: 'KB per idle connection', value: median(rows.idle.values), floor: 60, isCeiling: true },
  ];
}

function print(rows: Record<string, Row>, floors: Floor[]): void {
  console.log(`Node ${process.version}, ${process.platform} ${process.arch}; median (lowest to highest)`);
  for (const { name, unit, values } of Object.values(rows)) {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    console.log(
      `${name.padEnd(32)} ${show(median(values)).padStart(8)} ${unit.padEnd(9)} (${show(low)} to ${show(high)})`,
    );
  }
  console.log();
  for (const each of floors) {
    const sign = misses(each) ? '✗' : '✓';
    console.log(
      `${sign} ${each.name}: ${show(each.value)} (${each.isCeiling ? 'at most' : 'at least'} ${each.floor})`,
    );
  }
}

function misses({ value, floor, isCeiling }: Floor): boolean {
  return isCeiling ? value > floor : value < floor;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

function show(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    console.error(`bench: --${name} ${text}: must be a whole number from 1 on`);
    process.exit(2);
  }
  return value;
}
