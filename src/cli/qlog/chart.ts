// Small line charts as SVG: panels over one time axis, steps, marks, legends. One file that needs nothing else.

/** Values that hold from their time on; sorted by time. */
export interface Series {
  readonly label: string;
  readonly colour: string;
  readonly points: readonly (readonly [time: number, value: number])[];
  /** Faint and dashed: a limit rather than a measurement. */
  readonly isLimit?: boolean;
}

export interface Panel {
  readonly title: string;
  readonly series: readonly Series[];
  /** How values are written at the axis. */
  readonly format: (value: number) => string;
  /** Times to mark with a line from top to bottom. */
  readonly marks?: { readonly label: string; readonly colour: string; readonly times: readonly number[] };
}

export interface Chart {
  readonly title: string;
  readonly subtitle: string;
  /** Milliseconds. */
  readonly duration: number;
  readonly panels: readonly Panel[];
}

export function chartSvg({ title, subtitle, duration, panels }: Chart): string {
  const height = TOP + panels.length * (PANEL + GAP) + BOTTOM;
  const end = duration > 0 ? duration : 1;
  const x = (time: number) => LEFT + (Math.min(Math.max(time, 0), end) / end) * PLOT;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" ` +
      'font-family="system-ui, sans-serif" font-size="12">',
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(LEFT, 24, title, 'font-size="16" font-weight="600" fill="#111827"'),
    text(LEFT, 42, subtitle, 'fill="#6b7280"'),
  ];
  panels.forEach((panel, index) => {
    parts.push(...panelSvg(panel, TOP + index * (PANEL + GAP), x, end));
  });
  parts.push(...timeAxis(end, x, height - BOTTOM - GAP + 18), '</svg>');
  return `${parts.join('\n')}\n`;
}

function panelSvg(panel: Panel, top: number, x: (time: number) => number, end: number): string[] {
  const bottom = top + PANEL;
  const greatest = Math.max(0, ...panel.series.map(({ points, isLimit }) => (isLimit ? 0 : most(points))));
  const ticks = niceTicks(greatest > 0 ? greatest * 1.05 : 1, 5);
  const limit = ticks[ticks.length - 1] as number;
  const y = (value: number) => bottom - Math.min(value / limit, 1) * PANEL;
  const parts = [text(LEFT, top - 10, panel.title, 'font-weight="600" fill="#374151"')];
  for (const tick of ticks) {
    parts.push(line(LEFT, y(tick), LEFT + PLOT, y(tick), 'stroke="#e5e7eb"'));
    parts.push(text(LEFT - 8, y(tick) + 4, panel.format(tick), 'text-anchor="end" fill="#6b7280"'));
  }
  for (const tick of niceTicks(end, 8)) {
    if (tick <= end) parts.push(line(x(tick), top, x(tick), bottom, 'stroke="#f3f4f6"'));
  }
  const { marks } = panel;
  const markXs = new Set(marks?.times.map((time) => x(time).toFixed(1)));
  if (marks !== undefined && markXs.size > 0) {
    const path = [...markXs].map((at) => `M${at} ${top}V${bottom}`).join('');
    parts.push(`<path d="${path}" stroke="${marks.colour}" stroke-opacity="0.35" fill="none"/>`);
  }
  for (const series of panel.series) {
    const style = series.isLimit
      ? 'stroke-dasharray="5 4" stroke-opacity="0.8" stroke-width="1"'
      : 'stroke-width="1.5" stroke-linejoin="round"';
    const path = stepPath(series.points, x, y, end);
    if (path !== '') parts.push(`<path d="${path}" stroke="${series.colour}" ${style} fill="none"/>`);
  }
  parts.push(`<rect x="${LEFT}" y="${top}" width="${PLOT}" height="${PANEL}" fill="none" stroke="#9ca3af"/>`);
  const shown = panel.series.filter(({ points }) => points.length > 0);
  parts.push(...legend([...shown, ...(marks !== undefined && markXs.size > 0 ? [marks] : [])], top - 14));
  return parts;
}

/** At the right end above the panel. */
function legend(entries: readonly { label: string; colour: string }[], y: number): string[] {
  const parts: string[] = [];
  let right = LEFT + PLOT;
  for (const { label, colour } of [...entries].reverse()) {
    const left = right - label.length * CHARACTER;
    parts.push(text(left, y + 4, label, 'fill="#374151"'));
    right = left - 6;
    parts.push(line(right - 16, y, right, y, `stroke="${colour}" stroke-width="3"`));
    right -= 16 + 14;
  }
  return parts;
}

function timeAxis(end: number, x: (time: number) => number, y: number): string[] {
  const inSeconds = end >= 2000;
  const parts = niceTicks(end, 8)
    .filter((tick) => tick <= end)
    .map((tick) =>
      text(x(tick), y, trimmed(inSeconds ? tick / 1000 : tick), 'text-anchor="middle" fill="#6b7280"'),
    );
  parts.push(
    text(LEFT + PLOT, y + 18, inSeconds ? 'seconds' : 'milliseconds', 'text-anchor="end" fill="#6b7280"'),
  );
  return parts;
}

/** As a step line; where more points than pixels are, the least and the greatest of each pixel. */
function stepPath(
  points: Series['points'],
  x: (time: number) => number,
  y: (value: number) => number,
  end: number,
): string {
  const [first] = points;
  if (first === undefined) return '';
  let pixel = x(first[0]).toFixed(0);
  let path = `M${pixel} ${y(first[1]).toFixed(1)}`;
  let low = first[1];
  let high = first[1];
  let last = first[1];
  const column = () =>
    low < high ? `V${y(high).toFixed(1)}V${y(low).toFixed(1)}V${y(last).toFixed(1)}` : '';
  for (const [time, value] of points) {
    const at = x(time).toFixed(0);
    if (at !== pixel) {
      path += `${column()}H${at}`;
      pixel = at;
      low = high = last;
    }
    low = Math.min(low, value);
    high = Math.max(high, value);
    last = value;
  }
  return `${path}${column()}H${x(end).toFixed(1)}`;
}

function most(points: Series['points']): number {
  let greatest = 0;
  for (const [, value] of points) if (value > greatest) greatest = value;
  return greatest;
}

/** Round numbers from 0 to at least `end`, about `count` of them. */
export function niceTicks(end: number, count: number): number[] {
  const rough = end / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((each) => each * power >= rough) ?? 10) * power;
  const ticks: number[] = [];
  for (let i = 0; (i - 1) * step < end; i++) ticks.push(i * step);
  return ticks;
}

function trimmed(value: number): string {
  return String(Number(value.toPrecision(6)));
}

function line(x1: number, y1: number, x2: number, y2: number, style: string): string {
  return `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" ${style}/>`;
}

function text(x: number, y: number, content: string, style: string): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${style}>${escaped(content)}</text>`;
}

/** What a log says is written by others: no markup and no control characters. */
function escaped(content: string): string {
  const safe = content.replace(/[\p{Cc}\p{Cs}\ufffe\uffff]/gu, '\ufffd').slice(0, 256);
  return safe.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

const WIDTH = 1100;
const LEFT = 84;
const PLOT = WIDTH - LEFT - 24;
const PANEL = 210;
const TOP = 84;
const GAP = 52;
const BOTTOM = 16;
/** Average width of a character of a legend. */
const CHARACTER = 7.2;
