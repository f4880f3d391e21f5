// `quayside get`: files by URL, over one connection for each host and port.

import { Command, Option } from 'commander';
import { connect, type QuicConnection, QuicError } from '../../index.ts';
import { CliError, describeError, ExitCode } from '../errors.ts';
import { fetchHq, HQ_ALPN } from '../hq/client.ts';
import { hqMeaning } from '../hq/codes.ts';
import { parseHqUrl } from '../hq/url.ts';
import { interrupt } from '../interrupt.ts';
import { keyLogOption } from '../key-log.ts';
import { formatBytes, formatRate, formatSeconds, note } from '../output.ts';
import { type Download, planDownloads } from '../plan-downloads.ts';
import { Progress } from '../progress.ts';
import { addTrustOptions, type TrustOptions, trust } from '../trust.ts';
import { parseCount, parseSeconds } from '../values.ts';

interface GetOptions extends TrustOptions {
  output?: string;
  timeout: number;
  parallel: number;
  alpn: string;
  quiet?: boolean;
}

export function getCommand(): Command {
  const command = new Command('get')
    .description('fetch files over QUIC (hq-interop: HTTP/0.9 over QUIC)')
    .argument('<url...>', 'hq://host:port/path; all of one host and port come over one connection')
    .option(
      '-o, --output <path>',
      'file to write to, or folder (default stdout; several files need a folder)',
    );
  return addTrustOptions(command)
    .addOption(
      new Option('--timeout <seconds>', 'time to connect').argParser(parseSeconds).default(10_000, '10'),
    )
    .option('--parallel <number>', 'files at once on a connection', parseCount, 16)
    .option('--alpn <name>', 'protocol to ask for', HQ_ALPN)
    .option('-q, --quiet', 'print errors only')
    .action(get);
}

async function get(texts: string[], options: GetOptions): Promise<void> {
  const urls = texts.map(parseHqUrl);
  const downloads = await planDownloads(urls, options.output);
  const progress = new Progress(downloads.length, options.quiet === true);
  const stop = interrupt();
  const failures: CliError[] = [];
  try {
    for (const group of byAuthority(downloads)) {
      failures.push(...(await fetchAll(group, options, progress, stop.signal)));
      stop.signal.throwIfAborted();
    }
  } finally {
    stop.release();
    progress.stop();
  }
  summarize(downloads.length, failures, progress, options.quiet === true);
}

/** The downloads of one authority, over one connection. Gives what failed. */
async function fetchAll(
  downloads: readonly Download[],
  options: GetOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<CliError[]> {
  const [{ url }] = downloads;
  let connection: QuicConnection;
  try {
    connection = await connect(
      { host: url.host, port: url.port },
      { alpn: options.alpn, handshakeTimeout: options.timeout, signal, ...trust(options), ...keyLogOption() },
    );
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const files = downloads.length === 1 ? url.text : `${url.authority} (${downloads.length} files)`;
    return downloads.map(() => new CliError(`${files}: ${describeError(error)}`, ExitCode.FAILED, error));
  }
  const failures: CliError[] = [];
  const queue = [...downloads];
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      try {
        await fetchOne(connection, next, progress, signal);
      } catch (error) {
        failures.push(new CliError(`${next.url.text}: ${whyFailed(error)}`, ExitCode.FAILED, error));
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.parallel, queue.length) }, worker));
  await connection.close().catch(() => {});
  return failures;
}

async function fetchOne(
  connection: QuicConnection,
  { url, openSink }: Download,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const sink = await openSink();
  try {
    await fetchHq(
      connection,
      url.path,
      async (chunk) => {
        await sink.write(chunk);
        progress.add(chunk.length);
      },
      signal,
    );
    await sink.finish();
    progress.fileDone();
  } catch (error) {
    await sink.abandon();
    throw error;
  }
}

function whyFailed(error: unknown): string {
  if (!(error instanceof QuicError) || error.code !== 'ERR_QUIC_STREAM_RESET') return describeError(error);
  const meaning = hqMeaning(error.errorCode);
  return `${meaning === '' ? 'the server ended the file' : meaning} (code ${error.errorCode})`;
}

/** A line for each thing that failed, and what came. Throws if anything failed. */
function summarize(count: number, failures: readonly CliError[], progress: Progress, quiet: boolean): void {
  const done = count - failures.length;
  if (!quiet && (done > 0 || progress.bytes > 0)) {
    const { bytes, elapsed } = progress;
    const files = `${done} ${done === 1 ? 'file' : 'files'}`;
    note(`${files}, ${formatBytes(bytes)} in ${formatSeconds(elapsed)}, ${formatRate(bytes, elapsed)}`);
  }
  const messages = [...new Set(failures.map(({ message }) => message))];
  const [first] = failures;
  if (first === undefined) return;
  if (messages.length === 1) throw first;
  for (const message of messages) note(`quayside: ${message}`);
  throw new CliError(`${failures.length} of ${count} files could not be fetched`);
}

function byAuthority(downloads: readonly Download[]): Download[][] {
  const groups = new Map<string, Download[]>();
  for (const download of downloads) {
    const { authority } = download.url;
    groups.set(authority, [...(groups.get(authority) ?? []), download]);
  }
  return [...groups.values()];
}
