// What the program prints: results to stdout, everything about them to stderr. Colours only where somebody sees them.

import { styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];

/** A line of result. */
export function print(text = ''): void {
  process.stdout.write(`${text}\n`);
}

/** A line about what happens. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** A line about what is not as it should be. */
export function warn(text: string): void {
  process.stderr.write(`${paint('yellow', 'warning:', process.stderr)} ${text}\n`);
}

/** Styles text if the stream is a terminal and NO_COLOR is not set (https://no-color.org). */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return hasColours(stream) ? withStyle(style, text, { validateStream: false }) : text;
}

/** Rows of label and value, aligned. */
export function printRows(rows: readonly (readonly [label: string, value: string])[], indent = ''): void {
  const width = Math.max(...rows.map(([label]) => label.length));
  for (const [label, value] of rows) print(`${indent}${paint('dim', label.padEnd(width))}  ${value}`);
}

/** `1.23 MB`: powers of 1000, as networks count. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toPrecision(3)} ${UNITS[unit]}`;
}

/** `94.2 Mbit/s`. */
export function formatRate(bytes: number, milliseconds: number): string {
  const mbits = milliseconds > 0 ? (bytes * 8) / 1000 / milliseconds : 0;
  return `${mbits >= 100 ? mbits.toFixed(0) : mbits.toPrecision(3)} Mbit/s`;
}

/** `0.42 s`. */
export function formatSeconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 2 : 1)} s`;
}

function hasColours(stream: NodeJS.WriteStream): boolean {
  const { NO_COLOR, TERM } = process.env;
  return stream.isTTY === true && (NO_COLOR === undefined || NO_COLOR === '') && TERM !== 'dumb';
}

/** Newer runtimes look at stdout themselves unless told not to; older ones ignore the third argument. */
const withStyle: (style: Style, text: string, options: { validateStream: boolean }) => string = styleText;

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];
