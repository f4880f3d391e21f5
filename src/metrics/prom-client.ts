// Metrics in a registry of the package prom-client, next to the application's own. Knows of the package only what a metric
// must be for it, so that it need not be there.

import { collectMetrics, type MetricsSource } from './collect.ts';
import type { Metric } from './metric.ts';
import { prometheusName } from './prometheus-text.ts';

/** A `Registry` of prom-client 15. */
export interface PromClientRegistry {
  registerMetric(metric: object): void;
  removeSingleMetric(name: string): void;
}

/**
 * Adds the metrics of an endpoint or listener to a registry; they are asked when the registry is. Gives the function that
 * takes them out. A registry that has them already throws prom-client's error.
 *
 * @param labels put on every number, such as `{ listener: 'a' }`
 */
export function registerPromClient(
  source: MetricsSource,
  registry: PromClientRegistry,
  labels: Readonly<Record<string, string>> = {},
): () => void {
  const names = collectMetrics(source, labels).map(prometheusName);
  const registered: string[] = [];
  const unregister = (): void => {
    for (const name of registered.splice(0)) registry.removeSingleMetric(name);
  };
  try {
    names.forEach((name, index) => {
      const get = async (): Promise<object> => described(name, collectMetrics(source, labels)[index]);
      registry.registerMetric({ name, get, reset() {} });
      registered.push(name);
    });
  } catch (error) {
    unregister();
    throw error;
  }
  return unregister;
}

function described(name: string, { help, kind, samples }: Metric): object {
  return { name, help, type: kind, aggregator: 'sum', values: samples };
}
