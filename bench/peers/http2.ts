/** `node:http2`: a request is a POST whose body is thrown away, answered with as many bytes as its path says. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  createSecureServer,
  type SecureClientSessionOptions,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import {
  type BenchConnection,
  blocks,
  type ClientEnd,
  mustBe,
  play,
  type ServerEnd,
  type ServerFiles,
} from './end.ts';

const STREAM_WINDOW = 16 * 1024 * 1024;
const CONNECTION_WINDOW = 24 * 1024 * 1024;
const COMMON = {
  minVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256',
  settings: { initialWindowSize: STREAM_WINDOW },
} as const;

async function serve({ cert, key }: ServerFiles): Promise<ServerEnd> {
  const server = createSecureServer({ ...COMMON, cert: readFileSync(cert), key: readFileSync(key) });
  server.on('session', (session) => session.setLocalWindowSize(CONNECTION_WINDOW));
  server.on(
    'stream',
    (stream, headers) => void answer(stream, Number(headers[':path']?.slice(1))).catch(() => {}),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port };
}

async function answer(stream: ServerHttp2Stream, down: number): Promise<void> {
  stream.resume();
  await once(stream, 'end');
  stream.respond({ ':status': 200 });
  await send(stream, down);
}

function connect(port: number, caFile: string): ClientEnd {
  const options: SecureClientSessionOptions = {
    ...COMMON,
    ca: readFileSync(caFile),
    servername: 'localhost',
  };
  let ticket: Buffer | undefined;
  const open = async (more: { session?: Buffer } = {}): Promise<ClientHttp2Session> => {
    const session = connectHttp2(`https://127.0.0.1:${port}`, {
      ...options,
      ...more,
    } as SecureClientSessionOptions);
    await once(session, 'connect');
    session.setLocalWindowSize(CONNECTION_WINDOW);
    return session;
  };
  return {
    open: async (resumed) => {
      const session = await open(resumed && ticket !== undefined ? { session: ticket } : {});
      if (resumed && !(session.socket as TLSSocket).isSessionReused()) throw new Error('not resumed');
      return new Connection(session);
    },
    prepareResumption: async () => {
      const session = connectHttp2(`https://127.0.0.1:${port}`, options);
      [ticket] = await once(session.socket, 'session');
      await new Connection(session).close();
    },
  };
}

class Connection implements BenchConnection {
  readonly #session: ClientHttp2Session;

  constructor(session: ClientHttp2Session) {
    this.#session = session;
  }

  async exchange(up: number, down: number): Promise<void> {
    const stream = this.#session.request({ ':method': 'POST', ':path': `/${down}` });
    const answered = new Promise<number>((resolve, reject) => {
      let received = 0;
      stream.on('data', (chunk: Buffer) => {
        received += chunk.length;
      });
      stream.on('end', () => resolve(received)).on('error', reject);
    });
    await send(stream, up);
    mustBe(await answered, down);
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#session.close(resolve));
  }
}

async function send(stream: ServerHttp2Stream | ClientHttp2Stream, bytes: number): Promise<void> {
  for (const block of blocks(bytes)) if (!stream.write(block)) await once(stream, 'drain');
  stream.end();
}

await play({ serve, connect });
