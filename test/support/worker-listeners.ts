/** Listeners over worker threads for tests, and questions to their workers. */
import {
  type ConnectOptions,
  connect,
  listen,
  type QuicConnection,
  type WorkerListener,
  type WorkerListenOptions,
} from '../../src/index.ts';
import { makeTestIdentity } from './certificates.ts';

const ENDING = import.meta.url.slice(-3);
export const ENTRY: URL = new URL(`./worker-entry${ENDING}`, import.meta.url);

const identity = makeTestIdentity();

export function listenInWorkers(
  count: number,
  options: Partial<WorkerListenOptions> = {},
): Promise<WorkerListener> {
  return listen({
    address: '127.0.0.1',
    alpn: ['test', 'refuse'],
    cert: identity.certPem,
    key: identity.keyPem,
    ...options,
    workers: { count, entry: ENTRY, ...options.workers },
  });
}

export function connectTo(
  listener: { readonly port: number },
  options: Partial<ConnectOptions> = {},
): Promise<QuicConnection> {
  return connect(
    { host: '127.0.0.1', port: listener.port },
    { alpn: 'test', ca: identity.caPem, serverName: 'localhost', ...options },
  );
}

/** Sends a command over a stream of its own; gives the answer. */
export async function ask(connection: QuicConnection, command: string): Promise<string> {
  const stream = await connection.createBidirectionalStream();
  await stream.write(new TextEncoder().encode(command));
  void stream.end().catch(() => {});
  let answer = '';
  for await (const bytes of stream) answer += new TextDecoder().decode(bytes);
  return answer;
}

/** Resolves when `holds` says so, looked at every few milliseconds; rejects after ten seconds. */
export async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`does not hold: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
