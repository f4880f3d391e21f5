// `quayside qlog`: logs of connections (.sqlog), as plots and as numbers.

import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Command } from 'commander';
import { type ParsedQlog, parseQlogSequence, type QlogSummary, summarizeQlog } from '../../qlog.ts';
import { CliError, ExitCode, oneLine } from '../errors.ts';
import { formatBytes, formatSeconds, note, print, printRows, warn } from '../output.ts';
import { plotQlog } from '../qlog/plot.ts';

export function qlogCommand(): Command {
  const command = new Command('qlog').description('plot and count what is in the qlog of a connection');
  command
    .command('plot')
    .description('window, bytes in flight, round trips and losses as one SVG')
    .argument('<file>', 'a .sqlog')
    .option('-o, --output <path>', 'file to write to (default: the log with the ending .svg; - for stdout)')
    .action(plot);
  command
    .command('stat')
    .description('packets, frames, losses and round trips as numbers')
    .argument('<file>', 'a .sqlog')
    .option('--json', 'print JSON')
    .action(stat);
  return command;
}

function plot(file: string, { output }: { output?: string }): void {
  const log = read(file);
  const svg = plotQlog(log, summarizeQlog(log), basename(file));
  if (output === '-') {
    process.stdout.write(svg);
    return;
  }
  const path = output ?? `${file.replace(/\.[^./\\]*$/, '')}.svg`;
  try {
    writeFileSync(path, svg);
  } catch (error) {
    throw new CliError(`${oneLine(path)}: ${(error as Error).message}`, ExitCode.FAILED, error);
  }
  note(`wrote ${path}`);
}

function stat(file: string, { json }: { json?: boolean }): void {
  const summary = summarizeQlog(read(file));
  if (json) {
    const { samples, losses, states, ...counts } = summary;
    print(JSON.stringify({ ...counts, last: samples[samples.length - 1] ?? null }, null, 2));
    return;
  }
  printSummary(summary);
}

function printSummary(summary: QlogSummary): void {
  const last = summary.samples[summary.samples.length - 1];
  const rtt = (value: number | undefined) => (value === undefined ? '?' : `${value.toFixed(2)} ms`);
  const windows = summary.samples.map(({ congestionWindow = 0 }) => congestionWindow);
  printRows([
    ['seen by', oneLine(`${summary.role}${summary.title === '' ? '' : ` (${summary.title})`}`)],
    ['lasted', formatSeconds(summary.duration)],
    [
      'sent',
      `${summary.packetsSent} packets, ${formatBytes(summary.bytesSent)}: ${listed(summary.sentByType)}`,
    ],
    [
      'received',
      `${summary.packetsReceived} packets, ${formatBytes(summary.bytesReceived)}: ${listed(summary.receivedByType)}`,
    ],
    ['lost', `${summary.packetsLost} packets`],
    ['dropped', `${summary.packetsDropped} packets`],
    ['round trip', `least ${rtt(last?.minRtt)}, smoothed ${rtt(last?.smoothedRtt)} at the end`],
    ['window', `${formatBytes(windows.reduce((a, b) => Math.max(a, b), 0))} at most`],
    ['frames sent', listed(summary.framesSent)],
    ['frames received', listed(summary.framesReceived)],
  ]);
}

function listed(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts).sort(([, a], [, b]) => b - a);
  return oneLine(entries.map(([name, count]) => `${count} ${name}`).join(', ') || 'none');
}

function read(file: string): ParsedQlog {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CliError(`${oneLine(file)}: ${oneLine((error as Error).message)}`, ExitCode.FAILED, error);
  }
  const log = parseQlogSequence(text);
  if (log === null) throw new CliError(`${oneLine(file)} is no qlog`, ExitCode.FAILED);
  if (log.skipped > 0) warn(`records that could not be read: ${log.skipped}`);
  return log;
}
