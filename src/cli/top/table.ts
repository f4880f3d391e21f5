// A snapshot of a server as text: one table of listeners, one of connections.

import Table from 'cli-table3';
import { oneLine } from '../errors.ts';
import { formatBytes, paint } from '../output.ts';
import type { AdminSnapshot } from '../serve/admin.ts';

export interface TableOptions {
  /** Rows of connections that fit; the busiest are shown. */
  readonly rows: number;
  /** The snapshot before, for rates. */
  readonly before: AdminSnapshot | null;
}

export function renderSnapshot(snapshot: AdminSnapshot, { rows, before }: TableOptions): string {
  const { pid, version, startedAt, takenAt, listeners, connections } = snapshot;
  const rates = ratesOf(snapshot, before);
  const total = [...rates.values()].reduce((sum, rate) => sum + rate, 0);
  const head = [
    paint('bold', `quayside ${version}`),
    `pid ${pid}`,
    `up ${formatAge(takenAt - startedAt)}`,
    `${listeners.length} ${listeners.length === 1 ? 'listener' : 'listeners'}`,
    `${connections.length} ${connections.length === 1 ? 'connection' : 'connections'}`,
    ...(before === null ? [] : [`${formatBytes(total)}/s`]),
  ].join(paint('dim', ' · '));

  const table = newTable(['kind', 'address', 'state', 'connections', 'since']);
  for (const { kind, address, state, connections: count, startedAt: since } of listeners) {
    table.push([kind, oneLine(address ?? '-'), stateOf(state), String(count), formatAge(takenAt - since)]);
  }
  const shown = [...connections]
    .sort((a, b) => (rates.get(b.id) ?? 0) - (rates.get(a.id) ?? 0) || b.id - a.id)
    .slice(0, Math.max(1, rows));
  const details = newTable([
    'id',
    'kind',
    'from',
    'protocol',
    'state',
    'streams',
    'in',
    'out',
    'rate',
    'age',
  ]);
  for (const one of shown) {
    details.push([
      String(one.id),
      one.kind,
      oneLine(one.remoteAddress || '-'),
      oneLine(one.alpn ?? '-'),
      stateOf(one.state),
      String(one.streams),
      formatBytes(one.bytesReceived),
      formatBytes(one.bytesSent),
      before === null ? '-' : `${formatBytes(rates.get(one.id) ?? 0)}/s`,
      formatAge(takenAt - one.startedAt),
    ]);
  }
  const rest = connections.length - shown.length;
  return [
    head,
    table.toString(),
    ...(connections.length === 0 ? [] : [details.toString()]),
    ...(rest > 0 ? [paint('dim', `and ${rest} more`)] : []),
  ].join('\n');
}

function newTable(head: string[]): InstanceType<typeof Table> {
  const numbers = new Set(['id', 'connections', 'streams', 'in', 'out', 'rate', 'age', 'since']);
  return new Table({
    head: head.map((name) => paint('dim', name)),
    colAligns: head.map((name) => (numbers.has(name) ? 'right' : 'left')),
    style: { head: [], border: [], compact: true },
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  });
}

/** Bytes of each connection in a second, both ways together. */
function ratesOf(now: AdminSnapshot, before: AdminSnapshot | null): Map<number, number> {
  const known = new Map(before?.connections.map((one) => [one.id, one.bytesReceived + one.bytesSent]));
  const seconds = Math.max(0.001, (now.takenAt - (before?.takenAt ?? 0)) / 1000);
  return new Map(
    now.connections.map(({ id, bytesReceived, bytesSent }) => {
      const more = Math.max(0, bytesReceived + bytesSent - (known.get(id) ?? 0));
      return [id, before === null ? 0 : Math.round(more / seconds)];
    }),
  );
}

function stateOf(state: string): string {
  const isFine = state === 'bound' || state === 'running';
  return paint(isFine ? 'green' : 'yellow', oneLine(state));
}

/** `45 s`, `3 min`, `2 h 5 min`, `4 d 3 h`. */
export function formatAge(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
