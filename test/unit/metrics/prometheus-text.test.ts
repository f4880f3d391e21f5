import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Metric } from '../../../src/metrics/metric.ts';
import { prometheusText } from '../../../src/metrics/prometheus-text.ts';

const SENT: Metric = {
  name: 'quayside.udp.io',
  kind: 'counter',
  unit: 'By',
  help: 'A \\ and\na line',
  samples: [
    { labels: { direction: 'sent', note: 'say "a\\b"\nc' }, value: 7 },
    { labels: {}, value: 0.5 },
  ],
};

test('names, units, help and labels are written as the text format wants them', () => {
  assert.equal(
    prometheusText([SENT]),
    [
      '# HELP quayside_udp_io_bytes_total A \\\\ and\\na line',
      '# TYPE quayside_udp_io_bytes_total counter',
      'quayside_udp_io_bytes_total{direction="sent",note="say \\"a\\\\b\\"\\nc"} 7',
      'quayside_udp_io_bytes_total 0.5',
      '',
    ].join('\n'),
  );
});

test('metrics of one name are one, with the samples of all', () => {
  const gauge = (value: number): Metric => ({
    name: 'quayside.sockets',
    kind: 'gauge',
    unit: '{socket}',
    help: 'Open sockets',
    samples: [{ labels: { of: String(value) }, value }],
  });
  assert.equal(
    prometheusText([gauge(1), gauge(2)]),
    '# HELP quayside_sockets Open sockets\n# TYPE quayside_sockets gauge\nquayside_sockets{of="1"} 1\nquayside_sockets{of="2"} 2\n',
  );
});
