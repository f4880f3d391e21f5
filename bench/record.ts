/** Writes a run down: the data, the chart, and the tables of docs/performance.md between two marks. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drawChart } from './chart.ts';
import type { Verdict } from './floors.ts';
import { type Circumstances, describe, floorTable, resultTables } from './report.ts';
import type { Results } from './run.ts';

const DOCS = join(process.cwd(), 'docs');
const MARKS = ['<!-- bench: begin -->', '<!-- bench: end -->'] as const;

export async function record(
  circumstances: Circumstances,
  results: Results,
  verdicts: readonly Verdict[],
): Promise<void> {
  const data = { ...circumstances, ...results, floors: verdicts };
  writeFileSync(join(DOCS, 'performance.json'), `${JSON.stringify(data)}\n`);
  writeFileSync(join(DOCS, 'performance.svg'), await drawChart(circumstances, results));
  const path = join(DOCS, 'performance.md');
  const text = readFileSync(path, 'utf8');
  const [begin, end] = MARKS.map((mark) => text.indexOf(mark));
  if (begin < 0 || end < begin)
    throw new Error(`docs/performance.md has lost its marks ${MARKS.join(' and ')}`);
  const tables = [
    `Measured on ${describe(circumstances)}. Medians, with the lowest and the highest round.`,
    '![Bars of the main figures of each subject; the tables below have all of them.](performance.svg)',
    floorTable(verdicts),
    resultTables(results),
  ].join('\n\n');
  writeFileSync(path, `${text.slice(0, begin + MARKS[0].length)}\n\n${tables}\n\n${text.slice(end)}`);
}
