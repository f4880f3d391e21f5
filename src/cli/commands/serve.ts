// `quayside serve`: files over `hq-interop` and `echo`, with a development certificate unless another is given.

import { join } from 'node:path';
import { Command } from 'commander';
import { formatAddress, type QuicConnection, type SocketAddress } from '../../index.ts';
import { watchCertificate } from '../certificate-watch.ts';
import { ECHO_ALPN, serveEcho } from '../echo.ts';
import { oneLine } from '../errors.ts';
import { HQ_ALPN } from '../hq/client.ts';
import { type HqRequest, serveHq } from '../hq/server.ts';
import { StaticFolder } from '../hq/static-folder.ts';
import { DEFAULT_PORT } from '../hq/url.ts';
import { aborted, interrupt } from '../interrupt.ts';
import { type MetricsPlace, type MetricsServer, startMetrics } from '../metrics-server.ts';
import { formatBytes, paint, print, printRows } from '../output.ts';
import { packageRoot } from '../package-root.ts';
import { type ServerIdentity, serverIdentity } from '../server-identity.ts';
import { addServerOptions, type ServerOptions } from '../server-options.ts';
import { type Servers, startServers } from '../servers.ts';
import { addSharedOptions, openShared, type Shared, type SharedOptions } from '../shared-options.ts';
import { parsePlace } from '../values.ts';

interface ServeOptions extends ServerOptions, SharedOptions {
  quiet?: boolean;
  metrics?: MetricsPlace;
}

export function serveCommand(): Command {
  const command = new Command('serve')
    .description('serve the files of a folder (hq-interop: HTTP/0.9 over QUIC) and echo')
    .argument('[folder]', 'the folder; default a small demo');
  return addSharedOptions(addServerOptions(command))
    .option('--metrics <[address:]port>', 'answer scrapes of Prometheus there, at /metrics', parsePlace)
    .option('-q, --quiet', 'do not print a line for each request')
    .action(serve);
}

async function serve(folder: string | undefined, options: ServeOptions): Promise<void> {
  const stop = interrupt();
  let shared: Shared | null = null;
  try {
    const files = await StaticFolder.at(folder ?? join(packageRoot(), 'demo'));
    const identity = await serverIdentity(options);
    shared = await openShared(options);
    const servers = await startServers({
      addresses: options.address,
      port: options.port ?? DEFAULT_PORT,
      alpn: [HQ_ALPN, ECHO_ALPN],
      identity,
      retry: options.retry === true,
      shared: shared.options,
      onConnection: (connection) => void serveConnection(connection, files, options.quiet === true),
    });
    const certificate = watchCertificate(options, (renewed) => servers.replaceIdentity(renewed));
    let metrics: MetricsServer | null = null;
    try {
      if (options.metrics !== undefined)
        metrics = await startMetrics(options.metrics, () => servers.metrics());
      announce(servers, files, identity, metrics);
      await aborted(stop.signal);
      print('closing');
    } finally {
      certificate.close();
      await Promise.all([servers.close(), metrics?.close()]);
    }
  } finally {
    shared?.close();
    stop.release();
  }
}

async function serveConnection(
  connection: QuicConnection,
  files: StaticFolder,
  quiet: boolean,
): Promise<void> {
  try {
    // Not only after the handshake: 0-RTT brings streams before it is over.
    for await (const stream of connection.incomingStreams()) {
      const { early } = stream;
      const log = (request: HqRequest) => logRequest(connection.remoteAddress, request, early);
      if (connection.alpn === ECHO_ALPN) void serveEcho(stream);
      else void serveHq(stream, files, quiet ? () => {} : log);
    }
  } catch {
    // The handshake or the connection failed, and its streams with it.
  }
}

function logRequest(from: SocketAddress, { path, code, bytes }: HqRequest, early: boolean): void {
  const file = path === null ? '?' : oneLine(path).slice(0, 120);
  print(`${formatAddress(from)} GET ${file} ${outcome(code, bytes)}${early ? ' in 0-RTT' : ''}`);
}

function outcome(code: HqRequest['code'], bytes: number): string {
  if (code === null) return paint('yellow', `left after ${formatBytes(bytes)}`);
  return code === 0 ? formatBytes(bytes) : paint('red', String(code));
}

function announce(
  servers: Servers,
  files: StaticFolder,
  identity: ServerIdentity,
  metrics: MetricsServer | null,
): void {
  const { development } = identity;
  const rows: [string, string][] = servers.addresses.map((address) => [
    'listening on',
    paint('bold', `${formatAddress(address)} (UDP)`),
  ]);
  rows.push(['protocols', `${HQ_ALPN}, ${ECHO_ALPN}`], ['folder', files.root]);
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
  print(
    `  ${paint('cyan', `npx quayside get hq://${hostToFetch(servers)}/ --pin ${identity.certificateSha256.hex}`)}`,
  );
  print();
  print('Ctrl-C ends it.');
}

/** What reaches this server from this machine. */
function hostToFetch({ addresses, port }: Servers): string {
  const has = (...wanted: string[]) => addresses.find(({ address }) => wanted.includes(address));
  if (has('127.0.0.1') && has('::1')) return `localhost:${port}`;
  const address = has('127.0.0.1', '::1') ?? addresses[0];
  return formatAddress(address);
}
