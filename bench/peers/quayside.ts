/** This library, as its users drive it. The variant is the name of the TLS cipher suite. */
import { readFileSync } from 'node:fs';
import {
  type ConnectOptions,
  connect,
  listen,
  type QuicConnection,
  QuicEndpoint,
  type QuicStream,
} from '../../src/index.ts';
import { type BenchConnection, blocks, HeadReader, head, mustBe, play, type ServerFiles } from './end.ts';

/** As with all peers: 24 MiB for a connection, 16 MiB for a stream. */
const WINDOWS = {
  initialMaxData: 24 * 1024 * 1024,
  initialMaxStreamData: 16 * 1024 * 1024,
  maxStreamsBidi: 20_000,
  maxIdleTimeout: 120_000,
  datagrams: true,
};

async function serve({ cert, key }: ServerFiles, cipher: string): Promise<number> {
  const listener = await listen({
    address: '127.0.0.1',
    alpn: 'bench',
    cert: readFileSync(cert, 'utf8'),
    key: readFileSync(key, 'utf8'),
    ciphers: [cipher],
    ...WINDOWS,
  });
  void (async () => {
    for await (const connection of listener) {
      void answerStreams(connection).catch(() => {});
      void echo(connection).catch(() => {});
    }
  })();
  return listener.port;
}

async function answerStreams(connection: QuicConnection): Promise<void> {
  for await (const stream of connection.incomingStreams()) void answer(stream).catch(() => {});
}

async function answer(stream: QuicStream): Promise<void> {
  const request = new HeadReader();
  for await (const chunk of stream) request.push(chunk);
  for (const block of blocks(request.down)) await stream.write(block);
  await stream.end();
}

async function echo(connection: QuicConnection): Promise<void> {
  for await (const datagram of connection.datagrams) void connection.sendDatagram(datagram);
}

async function connectTo(port: number, caFile: string, cipher: string) {
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
  const held: QuicStream[] = [];
  let holder: QuicConnection | null = null;
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
      /** Opens streams that stay open, one byte sent on each. */
      open: async (count: number): Promise<void> => {
        holder ??= await open();
        while (held.length < count) {
          const stream = await holder.createBidirectionalStream();
          await stream.write(new Uint8Array(1));
          held.push(stream);
        }
      },
    },
  };
}

class Connection implements BenchConnection {
  readonly #connection: QuicConnection;
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
    for (const block of blocks(up - 8)) await stream.write(block);
    await stream.end();
    let received = 0;
    for await (const chunk of stream) received += chunk.length;
    mustBe(received, down);
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #receive(): Promise<void> {
    for await (const _ of this.#connection.datagrams) this.#onDatagram?.();
  }
}

await play({ serve, connect: connectTo });
