// `quayside perf`: a server that sends and takes any number of bytes, and a client that measures.

import { Command, Option } from 'commander';
import {
  type ConnectOptions,
  connect,
  formatAddress,
  listen,
  type QuicConnection,
  type QuicListener,
} from '../../index.ts';
import { usageError } from '../errors.ts';
import { DEFAULT_PORT, parseHqUrl } from '../hq/url.ts';
import { aborted, interrupt } from '../interrupt.ts';
import { keyLogOption } from '../key-log.ts';
import { paint, print, printRows } from '../output.ts';
import {
  measureHandshakes,
  measureRequests,
  measureTransfer,
  type PerfResult,
  type Until,
} from '../perf/measure.ts';
import { PERF_ALPN, servePerf } from '../perf/protocol.ts';
import { printResult } from '../perf/report.ts';
import { serverIdentity } from '../server-identity.ts';
import { addServerOptions, type ServerOptions } from '../server-options.ts';
import { startServers } from '../servers.ts';
import { addTrustOptions, type TrustOptions, trust } from '../trust.ts';
import { parseBytes, parseCount, parseSeconds } from '../values.ts';

interface PerfOptions extends TrustOptions {
  upload?: number;
  download?: number;
  streams: number;
  requests?: boolean;
  handshakes?: boolean;
  parallel: number;
  duration?: number;
  count?: number;
  timeout: number;
  json?: boolean;
}

export function perfCommand(): Command {
  const server = addServerOptions(new Command('server').description('answer measurements')).action(serve);
  const client = new Command('client')
    .description('measure throughput, requests or handshakes against "quayside perf server"')
    .argument('<target>', 'host:port')
    .option('-u, --upload <bytes>', 'bytes that each stream sends (default 0)', parseBytes)
    .option(
      '-d, --download <bytes>',
      'bytes that each stream gets (default 10M, 1 with --requests)',
      parseBytes,
    )
    .option('-s, --streams <number>', 'streams at once', parseCount, 1)
    .option('--requests', 'requests per second: each on a stream of its own')
    .option('--handshakes', 'handshakes per second: each a connection of its own')
    .option('--parallel <number>', 'connections at once, with --handshakes', parseCount, 1)
    .option('--duration <seconds>', 'how long, with --requests or --handshakes (default 5)', parseSeconds)
    .option('--count <number>', 'how many at most, with --requests or --handshakes', parseCount)
    .addOption(
      new Option('--timeout <seconds>', 'time to connect').argParser(parseSeconds).default(10_000, '10'),
    )
    .option('--json', 'print JSON');
  addTrustOptions(client).action(measure);
  return new Command('perf')
    .description('measure: a server and a client')
    .addCommand(client)
    .addCommand(server);
}

function serveAll(listener: QuicListener): QuicListener {
  void (async () => {
    for await (const connection of listener) void servePerf(connection);
  })();
  return listener;
}

async function serve(options: ServerOptions): Promise<void> {
  const stop = interrupt();
  try {
    const identity = await serverIdentity(options);
    const servers = await startServers({
      addresses: options.address,
      port: options.port ?? DEFAULT_PORT,
      alpn: [PERF_ALPN],
      identity,
      retry: options.retry === true,
      listen: async (listener) => serveAll(await listen(listener)),
    });
    try {
      printRows([
        ...servers.addresses.map((address): [string, string] => [
          'listening on',
          `${formatAddress(address)} (UDP)`,
        ]),
        ['certificate SHA-256', identity.certificateSha256.hex],
      ]);
      const target = formatAddress(servers.addresses[0]);
      print();
      print('Measure in a second terminal:');
      print(
        `  ${paint('cyan', `npx quayside perf client ${target} --pin ${identity.certificateSha256.hex}`)}`,
      );
      await aborted(stop.signal);
    } finally {
      await servers.close();
    }
  } finally {
    stop.release();
  }
}

async function measure(target: string, options: PerfOptions): Promise<void> {
  checkModes(options);
  const { host, port } = parseTarget(target);
  const stop = interrupt();
  const { signal } = stop;
  const connectOptions: ConnectOptions = {
    alpn: PERF_ALPN,
    handshakeTimeout: options.timeout,
    signal,
    ...trust(options),
    ...keyLogOption(),
  };
  const open = () => connect({ host, port }, connectOptions);
  try {
    const result = options.handshakes
      ? await measureHandshakes(open, options.parallel, untilOf(options, signal))
      : await onConnection(open, signal, (connection) => measureOn(connection, options, signal));
    printResult(result, options.json === true);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    stop.release();
  }
}

function measureOn(
  connection: QuicConnection,
  options: PerfOptions,
  signal: AbortSignal,
): Promise<PerfResult> {
  const { streams, upload = 0 } = options;
  if (options.requests) {
    const sizes = { upload, download: options.download ?? 1, streams };
    return measureRequests(connection, sizes, untilOf(options, signal));
  }
  const download = options.download ?? (upload === 0 ? 10_000_000 : 0);
  return measureTransfer(connection, { upload, download, streams });
}

/** Opens a connection, closes it in any case, and ends it when the signal fires. */
async function onConnection<T>(
  open: () => Promise<QuicConnection>,
  signal: AbortSignal,
  use: (connection: QuicConnection) => Promise<T>,
): Promise<T> {
  const connection = await open();
  const onAbort = () => connection.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await use(connection);
  } finally {
    signal.removeEventListener('abort', onAbort);
    await connection.close().catch(() => {});
  }
}

function untilOf(
  { duration = 5000, count = Number.POSITIVE_INFINITY }: PerfOptions,
  signal: AbortSignal,
): Until {
  return { milliseconds: duration, count, signal };
}

function checkModes(options: PerfOptions): void {
  if (options.requests && options.handshakes) {
    throw usageError('--requests and --handshakes exclude each other; allowed is one of them');
  }
  const isTransfer = !options.requests && !options.handshakes;
  if (isTransfer && (options.duration !== undefined || options.count !== undefined)) {
    const name = options.duration === undefined ? '--count' : '--duration';
    throw usageError(`${name} needs --requests or --handshakes; a transfer ends when its bytes are through`);
  }
  if (options.handshakes && (options.upload !== undefined || options.download !== undefined)) {
    throw usageError('--handshakes sends nothing: --upload and --download do not go with it');
  }
}

function parseTarget(target: string): { host: string; port: number } {
  if (target.includes('/')) throw usageError(`The target "${target}" is malformed; allowed is host:port`);
  try {
    return parseHqUrl(`hq://${target}`);
  } catch (error) {
    throw usageError(`The target "${target}" is malformed; allowed is host:port`, error);
  }
}
