// `quayside serve`: files over `hq-interop` and `echo`, with a development certificate unless another is given. What it
// listens on, what it serves, what it says and what it shows are in `serve/`.

import { join } from 'node:path';
import { Command } from 'commander';
import { ListenGroup } from '../../group.ts';
import { watchCertificate } from '../certificate-watch.ts';
import { ECHO_ALPN } from '../echo.ts';
import { usageError } from '../errors.ts';
import { HQ_ALPN } from '../hq/client.ts';
import { StaticFolder } from '../hq/static-folder.ts';
import { DEFAULT_PORT } from '../hq/url.ts';
import { aborted, interrupt } from '../interrupt.ts';
import { keyLogOption } from '../key-log.ts';
import { type MetricsPlace, type MetricsServer, startMetrics } from '../metrics-server.ts';
import { print, warn } from '../output.ts';
import { packageRoot } from '../package-root.ts';
import { openAdmin } from '../serve/admin.ts';
import { announce } from '../serve/announce.ts';
import { serveContent } from '../serve/content.ts';
import { addQuicListener, listenOn, metricsOf, type Place } from '../serve/listeners.ts';
import { type ServerIdentity, serverIdentity } from '../server-identity.ts';
import { addServerOptions, type ServerOptions } from '../server-options.ts';
import { startServers } from '../servers.ts';
import { addSharedOptions, openShared, type Shared, type SharedOptions } from '../shared-options.ts';
import { parseList, parsePlace } from '../values.ts';

interface ServeOptions extends ServerOptions, SharedOptions {
  listen?: string[];
  admin?: string | false;
  quiet?: boolean;
  metrics?: MetricsPlace;
}

export function serveCommand(): Command {
  const command = new Command('serve')
    .description('serve the files of a folder (hq-interop: HTTP/0.9 over QUIC) and echo')
    .argument('[folder]', 'the folder; default a small demo');
  return addSharedOptions(addServerOptions(command))
    .option(
      '-l, --listen <where>',
      'instead of --address and --port, repeatable: tcp://address:port, tls://…, unix:/path, quic://…',
      parseList,
    )
    .option('--admin <path>', 'the Unix socket that "quayside top" reads (default one for this process)')
    .option('--no-admin', 'without it')
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
    const group = new ListenGroup({
      connected: (info) => serveContent(info, files, options.quiet === true),
    });
    const self = group.addServer('*', identity);
    const certificate = watchCertificate(options, (renewed) => self.update(renewed));
    let admin: ListenGroup | null = null;
    let metrics: MetricsServer | null = null;
    try {
      const places = await listen(group, options, identity, shared);
      if (options.metrics !== undefined)
        metrics = await startMetrics(options.metrics, () => metricsOf(group));
      admin = await adminOf(group, options);
      announce(places, files.root, identity, metrics);
      await aborted(stop.signal);
      print('closing');
    } finally {
      certificate.close();
      await Promise.all([group.shutdown(), admin?.shutdown(), metrics?.close()]);
    }
  } finally {
    shared?.close();
    stop.release();
  }
}

async function listen(
  group: ListenGroup,
  options: ServeOptions,
  identity: ServerIdentity,
  shared: Shared,
): Promise<Place[]> {
  const alpn = [HQ_ALPN, ECHO_ALPN];
  const retry = options.retry === true;
  if (options.listen !== undefined) {
    if (options.address !== undefined || options.port !== undefined)
      throw usageError('--listen stands instead of --address and --port');
    const addressValidation = retry ? 'always' : 'never';
    return await listenOn(group, options.listen, {
      ...{ alpn, addressValidation },
      ...shared.options,
      ...keyLogOption(),
    });
  }
  const { addresses } = await startServers({
    addresses: options.address,
    port: options.port ?? DEFAULT_PORT,
    ...{ alpn, identity, retry },
    shared: shared.options,
    listen: (listener) => addQuicListener(group, listener),
  });
  return addresses.map((address) => ({ kind: 'quic', address }));
}

/** Nobody who did not ask for the admin socket should miss it. */
async function adminOf(group: ListenGroup, { admin }: ServeOptions): Promise<ListenGroup | null> {
  if (admin === false || (admin === undefined && process.platform === 'win32')) return null;
  try {
    return await openAdmin(group, admin);
  } catch (error) {
    if (admin !== undefined) throw error;
    warn((error as Error).message);
    return null;
  }
}
