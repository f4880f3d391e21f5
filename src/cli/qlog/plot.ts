// The plots of one log: window and flight with losses, round trips, what was sent and received over time.

import type { ParsedQlog, QlogSample, QlogSummary } from '../../qlog.ts';
import { formatBytes, formatSeconds } from '../output.ts';
import { chartSvg, type Series } from './chart.ts';

/** One self-contained SVG. */
export function plotQlog(log: ParsedQlog, summary: QlogSummary, name: string): string {
  const start = log.events[0]?.time ?? 0;
  const series = (label: string, colour: string, key: keyof QlogSample, isLimit = false): Series => ({
    label,
    colour,
    isLimit,
    points: summary.samples.flatMap((sample) => {
      const value = sample[key];
      return value === undefined ? [] : [[sample.time - start, value] as const];
    }),
  });
  const losses = summary.losses.map((time) => time - start);
  return chartSvg({
    title: summary.title === '' ? name : summary.title,
    subtitle:
      `${summary.role}, ${formatSeconds(summary.duration)}: sent ${summary.packetsSent} packets ` +
      `(${formatBytes(summary.bytesSent)}), received ${summary.packetsReceived} ` +
      `(${formatBytes(summary.bytesReceived)}), lost ${summary.packetsLost}`,
    duration: summary.duration,
    panels: [
      {
        title: 'Congestion window and bytes in flight',
        format: formatBytes,
        series: [
          series('slow start threshold', '#9ca3af', 'slowStartThreshold', true),
          series('in flight', '#0ea5e9', 'bytesInFlight'),
          series('congestion window', '#7c3aed', 'congestionWindow'),
        ],
        marks: { label: 'lost packet', colour: '#dc2626', times: losses },
      },
      {
        title: 'Round trip time',
        format: formatMilliseconds,
        series: [
          series('latest', '#f59e0b', 'latestRtt'),
          series('smoothed', '#059669', 'smoothedRtt'),
          series('minimum', '#111827', 'minRtt', true),
        ],
      },
      {
        title: 'Bytes of packets, in total',
        format: formatBytes,
        series: [
          { label: 'sent', colour: '#7c3aed', points: totals(log, 'packet_sent', start) },
          { label: 'received', colour: '#059669', points: totals(log, 'packet_received', start) },
        ],
      },
    ],
  });
}

function totals({ events }: ParsedQlog, event: string, start: number): [number, number][] {
  let total = 0;
  const points: [number, number][] = [];
  for (const { name, time, data } of events) {
    if (!name.endsWith(`:${event}`)) continue;
    const { length } = (data.raw ?? {}) as { length?: unknown };
    if (typeof length === 'number') total += length;
    points.push([time - start, total]);
  }
  return points;
}

function formatMilliseconds(value: number): string {
  return `${Number(value.toPrecision(3))} ms`;
}
