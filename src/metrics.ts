/**
 * quayside/metrics: the numbers of endpoints and listeners for Prometheus, prom-client and OpenTelemetry.
 * @module
 */

export { collectMetrics, type MetricsSource } from './metrics/collect.ts';
export type { Metric, Sample } from './metrics/metric.ts';
export { type OpenTelemetryMeter, observeOpenTelemetry } from './metrics/opentelemetry.ts';
export { type PromClientRegistry, registerPromClient } from './metrics/prom-client.ts';
export { PROMETHEUS_CONTENT_TYPE, prometheusText } from './metrics/prometheus-text.ts';
