// Metrics as observable instruments of a meter of OpenTelemetry. Knows of the package only the calls that it makes, so that
// it need not be there.

import { collectMetrics, type MetricsSource } from './collect.ts';

/** A `Meter` of `@opentelemetry/api` 1.3 or later. */
export interface OpenTelemetryMeter {
  createObservableCounter(name: string, options: InstrumentOptions): unknown;
  createObservableGauge(name: string, options: InstrumentOptions): unknown;
  addBatchObservableCallback(callback: BatchCallback, instruments: never[]): void;
  removeBatchObservableCallback(callback: BatchCallback, instruments: never[]): void;
}

interface InstrumentOptions {
  description: string;
  unit: string;
}

type BatchCallback = (result: {
  observe(instrument: never, value: number, attributes: Record<string, string>): void;
}) => void;

/**
 * Makes an instrument for each metric of an endpoint or listener, observed whenever the meter's reader collects. Gives
 * the function that ends it.
 *
 * @param attributes put on every number
 */
export function observeOpenTelemetry(
  source: MetricsSource,
  meter: OpenTelemetryMeter,
  attributes: Readonly<Record<string, string>> = {},
): () => void {
  const instruments = collectMetrics(source).map(({ name, kind, help, unit }) => {
    const options = { description: help, unit };
    return (
      kind === 'counter'
        ? meter.createObservableCounter(name, options)
        : meter.createObservableGauge(name, options)
    ) as never;
  });
  const observe: BatchCallback = (result) => {
    collectMetrics(source, attributes).forEach(({ samples }, index) => {
      for (const { labels, value } of samples) result.observe(instruments[index], value, { ...labels });
    });
  };
  meter.addBatchObservableCallback(observe, instruments);
  return () => meter.removeBatchObservableCallback(observe, instruments);
}
