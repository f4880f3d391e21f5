/** `@matrixai/quic` as shipped: its own classes and its default windows. */
import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import Logger, { LogLevel } from '@matrixai/logger';
import { events, QUICClient, QUICServer, type QUICStream } from '@matrixai/quic';
import {
  type BenchConnection,
  blocks,
  type ClientEnd,
  HeadReader,
  head,
  mustBe,
  play,
  type ServerEnd,
  type ServerFiles,
} from './end.ts';

const logger = new Logger('bench', LogLevel.ERROR);
const config = { verifyPeer: false, applicationProtos: ['bench'], maxIdleTimeout: 120_000 };

async function serve({ cert, key }: ServerFiles): Promise<ServerEnd> {
  const { subtle } = webcrypto;
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const hmac = (raw: ArrayBuffer) => subtle.importKey('raw', raw, algorithm, true, ['sign', 'verify']);
  const server = new QUICServer({
    logger,
    crypto: {
      key: webcrypto.getRandomValues(new Uint8Array(32)).buffer,
      ops: {
        sign: async (raw, data) => subtle.sign('HMAC', await hmac(raw), data),
        verify: async (raw, data, signature) => subtle.verify('HMAC', await hmac(raw), signature, data),
      },
    },
    config: { ...config, cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') },
  });
  server.addEventListener(events.EventQUICServerConnection.name, (event) => {
    const { detail: connection } = event as events.EventQUICServerConnection;
    connection.addEventListener(events.EventQUICConnectionStream.name, (opened) => {
      void answer((opened as events.EventQUICConnectionStream).detail).catch(() => {});
    });
  });
  await server.start({ host: '127.0.0.1', port: 0 });
  return { port: server.port };
}

async function answer(stream: QUICStream): Promise<void> {
  const request = new HeadReader();
  for await (const chunk of stream.readable) request.push(chunk);
  const writer = stream.writable.getWriter();
  for (const block of blocks(request.down)) await writer.write(block);
  await writer.close();
}

function connect(port: number): ClientEnd {
  const crypto = {
    ops: {
      randomBytes: async (data: ArrayBuffer) => {
        webcrypto.getRandomValues(new Uint8Array(data));
      },
    },
  };
  return {
    open: async () =>
      new Connection(
        await QUICClient.createQUICClient({
          host: '127.0.0.1',
          port,
          localHost: '127.0.0.1',
          crypto,
          config,
          logger,
        }),
      ),
  };
}

class Connection implements BenchConnection {
  readonly #client: QUICClient;

  constructor(client: QUICClient) {
    this.#client = client;
  }

  async exchange(up: number, down: number): Promise<void> {
    const stream = this.#client.connection.newStream();
    const writer = stream.writable.getWriter();
    await writer.write(head(down));
    for (const block of blocks(up - 8)) await writer.write(block);
    await writer.close();
    let received = 0;
    for await (const chunk of stream.readable) received += chunk.length;
    mustBe(received, down);
  }

  async close(): Promise<void> {
    await this.#client.destroy({ force: false });
  }
}

await play({ serve, connect });
