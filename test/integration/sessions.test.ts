import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ConnectOptions,
  connect,
  type ListenOptions,
  listen,
  MemorySessionStore,
  type QuicConnection,
  type QuicListener,
  type QuicStream,
} from '../../src/index.ts';
import { makeTestAuthority, makeTestIdentity } from '../support/certificates.ts';

const identity = makeTestIdentity();
const listeners: QuicListener[] = [];
after(async () => {
  for (const listener of listeners) await listener.close();
});

/** A server that gives everything back. */
class Echo {
  readonly listener: QuicListener;
  readonly connections: QuicConnection[] = [];
  /** Of each stream, in order: whether it was early, and what came. */
  readonly streams: { early: boolean; text: string }[] = [];

  constructor(listener: QuicListener) {
    this.listener = listener;
    void this.#serve();
  }

  static async start(options: Partial<ListenOptions> = {}): Promise<Echo> {
    const listener = await listen({
      address: '127.0.0.1',
      alpn: 'echo',
      cert: identity.certPem,
      key: identity.keyPem,
      ...options,
    });
    listeners.push(listener);
    return new Echo(listener);
  }

  async #serve(): Promise<void> {
    for await (const connection of this.listener) {
      this.connections.push(connection);
      void this.#echo(connection).catch(() => {});
    }
  }

  async #echo(connection: QuicConnection): Promise<void> {
    for await (const stream of connection.incomingStreams()) {
      void (async () => {
        const text = await textOf(stream);
        this.streams.push({ early: stream.early, text });
        await stream.end(Buffer.from(text));
      })().catch(() => {});
    }
  }

  connect(options: Partial<ConnectOptions> = {}): Promise<QuicConnection> {
    const target = { host: '127.0.0.1', port: this.listener.port };
    return connect(target, { alpn: 'echo', ca: identity.caPem, serverName: 'localhost', ...options });
  }
}

async function textOf(stream: QuicStream): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of stream) parts.push(chunk);
  return Buffer.concat(parts).toString();
}

async function ask(connection: QuicConnection, text: string): Promise<string> {
  const stream = await connection.createBidirectionalStream();
  await stream.end(Buffer.from(text));
  return textOf(stream);
}

/** A whole connection, for its session. */
async function sessionOf(server: Echo, options: Partial<ConnectOptions> = {}): Promise<Uint8Array> {
  const connection = await server.connect(options);
  assert.equal(await ask(connection, 'first'), 'first');
  for (let i = 0; connection.session === null && i < 100; i++) await sleep(10);
  assert.ok(connection.session);
  await connection.close();
  return connection.session;
}

test('L72 the token of one connection spares the next one the Retry', async () => {
  const server = await Echo.start({ addressValidation: 'always' });
  const tokens = new MemorySessionStore();
  const { counters } = server.listener.endpoint;
  for (const [connections, retries] of [
    [1, 1],
    [2, 1],
    [3, 1],
  ]) {
    const connection = await server.connect({ tokens });
    assert.equal(await ask(connection, 'hello'), 'hello');
    for (let i = 0; tokens.size === 0 && i < 100; i++) await sleep(10);
    assert.equal(tokens.size, 1);
    await connection.close();
    assert.deepEqual([server.connections.length, counters.answers.retry], [connections, retries]);
  }
  const without = await server.connect({ tokens: false });
  assert.equal(counters.answers.retry, 2);
  await without.close();
});

test('C25 L88 a session resumes, at another listener with the same ticket keys too, and not at one with others', async () => {
  const ticketKeys = new Uint8Array(32).fill(5);
  const [one, two, other] = await Promise.all([
    Echo.start({ ticketKeys }),
    Echo.start({ ticketKeys: [new Uint8Array(32).fill(6), ticketKeys] }),
    Echo.start(),
  ]);
  const session = await sessionOf(one);
  for (const [server, isResumed] of [
    [one, true],
    [two, true],
    [other, false],
  ] as const) {
    const connection = await server.connect({ session });
    assert.equal(connection.isResumed, isResumed);
    assert.equal(await ask(connection, 'again'), 'again');
    assert.equal(server.connections.at(-1)?.isResumed, isResumed);
    assert.deepEqual(connection.peerCertificate?.length, identity.certificates[0]?.length);
    await connection.close();
  }
});

test('C25 a store of sessions is filled and used by itself, each session once', async () => {
  const server = await Echo.start();
  const sessions = new MemorySessionStore();
  const resumed: boolean[] = [];
  for (let i = 0; i < 3; i++) {
    const connection = await server.connect({ sessions });
    assert.equal(await ask(connection, 'x'), 'x');
    for (let j = 0; connection.session === null && j < 100; j++) await sleep(10);
    resumed.push(connection.isResumed);
    await connection.close();
  }
  assert.deepEqual(resumed, [false, true, true]);
});

test('C31 sessions surface as they come, and not at all without tickets', async () => {
  const given: Uint8Array[] = [];
  const session = await sessionOf(await Echo.start(), { onSession: (bytes) => given.push(bytes) });
  assert.deepEqual(given.at(-1), session);
  const none = await Echo.start({ sessionTickets: false });
  const connection = await none.connect();
  await ask(connection, 'x');
  await sleep(50);
  assert.equal(connection.session, null);
  await connection.close();
});

for (const addressValidation of ['never', 'always'] as const) {
  test(`C26 requests go out before the handshake is complete${addressValidation === 'always' ? ', across a Retry' : ''}`, async () => {
    const server = await Echo.start({ earlyData: true, addressValidation });
    const session = await sessionOf(server);
    const connection = await server.connect({ session, earlyData: true, tokens: false });
    assert.equal(connection.earlyData, 'offered');
    assert.ok(!connection.isOpen);
    const texts = Array.from({ length: 20 }, (_, i) => `request ${i} ${'x'.repeat(250)}`);
    const answers = texts.map((text) => ask(connection, text));
    assert.deepEqual(await Promise.all(answers), texts);
    await connection.opened;
    assert.deepEqual([connection.earlyData, connection.isResumed], ['accepted', true]);
    const [, ...came] = server.streams;
    // After a Retry pacing may hold part of it back until there are 1-RTT keys.
    const early = came.filter((stream) => stream.early).length;
    assert.ok(
      addressValidation === 'always' ? early > 0 : early === texts.length,
      `${early} streams were early`,
    );
    assert.equal(came.length, texts.length);
    assert.equal(await ask(connection, 'late'), 'late');
    assert.equal(server.streams.at(-1)?.early, false);
    await connection.close();
  });
}

test('C26 T18 early data are off by default, and let in by the store alone; what is refused comes once all the same', async () => {
  let asked = 0;
  const slow = async (answer: boolean): Promise<boolean> => {
    asked++;
    await sleep(20);
    return answer;
  };
  const ticketKeys = new Uint8Array(32).fill(9);
  const first = await Echo.start({ earlyData: true, ticketKeys });
  const cases: [Partial<ListenOptions>, string, number][] = [
    [{}, 'rejected', 0],
    [{ earlyData: true, replayStore: { add: () => slow(true) } }, 'accepted', 1],
    [{ earlyData: true, replayStore: { add: () => slow(false) } }, 'rejected', 2],
    [
      { earlyData: true, replayStore: { add: () => Promise.reject(new Error('no database')) } },
      'rejected',
      2,
    ],
    [
      {
        earlyData: true,
        replayStore: {
          add: () => {
            throw new Error('broken');
          },
        },
      },
      'rejected',
      2,
    ],
    // The default store cannot know what was taken under these keys before.
    [{ earlyData: true }, 'rejected', 2],
    [{ earlyData: true, maxStreamsBidi: 5, replayStore: { add: () => true } }, 'rejected', 2],
  ];
  for (const [options, state, count] of cases) {
    const session = await sessionOf(first);
    const server = await Echo.start({ ticketKeys, ...options });
    const connection = await server.connect({ session, earlyData: true });
    assert.equal(await ask(connection, 'once'), 'once');
    await connection.opened;
    assert.equal(connection.earlyData, state);
    assert.deepEqual(server.streams, [{ early: state === 'accepted', text: 'once' }]);
    assert.equal(asked, count);
    await connection.close();
  }
});

test('C25 a session is passed over when its chain would not be accepted now', async () => {
  const server = await Echo.start();
  const session = await sessionOf(server);
  const ca = makeTestAuthority({ subject: 'somebody else' });
  await assert.rejects(server.connect({ session, ca: makeTestIdentity({ authority: ca }).caPem }), {
    code: 'ERR_QUIC_CERTIFICATE_UNKNOWN_ISSUER',
  });
  await assert.rejects(server.connect({ session: session.subarray(1) }), {
    code: 'ERR_QUIC_INVALID_SESSION',
  });
});

test('L87 external keys stand for certificates; a listener with neither is refused up front', async () => {
  const psks = [{ identity: Buffer.from('device 7'), secret: new Uint8Array(32).fill(7) }];
  const asked: string[] = [];
  for (const given of [
    psks,
    (wanted: Uint8Array) => {
      asked.push(Buffer.from(wanted).toString());
      return psks[0] ?? null;
    },
  ]) {
    const listener = await listen({ address: '127.0.0.1', alpn: 'echo', psks: given });
    listeners.push(listener);
    const server = new Echo(listener);
    const connection = await server.connect({ psks });
    assert.equal(await ask(connection, 'psk'), 'psk');
    assert.equal(connection.peerCertificate, null);
    await connection.close();
    const wrong = [{ identity: Buffer.from('device 7'), secret: new Uint8Array(32) }];
    // decrypt_error
    await assert.rejects(server.connect({ psks: wrong }), { errorCode: 0x133n });
  }
  assert.ok(asked.includes('device 7'));
  const pskModes = ['psk_dhe_ke', 'psk_ke'] as const;
  const taking = await listen({ address: '127.0.0.1', alpn: 'echo', psks, pskModes });
  listeners.push(taking);
  const plain = new Echo(taking);
  const quick = await plain.connect({ psks, pskModes: ['psk_ke'] });
  assert.equal(quick.keyExchangeGroup, null);
  assert.equal(await ask(quick, 'plain'), 'plain');
  await quick.close();
  const both = await Echo.start({ psks });
  const certified = await both.connect();
  assert.ok(certified.peerCertificate);
  await certified.close();
  await assert.rejects(listen({ address: '127.0.0.1', alpn: 'echo' }), { code: 'ERR_QUIC_NO_IDENTITY' });
});
