// Reads qlog back, ours or that of others: JSON text sequences (RFC 7464), and the one-document form. A record that was
// cut off, as the last of a process that died, is left out and counted. Knows no file.

import { RECORD_SEPARATOR } from './qlog-events.ts';

/** `time` is milliseconds since the first event. */
export interface QlogEvent {
  readonly time: number;
  /** With its namespace: 'quic:packet_sent'. */
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface ParsedQlog {
  /** The record before the events: schema, title, vantage point. */
  readonly header: Readonly<Record<string, unknown>>;
  readonly events: readonly QlogEvent[];
  /** Records that could not be read. */
  readonly skipped: number;
}

/** Null where this is no qlog. */
export function parseQlogSequence(text: string): ParsedQlog | null {
  const records = text.includes(RECORD_SEPARATOR) ? text.split(RECORD_SEPARATOR) : [text];
  let header: Record<string, unknown> | null = null;
  const events: QlogEvent[] = [];
  let skipped = 0;
  for (const record of records) {
    if (record.trim() === '') continue;
    const value = parsed(record);
    if (value === null) skipped++;
    else if (isHeader(value)) header ??= value;
    else if (isEvent(value)) events.push(value);
    else skipped++;
  }
  if (header === null) return null;
  for (const event of contained(header)) {
    if (isEvent(event)) events.push(event);
    else skipped++;
  }
  return { header, events, skipped };
}

/** Events of the first trace of a one-document file. */
function contained(header: Record<string, unknown>): unknown[] {
  const { traces } = header;
  const first: unknown = Array.isArray(traces) ? traces[0] : undefined;
  if (!isObject(first)) return [];
  return Array.isArray(first.events) ? first.events : [];
}

function parsed(record: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(record);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isHeader(value: Record<string, unknown>): boolean {
  return ['file_schema', 'qlog_version', 'qlog_format'].some((name) => name in value);
}

function isEvent(value: unknown): value is QlogEvent {
  return (
    isObject(value) &&
    typeof value.time === 'number' &&
    typeof value.name === 'string' &&
    isObject(value.data)
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
