/** This library, as its users drive it. The variant is the name of the TLS cipher suite, and `/N` for N worker threads. */
import { readFileSync } from 'node:fs';
import {
  type ConnectOptions,
  connect,
  listen,
  type QuicConnection,
  QuicEndpoint,
  type QuicStream,
} from '../../src/index.ts';
import { costOfRanges } from '../micro/recovery-bulk.ts';
import { type BenchConnection, blocks, head, mustBe, play, type ServerEnd, type ServerFiles } from './end.ts';
import answerAll, { OWNED, readAll } from './quayside-server.ts';

/** As with all peers: 24 MiB for a connection, 16 MiB for a stream. */
const WINDOWS = {
  initialMaxData: 24 * 1024 * 1024,
  initialMaxStreamData: 16 * 1024 * 1024,
  maxStreamsBidi: 20_000,
  maxIdleTimeout: 120_000,
  datagrams: true,
};

async function serve({ cert, key }: ServerFiles, variant: string): Promise<ServerEnd> {
  const [cipher, workers] = variant.split('/');
  const options = {
    address: '127.0.0.1',
    alpn: 'bench',
    cert: readFileSync(cert, 'utf8'),
    key: readFileSync(key, 'utf8'),
    ciphers: [cipher],
    ...WINDOWS,
  };
  if (workers !== undefined) {
    const entry = new URL(`quayside-server${import.meta.url.slice(-3)}`, import.meta.url);
    const threads = await listen({ ...options, workers: { entry, count: Number(workers) } });
    const shares = () => ({ accepted: threads.workers.map(({ accepted }) => accepted) });
    return { port: threads.port, tasks: { shares } };
  }
  const listener = await listen(options);
  void (async () => {
    for await (const connection of listener) answerAll(connection);
  })();
  return { port: listener.port };
}

async function connectTo(port: number, caFile: string, variant: string) {
  const [cipher] = variant.split('/');
  const ca = readFileSync(caFile, 'utf8');
  const endpoint = new QuicEndpoint();
  let session: Uint8Array | null = null;
  const open = (options: Partial<ConnectOptions> = {}): Promise<QuicConnection> =>
    connect(
      { host: '127.0.0.1', port },
      {
        endpoint,
        alpn: 'bench',
        ca,
        serverName: 'localhost',
        ciphers: [cipher],
        ...WINDOWS,
        ...options,
      },
    );
  return {
    open: async (resumed: boolean) =>
      new Connection(await open(resumed && session !== null ? { session } : {})),
    prepareResumption: async () => {
      const connection = await new Promise<QuicConnection>((resolve, reject) => {
        const opening = open({
          onSession: (given: Uint8Array) => {
            session = given;
            opening.then(resolve);
          },
        });
        opening.catch(reject);
      });
      await connection.close();
    },
    tasks: {
      /** What recovery costs per packet, without sockets. */
      recovery: async (rounds: number): Promise<object> => costOfRanges(rounds),
    },
  };
}

class Connection implements BenchConnection {
  readonly #connection: QuicConnection;
  readonly #held: QuicStream[] = [];
  #onDatagram: (() => void) | null = null;

  constructor(connection: QuicConnection) {
    this.#connection = connection;
  }

  set onDatagram(callback: () => void) {
    if (this.#onDatagram === null) void this.#receive().catch(() => {});
    this.#onDatagram = callback;
  }

  sendDatagram(bytes: Uint8Array): void {
    void this.#connection.sendDatagram(bytes);
  }

  async exchange(up: number, down: number): Promise<void> {
    const stream = await this.#connection.createBidirectionalStream();
    await stream.write(head(down));
    for (const block of blocks(up - 8)) await stream.write(block, OWNED);
    await stream.end();
    let received = 0;
    await readAll(stream, (chunk) => {
      received += chunk.length;
    });
    mustBe(received, down);
  }

  async hold(count: number): Promise<void> {
    while (this.#held.length < count) {
      const stream = await this.#connection.createBidirectionalStream();
      await stream.write(new Uint8Array(1));
      this.#held.push(stream);
    }
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #receive(): Promise<void> {
    for await (const _ of this.#connection.datagrams) this.#onDatagram?.();
  }
}

await play({ serve, connect: connectTo });
