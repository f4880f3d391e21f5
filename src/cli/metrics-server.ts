// The numbers of a server over HTTP, for Prometheus: GET /metrics and nothing else.

import { createServer, type Server } from 'node:http';
import { type AddressInfo, isIPv6 } from 'node:net';
import { type Metric, PROMETHEUS_CONTENT_TYPE, prometheusText } from '../metrics.ts';
import { CliError, ExitCode, systemCode } from './errors.ts';

/** Where to answer scrapes. */
export interface MetricsPlace {
  readonly address: string;
  /** 0 for any free one. */
  readonly port: number;
}

export interface MetricsServer {
  readonly url: string;
  close(): Promise<void>;
}

/** @param collect asked for each scrape */
export async function startMetrics(place: MetricsPlace, collect: () => Metric[]): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (pathname !== '/metrics') response.writeHead(404).end('not found: the numbers are at /metrics\n');
    else if (!isRead) response.writeHead(405, { allow: 'GET, HEAD' }).end();
    else response.writeHead(200, { 'content-type': PROMETHEUS_CONTENT_TYPE }).end(prometheusText(collect()));
  });
  await listening(server, place);
  const { port } = server.address() as AddressInfo;
  const host = isIPv6(place.address) ? `[${place.address}]` : place.address;
  return {
    url: `http://${host}:${port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listening(server: Server, { address, port }: MetricsPlace): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const code = systemCode(error) ?? error.message;
      const message = `Cannot serve metrics on ${address} port ${port} (${code}); choose another with --metrics [address:]port`;
      reject(new CliError(message, ExitCode.FAILED, error));
    });
    server.listen({ host: address, port }, resolve);
  });
}
