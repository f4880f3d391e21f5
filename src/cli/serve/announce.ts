// What `serve` says when it listens: where, as whom, and the command that fetches from it.

import { formatGroupAddress, type ListenerKind } from '../../group.ts';
import { formatAddress, type SocketAddress } from '../../index.ts';
import { ECHO_ALPN } from '../echo.ts';
import { HQ_ALPN } from '../hq/client.ts';
import type { MetricsServer } from '../metrics-server.ts';
import { paint, print, printRows } from '../output.ts';
import type { ServerIdentity } from '../server-identity.ts';
import type { Place } from './listeners.ts';

export function announce(
  places: readonly Place[],
  folder: string,
  identity: ServerIdentity,
  metrics: MetricsServer | null,
): void {
  const { development } = identity;
  const rows: [string, string][] = places.map(({ kind, address }) => [
    'listening on',
    paint('bold', `${formatGroupAddress(address)} (${TRANSPORTS[kind]})`),
  ]);
  rows.push(['protocols', `${HQ_ALPN}, ${ECHO_ALPN}`], ['folder', folder]);
  if (metrics !== null) rows.push(['metrics', metrics.url]);
  if (development !== null) {
    rows.push(['certificate', `${development.certFile}${development.renewed ? ' (made now)' : ''}`]);
  }
  rows.push(
    ['valid until', identity.notAfter.toISOString()],
    ['certificate SHA-256', identity.certificateSha256.hex],
    ['key SHA-256', identity.spkiSha256.base64],
  );
  printRows(rows);
  print();
  print('Fetch from it in a second terminal:');
  for (const command of commands(places, identity)) print(`  ${paint('cyan', command)}`);
  print();
  print('Ctrl-C ends it.');
}

/** One command for each kind. */
function commands(places: readonly Place[], identity: ServerIdentity): string[] {
  const of = (wanted: ListenerKind) =>
    places.filter(({ kind }) => kind === wanted).map(({ address }) => address as SocketAddress);
  const quic = hostToFetch(of('quic'));
  const tcp = reachable(of('tcp'));
  const tls = reachable(of('tls'));
  const unix = places.find(({ kind }) => kind === 'unix');
  return [
    ...(quic === null ? [] : [`npx quayside get hq://${quic}/ --pin ${identity.certificateSha256.hex}`]),
    ...(tcp === null ? [] : [`printf 'GET /\\r\\n' | nc ${tcp.address} ${tcp.port}`]),
    ...(tls === null
      ? []
      : [`printf 'GET /\\r\\n' | openssl s_client -quiet -connect ${formatAddress(tls)}`]),
    ...(unix === undefined ? [] : [`printf 'GET /\\r\\n' | nc -U ${formatGroupAddress(unix.address)}`]),
  ];
}

/** What reaches a server from this machine; null if it has no address. */
function hostToFetch(addresses: readonly SocketAddress[]): string | null {
  const has = (...wanted: string[]) => addresses.find(({ address }) => wanted.includes(address));
  const [v4, v6] = [has('127.0.0.1'), has('::1')];
  if (v4 !== undefined && v4.port === v6?.port) return `localhost:${v4.port}`;
  const address = v4 ?? v6 ?? reachable(addresses);
  return address === null ? null : formatAddress(address);
}

/** The first address, in a form that can be connected to. */
function reachable([first]: readonly SocketAddress[]): SocketAddress | null {
  if (first === undefined) return null;
  if (first.address === '0.0.0.0') return { ...first, address: '127.0.0.1' };
  return first.address === '::' ? { ...first, address: '::1' } : first;
}

const TRANSPORTS: Readonly<Record<ListenerKind, string>> = {
  quic: 'UDP',
  tcp: 'TCP',
  tls: 'TLS',
  unix: 'Unix socket',
};
