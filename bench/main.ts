/**
 * `npm run bench [-- word … option …]`: this library beside its peers and the limits of the path, interleaved in one run.
 * A word is a measurement (`download`, `throughput`, `handshakes` …), a subject (`quayside`, `quinn` …) or `peers` for all
 * subjects; without words of a kind, all of that kind. Without any, everything.
 *
 *   --runs N         rounds (default 7)
 *   --megabytes N    of a bulk transfer of the portable path (default 100); subjects that are faster get more
 *   --quick          one round with little work: seconds, for a look or a profile
 *   --cpu-prof DIR   a CPU profile of each process in Node.js
 *   --json           one JSON object instead of tables
 *   --check          says which floors were missed, and exits 1 if one was
 *   --record         writes docs/performance.json, its chart, and the tables of docs/performance.md
 *   --list           the words
 */
import { mkdirSync } from 'node:fs';
import { availableParallelism, cpus, release, type } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { makeBenchFiles } from './files.ts';
import { judge } from './floors.ts';
import { type Amounts, MEASUREMENTS } from './measurements.ts';
import { ProgressBar } from './progress.ts';
import { record } from './record.ts';
import { type Circumstances, describe, floorTable, resultTables } from './report.ts';
import { run } from './run.ts';
import { Medians } from './statistics.ts';
import { SUBJECTS } from './subjects.ts';

const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string' },
    megabytes: { type: 'string' },
    quick: { type: 'boolean', default: false },
    'cpu-prof': { type: 'string' },
    json: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});

const ALL_SUBJECTS = 'peers';

if (options.list) list();
else process.exitCode = await main();
process.exit();

async function main(): Promise<number> {
  const rounds = count('runs', options.runs ?? (options.quick ? '1' : '7'));
  const amounts = amountsOf();
  const { subjects, measurements } = choose();
  const profiles = options['cpu-prof'] === undefined ? null : resolve(options['cpu-prof']);
  if (profiles !== null) mkdirSync(profiles, { recursive: true });
  const files = makeBenchFiles();
  const progress = new ProgressBar();
  process.once('SIGINT', () => {
    progress.stop();
    files.remove();
    process.exit(130);
  });
  try {
    const results = await run({ subjects, measurements, rounds, amounts, profiles }, files, progress);
    progress.stop();
    const verdicts = judge(new Medians(results.results));
    const circumstances = circumstancesOf(rounds);
    if (options.json) {
      console.log(JSON.stringify({ ...circumstances, ...results, floors: verdicts }, null, 2));
    } else {
      const look = options.quick ? '; a quick look with little work' : '';
      console.log(
        `${describe(circumstances)}${look}; medians (lowest to highest)\n\n${resultTables(results)}\n`,
      );
      const judged = verdicts.filter(({ value }) => options.check || value !== null);
      if (judged.length > 0) console.log(floorTable(judged));
    }
    if (options.record) await record(circumstances, results, verdicts);
    return options.check && verdicts.some(({ isMet }) => isMet === false) ? 1 : 0;
  } finally {
    progress.stop();
    files.remove();
  }
}

function choose() {
  const subjectWords = new Set([ALL_SUBJECTS, ...SUBJECTS.map(({ name }) => name)]);
  const chooses = (measurement: (typeof MEASUREMENTS)[number], word: string): boolean =>
    measurement.name === word || measurement.words.includes(word);
  const wrong = words.find(
    (word) => !subjectWords.has(word) && !MEASUREMENTS.some((each) => chooses(each, word)),
  );
  if (wrong !== undefined) {
    console.error(`bench: there is nothing called "${wrong}"; npm run bench -- --list says what there is`);
    process.exit(2);
  }
  const chosenSubjects = SUBJECTS.filter(({ name }) => words.includes(name));
  const chosenMeasurements = MEASUREMENTS.filter((each) => words.some((word) => chooses(each, word)));
  return {
    subjects: chosenSubjects.length === 0 || words.includes(ALL_SUBJECTS) ? SUBJECTS : chosenSubjects,
    measurements: chosenMeasurements.length === 0 ? MEASUREMENTS : chosenMeasurements,
  };
}

function amountsOf(): Amounts {
  const { quick } = options;
  const megabytes = count('megabytes', options.megabytes ?? (quick ? '40' : '100'));
  return {
    bytes: megabytes * 1e6,
    handshakes: quick ? 300 : 500,
    requests: quick ? 500 : 4000,
    datagrams: quick ? 5000 : 30_000,
    connections: quick ? [100, 500] : [1000, 5000],
    streams: quick ? 20_000 : 1_000_000,
  };
}

function circumstancesOf(rounds: number): Circumstances {
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.version.slice(1),
    system: `${type()} ${release()}`,
    processor: cpus()[0]?.model.trim() ?? 'an unknown processor',
    cores: availableParallelism(),
    rounds,
  };
}

function list(): void {
  console.log('measurements');
  for (const { name, words: more, title } of MEASUREMENTS)
    console.log(`  ${[name, ...more].join(', ').padEnd(28)}${title}`);
  console.log(`subjects (${ALL_SUBJECTS} for all)`);
  for (const { name, title } of SUBJECTS) console.log(`  ${name.padEnd(28)}${title}`);
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    console.error(`bench: --${name} ${text}: must be a whole number from 1 on`);
    process.exit(2);
  }
  return value;
}
