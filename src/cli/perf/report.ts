// Results of `perf client` as a table for people or as JSON for programs.

import { formatBytes, formatSeconds, print, printRows } from '../output.ts';
import type { Latency, PerfResult } from './measure.ts';

export function printResult(result: PerfResult, json: boolean): void {
  if (json) print(JSON.stringify(result, null, 2));
  else printRows(rows(result));
}

function rows(result: PerfResult): [string, string][] {
  const common: [string, string][] = [
    ['time', formatSeconds(result.milliseconds)],
    ['CPU time (this process)', formatSeconds(result.cpuMilliseconds)],
  ];
  switch (result.mode) {
    case 'transfer':
      return [
        ['streams', String(result.streams)],
        ['uploaded', formatBytes(result.uploadedBytes)],
        ['downloaded', formatBytes(result.downloadedBytes)],
        ...common,
        ['goodput', `${result.megabitsPerSecond.toFixed(1)} Mbit/s`],
        ['packets sent, lost', `${result.connection.packetsSent}, ${result.connection.packetsLost}`],
        ['round trip, smoothed', milliseconds(result.connection.smoothedRtt)],
      ];
    case 'requests':
      return [
        ['streams at once', String(result.streams)],
        ['request, response', `${formatBytes(result.requestBytes)}, ${formatBytes(result.responseBytes)}`],
        ['requests', String(result.requests)],
        ...common,
        ['requests per second', result.requestsPerSecond.toFixed(1)],
        ...latency(result.latency),
      ];
    case 'handshakes':
      return [
        ['connections at once', String(result.parallel)],
        ['handshakes', String(result.handshakes)],
        ...common,
        ['handshakes per second', result.handshakesPerSecond.toFixed(1)],
        ...latency(result.latency),
      ];
  }
}

function latency({ median, p99, max }: Latency): [string, string][] {
  return [['latency median, p99, max', [median, p99, max].map(milliseconds).join(', ')]];
}

function milliseconds(value: number): string {
  return `${value.toFixed(2)} ms`;
}
