/** The chart of a run: a panel for each main figure, a bar for each subject, a line from its lowest to its highest round. */
import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { MEASUREMENTS } from './measurements.ts';
import { type Circumstances, describe } from './report.ts';
import type { Results } from './run.ts';
import { show, summarize } from './statistics.ts';
import { SUBJECTS, type Subject } from './subjects.ts';

/** A figure of a measurement, or the sum of several. */
interface Panel {
  readonly measurement: string;
  readonly figures: readonly string[];
  readonly title: string;
  /** Subjects so far from the others that these could not be told apart beside them. */
  readonly except?: readonly string[];
}

const PANELS: readonly Panel[] = [
  { measurement: 'download', figures: ['speed'], title: 'Download, Mbit/s' },
  { measurement: 'upload', figures: ['speed'], title: 'Upload, Mbit/s' },
  {
    measurement: 'download',
    figures: ['server', 'client'],
    title: 'Download, CPU seconds per GB of both sides (less is better)',
    except: ['matrixai'],
  },
  {
    measurement: 'upload',
    figures: ['server', 'client'],
    title: 'Upload, CPU seconds per GB of both sides (less is better)',
    except: ['matrixai'],
  },
  { measurement: 'full', figures: ['rate'], title: 'Full handshakes per second' },
  { measurement: 'resumed', figures: ['rate'], title: 'Resumed handshakes per second' },
  { measurement: 'requests-100', figures: ['rate'], title: 'Requests per second, 100 connections' },
  {
    measurement: 'requests-1',
    figures: ['p50'],
    title: 'Time of a lone request, ms (less is better)',
    except: ['matrixai'],
  },
  { measurement: 'datagrams', figures: ['rate'], title: 'Datagrams per second, there and back' },
  { measurement: 'idle-memory', figures: ['many'], title: 'KB per idle connection (less is better)' },
];

const COLOURS: Record<Subject['kind'], string> = { ours: '#1f6f8b', peer: '#a9b4bd', limit: '#e0b04c' };
const PANEL_WIDTH = 300;
const LABEL_WIDTH = 250;
/** Without a canvas the width of a text is guessed, and far too high. */
const LABEL_LIMIT = 2 * LABEL_WIDTH;
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
      axis: { labelFontSize: 11, titleFontSize: 11, domain: false, ticks: false, labelLimit: LABEL_LIMIT },
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

function panelOf({ measurement, figures, title, except }: Panel, results: Results['results']) {
  const known = MEASUREMENTS.find(({ name }) => name === measurement)?.figures ?? [];
  const isLessBetter = known.some(({ name, isLessBetter: less }) => name === figures[0] && less);
  const values = SUBJECTS.flatMap(({ name, title: subject, kind }) => {
    const found = figures.flatMap(
      (figure) =>
        results.find(
          (each) => each.measurement === measurement && each.subject === name && each.figure === figure,
        ) ?? [],
    );
    if (found.length < figures.length || except?.includes(name)) return [];
    const sums = found[0].values.map((_, round) =>
      found.reduce((sum, { values: each }) => sum + each[round], 0),
    );
    const { median, low, high } = summarize(sums);
    return [{ subject, kind, median, low, high, label: show(median) }];
  });
  const order = [...values].sort((a, b) => (isLessBetter ? a.median - b.median : b.median - a.median));
  const y = {
    field: 'subject',
    type: 'nominal' as const,
    title: null,
    axis: { minExtent: LABEL_WIDTH, labelLimit: LABEL_LIMIT },
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
