// The process in a namespace: an echo server on interfaces, or clients of it. Takes calls from its parent, see namespaces.ts.

import { setTimeout as wait } from 'node:timers/promises';
import {
  connect,
  listen,
  type QuicConnection,
  type QuicEndpoint,
  type QuicListener,
} from '../../src/index.ts';
import { formatAddress } from '../../src/util/address.ts';
import { makeTestIdentity } from './certificates.ts';

type Call = (...args: never[]) => unknown;

const parent = process.send?.bind(process) as (message: unknown) => void;
const calls: Record<string, Call> = process.argv[2] === 'server' ? serverCalls() : clientCalls();

process.on('message', async ({ id, name, args }: { id: number; name: string; args: never[] }) => {
  try {
    parent({ id, value: await calls[name](...args) });
  } catch (error) {
    parent({ id, error: String((error as Error).stack) });
  }
});
process.on('disconnect', () => process.exit());

function serverCalls(): Record<string, Call> {
  const closed: string[] = [];
  let listener: QuicListener;
  return {
    ready: () => {},
    async listen(backend: 'auto' | 'dgram') {
      const { certPem: cert, keyPem: key, caPem } = makeTestIdentity();
      const options = { alpn: 'test', bind: [], backend, interfaceInterval: 100, maxIdleTimeout: 20_000 };
      listener = await listen({ ...options, servers: { localhost: { cert, key } } });
      void tellEvents(listener.endpoint);
      void accept(listener, closed);
      return caPem;
    },
    async bind(uri: string) {
      await listener.bindInterfaces('localhost', uri);
      const bound = listener.getServer('localhost')?.interfaces.find((each) => each.uri === uri);
      return `${bound?.state} ${bound?.addresses.map(formatAddress).join(' ')}`.trim();
    },
    release: (uri: string) => listener.unbindInterface(uri),
    connections: () => listener.connectionCount,
    /** How connections ended. */
    closed: () => closed,
  };
}

async function tellEvents(endpoint: QuicEndpoint): Promise<void> {
  for await (const { type, key, addresses } of endpoint.interfaces.events()) {
    parent({ told: [type, key, ...addresses.map(formatAddress)].join(' ') });
  }
}

async function accept(listener: AsyncIterable<QuicConnection>, closed: string[]): Promise<void> {
  for await (const connection of listener) {
    connection.closed.then(
      () => closed.push('closed'),
      (error) => closed.push(String(error)),
    );
    void echo(connection);
  }
}

async function echo(connection: QuicConnection): Promise<void> {
  try {
    for await (const stream of connection.incomingStreams()) {
      void (async () => {
        for await (const bytes of stream) await stream.write(bytes);
        await stream.end();
      })().catch(() => {});
    }
  } catch {
    // The connection ended.
  }
}

function clientCalls(): Record<string, Call> {
  const connections = new Map<string, QuicConnection>();
  const failures: string[] = [];
  const load: QuicConnection[] = [];
  let goesOn = true;
  const open = (target: string, ca: string): Promise<QuicConnection> =>
    connect(target, { alpn: 'test', ca, serverName: 'localhost', maxIdleTimeout: 20_000, timeout: 5000 });
  return {
    ready: () => {},
    async connect(name: string, target: string, ca: string) {
      connections.set(name, await open(target, ca));
    },
    echo: (name: string, text: string) => ask(connections.get(name) as QuicConnection, text),
    close: async (name: string) => void (await connections.get(name)?.close()),
    /** Connections that echo again and again. */
    async load(target: string, count: number, ca: string) {
      const all = await Promise.all(Array.from({ length: count }, () => open(target, ca)));
      load.push(...all);
      for (const [i, connection] of all.entries()) {
        void (async () => {
          for (let round = 0; goesOn; round++) {
            const text = `${target} ${i} ${round}`;
            if ((await ask(connection, text)) !== text) throw new Error('another answer');
            await wait(25);
          }
          await connection.close();
        })().catch((error) => failures.push(`${target} ${i}: ${error}`));
      }
    },
    failures: () => failures,
    /** One more answer on each of those. */
    rounds: async () => void (await Promise.all(load.map((connection) => ask(connection, 'round')))),
    stop: () => {
      goesOn = false;
    },
  };
}

async function ask(connection: QuicConnection, text: string): Promise<string> {
  const stream = await connection.createBidirectionalStream();
  await stream.end(Buffer.from(text));
  const chunks: Uint8Array[] = [];
  for await (const bytes of stream) chunks.push(bytes);
  return Buffer.concat(chunks).toString();
}
