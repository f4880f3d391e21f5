/** Runs the chosen measurements of the chosen subjects, interleaved: every round has each of them once. */
import { join } from 'node:path';
import type { BenchFiles } from './files.ts';
import { type Amounts, type Figure, type Measurement, OURS_ONLY } from './measurements.ts';
import { MeasuredProcess } from './process.ts';
import type { ProgressBar } from './progress.ts';
import { type Subject, takesPart } from './subjects.ts';

export interface RunOptions {
  readonly subjects: readonly Subject[];
  readonly measurements: readonly Measurement[];
  readonly rounds: number;
  readonly amounts: Amounts;
  /** A folder for CPU profiles of our processes and of the other ones in Node.js, or null. */
  readonly profiles: string | null;
}

/** One figure of one subject over the rounds. */
export interface Result {
  readonly measurement: string;
  readonly subject: string;
  readonly figure: string;
  readonly unit: string;
  readonly values: number[];
}

export interface Results {
  readonly results: readonly Result[];
  /** Why a subject was not measured, or not in something, by its name. */
  readonly absent: Readonly<Record<string, string>>;
}

interface Cell {
  readonly round: number;
  readonly measurement: Measurement;
  readonly subject: Subject;
}

export async function run(options: RunOptions, files: BenchFiles, progress: ProgressBar): Promise<Results> {
  const absent: Record<string, string> = {};
  const commands = new Map<Subject, readonly string[]>();
  for (const subject of options.subjects) {
    progress.say(`making ${subject.name} ready`);
    try {
      if (subject.command !== undefined) commands.set(subject, await subject.command());
    } catch (error) {
      absent[subject.name] = (error as Error).message;
    }
  }
  const results = new Map<string, Result>();
  const cells = cellsOf(options, absent);
  progress.start(cells.length);
  for (const { round, measurement, subject } of cells) {
    progress.step(`round ${round} of ${options.rounds}: ${measurement.name}, ${subject.name}`);
    try {
      const amounts = scale(options.amounts, subject);
      const values =
        subject.kind === 'limit'
          ? await measurement.limit?.(amounts, subject.path ?? 'node')
          : await measureOnce(
              measurement,
              subject,
              commands.get(subject) ?? [],
              amounts,
              files,
              options.profiles,
              round,
            );
      note(results, measurement, subject, values ?? {});
    } catch (error) {
      // One subject that fails does not take the others with it.
      absent[subject.name] = `${measurement.name}: ${(error as Error).message}`;
    }
  }
  return { results: [...results.values()], absent };
}

function cellsOf(options: RunOptions, absent: Readonly<Record<string, string>>): Cell[] {
  const cells: Cell[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    for (const measurement of options.measurements) {
      if (round > (measurement.rounds ?? options.rounds)) continue;
      for (const subject of options.subjects) {
        if (absent[subject.name] !== undefined || !takesPart(subject, measurement.name)) continue;
        if (OURS_ONLY.has(measurement.name) && subject.kind !== 'ours') continue;
        if (subject.kind === 'limit' && measurement.limit === undefined) continue;
        cells.push({ round, measurement, subject });
      }
    }
  }
  return cells;
}

async function measureOnce(
  measurement: Measurement,
  subject: Subject,
  command: readonly string[],
  amounts: Amounts,
  files: BenchFiles,
  profiles: string | null,
  round: number,
): Promise<Readonly<Record<string, number>>> {
  const { variant, environment = {} } = subject;
  const start = (role: 'server' | 'client', ...args: string[]): MeasuredProcess => {
    const name = `${subject.name}.${measurement.name}.${role}`;
    const [program, ...rest] = command;
    const isNode = program === process.execPath;
    const profiling =
      profiles === null || !isNode
        ? []
        : ['--cpu-prof', '--cpu-prof-dir', profiles, '--cpu-prof-name', `${name}.${round}.cpuprofile`];
    return new MeasuredProcess(
      name,
      [program, ...profiling, ...rest, role, ...args, ...(variant === undefined ? [] : [variant])],
      environment,
    );
  };
  const server = start('server', files.cert, files.key);
  let client: MeasuredProcess | null = null;
  try {
    const { port } = await server.next<{ port: number }>();
    client = start('client', String(port), files.ca);
    await client.next();
    return await measurement.run({ server, client }, amounts);
  } finally {
    await client?.stop();
    await server.stop();
  }
}

function note(
  results: Map<string, Result>,
  { name: measurement, figures }: Measurement,
  { name: subject }: Subject,
  values: Readonly<Record<string, number>>,
): void {
  for (const { name: figure, unit } of figures as readonly Figure[]) {
    if (values[figure] === undefined) continue;
    const key = join(measurement, subject, figure);
    const result = results.get(key) ?? { measurement, subject, figure, unit, values: [] };
    result.values.push(values[figure]);
    results.set(key, result);
  }
}

function scale(amounts: Amounts, { bytes = 1, counts = 1 }: Subject): Amounts {
  return {
    ...amounts,
    bytes: Math.ceil(amounts.bytes * bytes),
    handshakes: Math.ceil(amounts.handshakes * counts),
    requests: Math.ceil(amounts.requests * counts),
    datagrams: Math.ceil(amounts.datagrams * counts),
  };
}
