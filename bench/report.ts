/** The results as text: tables that are Markdown and can be read as they are. */
import type { Verdict } from './floors.ts';
import { MEASUREMENTS } from './measurements.ts';
import type { Results } from './run.ts';
import { show, summarize } from './statistics.ts';
import { SUBJECTS } from './subjects.ts';

/** Where and when a run was made. */
export interface Circumstances {
  readonly date: string;
  readonly node: string;
  readonly system: string;
  readonly processor: string;
  readonly cores: number;
  readonly rounds: number;
}

export function describe({ date, node, system, processor, cores, rounds }: Circumstances): string {
  return `${date}, ${processor}, ${cores} cores, ${system}, Node.js ${node}; ${rounds} ${rounds === 1 ? 'round' : 'rounds'}`;
}

/** One table for each measurement. */
export function resultTables({ results, absent }: Results): string {
  const parts: string[] = [];
  for (const { name, title, figures } of MEASUREMENTS) {
    const subjects = SUBJECTS.filter((subject) =>
      results.some((each) => each.measurement === name && each.subject === subject.name),
    );
    if (subjects.length === 0) continue;
    const rows = subjects.map((subject) => [
      subject.title,
      ...figures.map((figure) => {
        const found = results.find(
          (each) => each.measurement === name && each.subject === subject.name && each.figure === figure.name,
        );
        if (found === undefined) return '';
        const { median, low, high } = summarize(found.values);
        return found.values.length === 1 ? show(median) : `${show(median)} (${show(low)} to ${show(high)})`;
      }),
    ]);
    parts.push(`${title} (\`${name}\`)\n\n${table(['', ...figures.map(({ unit }) => unit)], rows)}`);
  }
  const missing = Object.entries(absent).map(
    ([name, reason]) => `Not measured: ${name}, ${reason.split('\n', 1)[0]}`,
  );
  return [...parts, ...missing].join('\n\n');
}

export function floorTable(verdicts: readonly Verdict[]): string {
  return table(
    ['', 'measured', 'floor', 'aim', ''],
    verdicts.map(({ name, bound, floor, aim, value, isMet }) => [
      name,
      value === null ? 'not measured' : show(value),
      floor === null ? '' : `${bound} ${floor}`,
      aim === null ? '' : String(aim),
      isMet === null ? '' : isMet ? '✓' : '✗',
    ]),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, at) => Math.max(3, cell.length, ...rows.map((row) => row[at].length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at]))).join(' | ')} |`;
  const rule = `|${widths.map((width, at) => (at === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}
