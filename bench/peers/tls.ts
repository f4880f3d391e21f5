/**
 * `node:tls`: TLS 1.3 over TCP, with no streams. A connection carries one exchange after the other, each with 16 bytes
 * before it: how many come, how many are to go back.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { type ConnectionOptions, connect as connectTls, createServer, type TLSSocket } from 'node:tls';
import {
  type BenchConnection,
  blocks,
  type ClientEnd,
  head,
  mustBe,
  play,
  type ServerEnd,
  type ServerFiles,
} from './end.ts';

const COMMON = { minVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256' } as const;

async function serve({ cert, key }: ServerFiles): Promise<ServerEnd> {
  const server = createServer({ ...COMMON, cert: readFileSync(cert), key: readFileSync(key), noDelay: true });
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {});
    void answer(socket).catch(() => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port };
}

async function answer(socket: TLSSocket): Promise<void> {
  const request = Buffer.alloc(16);
  let got = 0;
  let left = 0;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    let at = 0;
    while (at < chunk.length) {
      if (got < 16) {
        const copied = chunk.copy(request, got, at);
        got += copied;
        at += copied;
        if (got < 16) break;
        left = Number(request.readBigUInt64BE(0));
      }
      const taken = Math.min(left, chunk.length - at);
      left -= taken;
      at += taken;
      if (left > 0) break;
      await send(socket, Number(request.readBigUInt64BE(8)));
      got = 0;
    }
  }
  socket.end();
}

function connect(port: number, caFile: string): ClientEnd {
  const options: ConnectionOptions = {
    ...COMMON,
    host: '127.0.0.1',
    port,
    ca: readFileSync(caFile),
    servername: 'localhost',
  };
  let session: Buffer | undefined;
  const open = async (more: ConnectionOptions = {}): Promise<TLSSocket> => {
    const socket = connectTls({ ...options, ...more });
    await once(socket, 'secureConnect');
    return socket.setNoDelay(true);
  };
  return {
    open: async (resumed) => {
      const socket = await open(resumed && session !== undefined ? { session } : {});
      if (resumed && !socket.isSessionReused()) throw new Error('not resumed');
      return new Connection(socket);
    },
    prepareResumption: async () => {
      const socket = await open();
      const given = once(socket, 'session');
      socket.resume();
      [session] = await given;
      socket.destroy();
    },
  };
}

class Connection implements BenchConnection {
  readonly #socket: TLSSocket;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on('error', () => {});
  }

  async exchange(up: number, down: number): Promise<void> {
    const socket = this.#socket;
    const answered = new Promise<number>((resolve) => {
      let received = 0;
      socket.on('data', function count(chunk: Buffer) {
        received += chunk.length;
        if (received < down) return;
        socket.off('data', count);
        resolve(received);
      });
    });
    socket.write(Buffer.concat([head(up - 8), head(down)]));
    await send(socket, up - 8);
    mustBe(await answered, down);
  }

  async close(): Promise<void> {
    this.#socket.end();
    this.#socket.resume();
    await once(this.#socket, 'close');
  }
}

async function send(socket: TLSSocket, bytes: number): Promise<void> {
  for (const block of blocks(bytes)) if (!socket.write(block)) await once(socket, 'drain');
}

await play({ serve, connect });
