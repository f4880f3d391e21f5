/** The chart of a run: a panel for each main figure, a bar for each subject, a line from its lowest to its highest round. */
import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { MEASUREMENTS } from './measurements.ts';
import { type Circumstances, describe } from './report.ts';
import type { Results } from './run.ts';
import { show, summarize } from './statistics.ts';
import { SUBJECTS, type Subject } from './subjects.ts';

/** What is drawn, by measurement and figure. */
const PANELS: readonly { measurement: string; figure: string; title: string }[] = [
  { measurement: 'download', figure: 'speed', title: 'Download, Mbit/s' },
  { measurement: 'upload', figure: 'speed', title: 'Upload, Mbit/s' },
  { measurement: 'full', figure: 'rate', title: 'Full handshakes per second' },
  { measurement: 'resumed', figure: 'rate', title: 'Resumed handshakes per second' },
  { measurement: 'requests-100', figure: 'rate', title: 'Requests per second, 100 connections' },
  { measurement: 'requests-1', figure: 'p50', title: 'Time of a lone request, ms (less is better)' },
  { measurement: 'datagrams', figure: 'rate', title: 'Datagrams per second, there and back' },
  { measurement: 'idle-memory', figure: 'many', title: 'KB per idle connection (less is better)' },
];

const COLOURS: Record<Subject['kind'], string> = { ours: '#1f6f8b', peer: '#a9b4bd', limit: '#e0b04c' };
const PANEL_WIDTH = 300;
const ROW_HEIGHT = 20;

export async function drawChart(circumstances: Circumstances, { results }: Results): Promise<string> {
  const panels = PANELS.filter(({ measurement }) => results.some((each) => each.measurement === measurement));
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v5.json',
    background: 'white',
    padding: 16,
    title: {
      text: 'quayside and its peers on one machine, client and server a process each',
      subtitle: describe(circumstances),
      anchor: 'start',
      fontSize: 16,
      subtitleFontSize: 11,
      subtitleColor: '#666',
      offset: 16,
    },
    config: {
      font: 'Helvetica, Arial, sans-serif',
      view: { stroke: null },
      axis: { labelFontSize: 11, titleFontSize: 11, domain: false, ticks: false, labelLimit: 260 },
    },
    columns: 2,
    concat: panels.map((panel) => panelOf(panel, results)),
    spacing: { row: 28, column: 40 },
    resolve: { scale: { x: 'independent', y: 'independent' } },
  };
  const view = new View(parse(compile(spec).spec), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  return `${svg}\n`;
}

function panelOf({ measurement, figure, title }: (typeof PANELS)[number], results: Results['results']) {
  const isLessBetter =
    MEASUREMENTS.find(({ name }) => name === measurement)?.figures.find(({ name }) => name === figure)
      ?.isLessBetter === true;
  const values = SUBJECTS.flatMap(({ name, title: subject, kind }) => {
    const found = results.find(
      (each) => each.measurement === measurement && each.subject === name && each.figure === figure,
    );
    if (found === undefined) return [];
    const { median, low, high } = summarize(found.values);
    return [{ subject, kind, median, low, high, label: show(median) }];
  });
  const order = [...values].sort((a, b) => (isLessBetter ? a.median - b.median : b.median - a.median));
  const y = {
    field: 'subject',
    type: 'nominal' as const,
    title: null,
    sort: order.map(({ subject }) => subject),
  };
  return {
    title: { text: title, anchor: 'start' as const, fontSize: 12, offset: 4 },
    width: PANEL_WIDTH,
    height: { step: ROW_HEIGHT },
    data: { values },
    encoding: { y },
    layer: [
      {
        mark: { type: 'bar' as const, height: { band: 0.7 } },
        encoding: {
          x: {
            field: 'median',
            type: 'quantitative' as const,
            title: null,
            axis: { grid: true, tickCount: 4 },
          },
          color: {
            field: 'kind',
            type: 'nominal' as const,
            scale: { domain: Object.keys(COLOURS), range: Object.values(COLOURS) },
            legend: null,
          },
        },
      },
      {
        mark: { type: 'rule' as const, color: '#333', strokeWidth: 1 },
        encoding: {
          x: { field: 'low', type: 'quantitative' as const },
          x2: { field: 'high' },
        },
      },
      {
        mark: { type: 'text' as const, align: 'left' as const, dx: 5, fontSize: 10 },
        encoding: {
          x: { field: 'high', type: 'quantitative' as const },
          text: { field: 'label', type: 'nominal' as const },
        },
      },
    ],
  };
}
