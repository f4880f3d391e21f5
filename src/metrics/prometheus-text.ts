// Metrics in the text format of Prometheus, version 0.0.4, which every scraper reads.

import type { Metric, Sample } from './metric.ts';

/** The content type of {@link prometheusText}. */
export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Metrics of one name, such as those of several listeners, are put together. */
export function prometheusText(metrics: readonly Metric[]): string {
  const merged = new Map<string, Metric>();
  for (const metric of metrics) {
    const samples = [...(merged.get(metric.name)?.samples ?? []), ...metric.samples];
    merged.set(metric.name, { ...metric, samples });
  }
  return [...merged.values()].map(metricText).join('');
}

/** The name in Prometheus's manner: `quayside_udp_datagrams_total`. */
export function prometheusName({ name, kind, unit }: Metric): string {
  const bytes = unit === 'By' ? '_bytes' : '';
  return `${name.replaceAll('.', '_')}${bytes}${kind === 'counter' ? '_total' : ''}`;
}

function metricText(metric: Metric): string {
  const name = prometheusName(metric);
  const lines = metric.samples.map(({ labels, value }) => `${name}${labelsText(labels)} ${value}\n`);
  return `# HELP ${name} ${escaped(metric.help)}\n# TYPE ${name} ${metric.kind}\n${lines.join('')}`;
}

function labelsText(labels: Sample['labels']): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${escaped(value).replaceAll('"', '\\"')}"`,
  );
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
