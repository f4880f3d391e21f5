/** A thousand servers on one port, each met by clients that are not ours (quiche through its bindings). */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, test } from 'node:test';
import Logger, { LogLevel } from '@matrixai/logger';
import { QUICClient } from '@matrixai/quic';
import { listen, type QuicConnection, type QuicListener, type ServerOptions } from '../../src/index.ts';
import { certificatesToPem, makeTestIdentity } from '../support/certificates.ts';

const SERVERS = 1000;
const logger = new Logger('virtual servers', LogLevel.ERROR);
const nameOf = (i: number): string => `server-${i}.example`;

let listener: QuicListener;

before(async () => {
  // One key for all, as making a thousand takes long: it is the certificates that have to be told apart.
  const { key } = makeTestIdentity();
  const servers: Record<string, ServerOptions> = {};
  for (let i = 0; i < SERVERS; i++) servers[nameOf(i)] = identity(i, key, 1);
  listener = await listen({ address: '127.0.0.1', alpn: 'test', servers });
  void (async () => {
    for await (const connection of listener) void hold(connection);
  })();
});

after(() => listener?.close());

test('L20 L25 1,000 servers on one port answer a foreign client with the certificate of each name', async () => {
  assert.equal(listener.serverNames().length, SERVERS);
  for (let first = 0; first < SERVERS; first += 10) {
    const names = Array.from({ length: 10 }, (_, i) => nameOf(first + i));
    const seen = await Promise.all(names.map((name) => certificateFor(name)));
    assert.deepEqual(
      seen.map((certificate) => certificate.subjectAltName),
      names.map((name) => `DNS:${name}`),
    );
  }
});

test('L24 L31 certificates are swapped under 50 foreign connections a second, and none of them fails', async () => {
  const { key } = makeTestIdentity();
  const NAMES = 10;
  let generation = 1;
  let isOver = false;
  const swapping = (async () => {
    while (!isOver) {
      generation++;
      for (let i = 0; i < NAMES; i++) listener.getServer(nameOf(i))?.update(identity(i, key, generation));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  const serials = new Set<string>();
  const running: Promise<void>[] = [];
  for (let n = 0; n < 150; n++) {
    running.push(
      certificateFor(nameOf(n % NAMES)).then(({ subjectAltName, subject }) => {
        assert.equal(subjectAltName, `DNS:${nameOf(n % NAMES)}`);
        serials.add(subject);
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await Promise.all(running);
  isOver = true;
  await swapping;
  assert.ok(serials.size >= 5, `${serials.size} generations were seen`);
});

function identity(
  i: number,
  key: ReturnType<typeof makeTestIdentity>['key'],
  generation: number,
): ServerOptions {
  const made = makeTestIdentity({ names: [nameOf(i)], subject: `generation ${generation}`, key });
  return { cert: certificatesToPem(made.certificates), key: made.keyPem };
}

/** What quiche was shown for a name. */
async function certificateFor(serverName: string): Promise<X509Certificate> {
  let shown: Uint8Array | null = null;
  const client = await QUICClient.createQUICClient({
    host: '127.0.0.1',
    port: listener.port,
    serverName,
    localHost: '127.0.0.1',
    crypto: {
      ops: { randomBytes: async (data: ArrayBuffer) => void crypto.getRandomValues(new Uint8Array(data)) },
    },
    config: {
      verifyPeer: true,
      applicationProtos: ['test'],
      verifyCallback: async (certs: Uint8Array[]) => {
        shown = certs[0] ?? null;
        return undefined;
      },
    },
    logger,
  });
  await client.destroy({ force: true });
  assert.ok(shown !== null);
  return new X509Certificate(shown);
}

async function hold(connection: QuicConnection): Promise<void> {
  await connection.closed.catch(() => {});
}
