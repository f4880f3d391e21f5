import assert from 'node:assert/strict';
import test from 'node:test';
import type { IncomingConnection, IncomingHandler, QuicConnection } from '../../src/index.ts';
import { makeTestIdentity } from '../support/certificates.ts';
import { ListenerStage } from '../support/listener-stage.ts';

/** Counts what the server sends from now on, but to connections that are known. */
function datagramsFrom(stage: ListenerStage, ...known: QuicConnection[]): () => number {
  let count = 0;
  const ports = new Set(known.map(({ localAddress }) => localAddress.port));
  stage.network.tap(({ kind, from, to }) => {
    if (kind === 'sent' && from.address === ListenerStage.SERVER && !ports.has(to.port)) count++;
  });
  return () => count;
}

/** A client that goes on for `ms` and hears nothing. */
async function silence(stage: ListenerStage, ms = 1000): Promise<void> {
  const failed = await stage.refusal({ handshakeTimeout: ms });
  assert.equal(failed.code, 'ERR_QUIC_HANDSHAKE_TIMEOUT');
  // Its last packet is still on its way.
  await stage.run(50);
}

test('L50 first packets beyond the backlog are dropped silently, until the application accepts', async () => {
  const stage = new ListenerStage();
  const listener = await stage.started({ backlog: 2 });
  const clients = [await stage.connect(), await stage.connect()];
  assert.deepEqual(listener.counts, { pending: 2, halfOpen: 0, live: 2 });
  const sent = datagramsFrom(stage, ...clients);
  await silence(stage);
  assert.equal(sent(), 0);
  assert.ok(listener.endpoint.counters.dropped['over-limit'] > 0);
  assert.ok(listener.tryAccept());
  assert.equal((await stage.connect()).isOpen, true);
  // The same client gets in with a later packet of its own, too: nothing remembers that it was dropped.
  const waiting = stage.connect({ handshakeTimeout: 5000 });
  await stage.run(100);
  await stage.until(listener.accept());
  assert.equal((await waiting).isOpen, true);
  await stage.until(listener.close());
});

test('L50 a connection that ends while it waits has its place until it is taken, so that the queue has an end', async () => {
  const stage = new ListenerStage();
  const listener = await stage.started({ backlog: 2 });
  for (let i = 0; i < 2; i++) await stage.until((await stage.connect()).close());
  await stage.run(500);
  assert.deepEqual(listener.counts, { pending: 2, halfOpen: 0, live: 0 });
  await silence(stage);
  assert.equal(listener.tryAccept()?.isOpen, false);
  assert.equal((await stage.connect()).isOpen, true);
  assert.equal(listener.tryAccept()?.isOpen, false);
  assert.equal(listener.tryAccept()?.isOpen, true);
  assert.equal(listener.tryAccept(), null);
  await stage.until((await stage.connect()).close());
  await stage.until(listener.close());
  assert.deepEqual(listener.counts, { pending: 0, halfOpen: 0, live: 0 });
});

test('L50 a backlog under 1 is refused', () => {
  const stage = new ListenerStage();
  for (const backlog of [0, -1, 1.5, Number.NaN]) {
    assert.throws(() => stage.listener({ backlog }), {
      code: 'ERR_OUT_OF_RANGE',
      message: /"backlog" is out of range\. It must be an integer >= 1/,
    });
  }
  assert.throws(() => stage.listener({ backlog: '9' as never }), { code: 'ERR_INVALID_ARG_TYPE' });
});

test('L51 first packets beyond maxConnections are dropped silently, until a connection is gone', async () => {
  const stage = new ListenerStage();
  const listener = await stage.started({ maxConnections: 1 });
  const first = await stage.connect();
  assert.ok(listener.tryAccept());
  const sent = datagramsFrom(stage, first);
  await silence(stage);
  assert.equal(sent(), 0);
  await stage.until(first.close());
  await stage.run(50);
  assert.equal((await stage.connect()).isOpen, true);
  await stage.until(listener.close());
});

test('L51 P2 clients beyond the limits of one address and of handshakes in progress prove their address first', async () => {
  const stage = new ListenerStage();
  const listener = await stage.started({ retryAbove: 0 });
  assert.equal((await stage.connect()).isOpen, true);
  assert.equal(listener.endpoint.counters.answers.retry, 1);
  await stage.until(listener.close());
  const limited = await stage.started({ maxConnectionsPerAddress: 1 });
  await stage.connect();
  await silence(stage);
  assert.ok(limited.endpoint.counters.answers.retry >= 1);
  await stage.until(limited.close());
});

test('onIncoming accepts, with options if it likes, at once or later, and without a word', async () => {
  const stage = new ListenerStage();
  const handlers: IncomingHandler[] = [
    () => {},
    async () => {},
    (incoming) => void incoming.accept(),
    (incoming) => void incoming.accept({ maxStreamsBidi: 2 }),
    async (incoming) => {
      await Promise.resolve();
      incoming.accept({ maxStreamsBidi: 2 });
    },
  ];
  const seen: IncomingConnection[] = [];
  const listener = await stage.started({
    onIncoming: (incoming) => {
      seen.push(incoming);
      return handlers[seen.length - 1]?.(incoming);
    },
  });
  const clients: QuicConnection[] = [];
  for (const _ of handlers) clients.push(await stage.connect());
  assert.equal(listener.counts.live, handlers.length);
  const [first] = seen as [IncomingConnection];
  assert.equal(first.remoteAddress.address, ListenerStage.CLIENT);
  assert.equal(first.localAddress.port, 4433);
  assert.deepEqual([first.addressValidated, first.mayRetry, first.version], [false, true, 1]);
  assert.ok(first.originalDestinationId.length >= 8);
  const limit = async (client: QuicConnection) => {
    for (let i = 0; i < 3; i++) await stage.until(client.createBidirectionalStream({ failOnBlocked: true }));
  };
  await limit(clients[0] as QuicConnection);
  for (const client of clients.slice(3))
    await assert.rejects(limit(client), { code: 'ERR_QUIC_STREAM_LIMIT' });
  assert.throws(() => first.refuse(), { code: 'ERR_QUIC_INCOMING_ANSWERED' });
  await stage.until(listener.close());
});

test('onIncoming refuses, ignores, and has clients prove their address', async () => {
  const stage = new ListenerStage();
  let decide: IncomingHandler = (incoming) => incoming.refuse();
  const listener = await stage.started({ onIncoming: (incoming) => decide(incoming) });
  assert.equal((await stage.refusal()).code, 'ERR_QUIC_CONNECTION_REFUSED');
  decide = async (incoming) => incoming.refuse();
  assert.equal((await stage.refusal()).code, 'ERR_QUIC_CONNECTION_REFUSED');
  const sent = datagramsFrom(stage);
  decide = (incoming) => incoming.ignore();
  await silence(stage);
  assert.equal(sent(), 0);
  const errors: string[] = [];
  decide = (incoming) => {
    if (incoming.mayRetry) return incoming.retry();
    assert.equal(incoming.addressValidated, true);
    try {
      incoming.retry();
    } catch (error) {
      errors.push((error as { code: string }).code);
    }
    return undefined;
  };
  assert.equal((await stage.connect()).isOpen, true);
  assert.deepEqual(errors, ['ERR_QUIC_RETRY_NOT_POSSIBLE']);
  assert.equal(listener.endpoint.counters.answers.retry, 1);
  await stage.until(listener.close());
});

test('onIncoming that fails refuses the client and harms nobody else', async () => {
  const stage = new ListenerStage();
  const warnings: string[] = [];
  const note = (warning: Error) => void warnings.push(warning.message);
  process.on('warning', note);
  let mode = 0;
  const listener = await stage.started({
    onIncoming: (incoming) => {
      mode++;
      if (mode === 1) throw new Error('first');
      if (mode === 2) return Promise.reject(new Error('second'));
      if (mode === 3) incoming.accept({ maxStreamsBidi: -1 });
      return undefined;
    },
  });
  for (let i = 0; i < 3; i++) assert.equal((await stage.refusal()).code, 'ERR_QUIC_CONNECTION_REFUSED');
  assert.equal((await stage.connect()).isOpen, true);
  assert.deepEqual(listener.counts, { pending: 1, halfOpen: 0, live: 1 });
  process.off('warning', note);
  assert.equal(warnings.length, 3);
  assert.match(warnings[2] ?? '', /maxStreamsBidi/);
  await stage.until(listener.close());
});

test('onIncoming that answers after ten seconds, or after stop, comes too late and keeps nothing', async () => {
  const stage = new ListenerStage();
  const held: { incoming: IncomingConnection; finish: () => void }[] = [];
  const listener = await stage.started({
    onIncoming: (incoming) =>
      new Promise<void>((finish) => {
        held.push({ incoming, finish });
      }),
  });
  await silence(stage, 12_000);
  assert.equal(listener.counts.pending, 0);
  assert.throws(() => held[0]?.incoming.accept(), { code: 'ERR_QUIC_INCOMING_GONE' });
  held[0]?.finish();
  const refused = stage.refusal({ handshakeTimeout: 5000 });
  await stage.run(100);
  assert.equal(listener.counts.pending, 1);
  await stage.until(listener.stop());
  assert.equal((await refused).code, 'ERR_QUIC_CONNECTION_REFUSED');
  const last = held[held.length - 1];
  assert.throws(() => last?.incoming.refuse(), { code: 'ERR_QUIC_INCOMING_GONE' });
  last?.finish();
  await stage.run(10);
  assert.deepEqual(listener.counts, { pending: 0, halfOpen: 0, live: 0 });
  await stage.until(listener.close());
});

test('onIncoming that goes on after its answer, or for ever, is not asked again by stop', async () => {
  const stage = new ListenerStage();
  let isMute = false;
  const listener = await stage.started({
    maxConnections: 1,
    onIncoming: async (incoming) => {
      if (isMute) await new Promise(() => {});
      await incoming.accept().closed.catch(() => {});
    },
  });
  const client = await stage.connect();
  await stage.until(listener.stop());
  const decisions = { accept: 1, refuse: 0, retry: 0, ignore: 0 };
  assert.deepEqual(listener.counters.decisions, decisions);
  assert.deepEqual(listener.counts, { pending: 1, halfOpen: 0, live: 1 });
  await stage.until(listener.start());
  await silence(stage);
  await stage.until(client.close());
  await stage.run(100);
  assert.ok(listener.tryAccept());
  isMute = true;
  await silence(stage, 12_000);
  await stage.until(listener.stop());
  assert.deepEqual(listener.counters.decisions, decisions, 'who was not answered in time is not refused');
  await stage.until(listener.close());
});

test('onIncoming whose Retry cannot be made refuses the client', async () => {
  const stage = new ListenerStage();
  const fail = (): never => {
    throw new Error('no tokens');
  };
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
  const listener = await stage.started({
    tokens: { makeRetry: fail, makeNew: fail, open: fail },
    onIncoming: (incoming) => incoming.retry(),
  });
  assert.equal((await stage.refusal()).code, 'ERR_QUIC_CONNECTION_REFUSED');
  assert.match((await warned).message, /no tokens/);
  assert.deepEqual(listener.counters.decisions, { accept: 0, refuse: 1, retry: 0, ignore: 0 });
  assert.deepEqual(listener.counts, { pending: 0, halfOpen: 0, live: 0 });
  await stage.until(listener.close());
});

test('L53 with antiPortScan no byte goes to a client that is not let in', async () => {
  const stage = new ListenerStage();
  const { certPem: cert, keyPem: key } = stage.identity;
  const listener = stage.listener({ antiPortScan: true, authorizeName: () => isWelcome }, false);
  let isWelcome = true;
  await listener.addServer('localhost', { cert, key });
  await stage.until(listener.start());
  const welcome = await stage.connect();
  assert.equal(welcome.isOpen, true);
  const sent = datagramsFrom(stage, welcome);
  const quiet = async (options: Parameters<ListenerStage['connect']>[0]) => {
    const before = sent();
    const failed = await stage.refusal({ handshakeTimeout: 3000, ...options });
    assert.equal(failed.code, 'ERR_QUIC_HANDSHAKE_TIMEOUT');
    assert.equal(sent() - before, 0);
  };
  await quiet({ serverName: 'unknown.example' });
  await quiet({ alpn: 'nothing-in-common' });
  isWelcome = false;
  await quiet({});
  await stage.until(listener.close());
  await stage.run(1000);
});

test('L53 a scanner hears nothing for junk, unknown versions, unknown ids, and after stop', async () => {
  const stage = new ListenerStage();
  const listener = await stage.started({ antiPortScan: true });
  const sent = datagramsFrom(stage);
  const scanner = await stage.client.sockets.bind({
    address: { address: ListenerStage.CLIENT, port: 999, family: 4 },
  });
  const unknownVersion = new Uint8Array(1200);
  unknownVersion.set([0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 8]);
  const shortHeader = new Uint8Array(100).fill(0x55);
  const target = { address: ListenerStage.SERVER, port: 4433, family: 4 } as const;
  for (const bytes of [unknownVersion, shortHeader, new Uint8Array(1200), new Uint8Array(20)])
    scanner.send(bytes, 0, bytes.length, target);
  await stage.run(1000);
  assert.equal(sent(), 0);
  assert.ok(listener.endpoint.counters.dropped.quiet >= 2);
  const live = await stage.connect();
  const afterStop = datagramsFrom(stage, live);
  await stage.until(listener.stop());
  await silence(stage);
  assert.equal(live.isOpen, true);
  assert.equal(afterStop(), 0);
  await stage.until(listener.close());
});

test('L53 without antiPortScan the same clients are told', async () => {
  const stage = new ListenerStage();
  const listener = await stage.started({ authorizeName: ({ serverName }) => serverName === 'localhost' });
  const sent = datagramsFrom(stage);
  const refused = await stage.refusal({ serverName: 'unknown.example' });
  assert.equal(refused.code, 'ERR_QUIC_CONNECTION_REFUSED');
  assert.ok(sent() > 0);
  await stage.until(listener.close());
});

test('L54 names are authorised by callbacks, at once or later, all of which must agree', async () => {
  const stage = new ListenerStage();
  const asked: unknown[] = [];
  let answers: unknown[] = [true, Promise.resolve(true)];
  const listener = await stage.started({
    authorizeName: [
      (request) => {
        asked.push(request);
        return answers[0] as boolean;
      },
      () => (answers[1] === 'broken' ? Promise.reject(new Error('broken')) : (answers[1] as boolean)),
    ],
  });
  const welcome = await stage.connect();
  const [{ serverName, alpn, remoteAddress }] = asked as [Record<string, unknown>];
  assert.deepEqual([serverName, alpn], ['localhost', ['test']]);
  assert.equal((remoteAddress as { address: string }).address, ListenerStage.CLIENT);
  for (const no of [
    [false, true],
    [true, Promise.resolve(false)],
    [true, 'broken'],
  ]) {
    answers = no;
    assert.equal((await stage.refusal()).code, 'ERR_QUIC_CONNECTION_REFUSED');
  }
  answers = [{ refuse: 'come back tomorrow' }, true];
  assert.equal((await stage.refusal()).reason, 'come back tomorrow');
  // Silence outweighs a reason, and nothing at all is sent.
  const sent = datagramsFrom(stage, welcome);
  answers = [{ refuse: 'no' }, Promise.resolve({ refuse: 'hush', silent: true })];
  await silence(stage);
  assert.equal(sent(), 0);
  assert.equal(listener.counts.pending, 1);
  await stage.until(listener.close());
});

test('L54 client certificates are authorised by callbacks after the library found them good', async () => {
  const stage = new ListenerStage();
  const client = makeTestIdentity({ names: ['client'], subject: 'Carla' });
  const stranger = makeTestIdentity({ names: ['client'], authority: null });
  const asked: unknown[] = [];
  let answer: unknown = true;
  const listener = await stage.started({
    clientCertificate: 'required',
    ca: client.ca,
    authorizeCertificate: (request) => {
      asked.push(request);
      return answer as boolean;
    },
  });
  const shown = { cert: client.certPem, key: client.keyPem };
  assert.equal((await stage.connect(shown)).isOpen, true);
  const [request] = asked as [{ clientName: string; certificates: Uint8Array[]; serverName: string }];
  assert.equal(request.clientName, 'Carla');
  assert.equal(request.serverName, 'localhost');
  assert.deepEqual(request.certificates[0], client.der);
  await stage.refusal({ cert: stranger.certPem, key: stranger.keyPem });
  assert.equal(asked.length, 1, 'a bad certificate is not asked about');
  answer = false;
  assert.equal((await stage.refusal(shown)).errorCode, 0x131n, 'access_denied');
  answer = Promise.resolve({ refuse: 'not on the list' });
  const refused = await stage.refusal(shown);
  assert.equal(refused.errorCode, 0x131n);
  assert.match(refused.message, /not on the list/);
  answer = { refuse: '', silent: true };
  const connection = await stage.connect({ ...shown, maxIdleTimeout: 2000 });
  await stage.run(500);
  assert.equal(connection.isOpen, true, 'the client was told');
  await stage.run(5000);
  await assert.rejects(connection.closed, { code: 'ERR_QUIC_IDLE_TIMEOUT' });
  await stage.until(listener.close());
});

test('L55 an optional client certificate may be missing, and must be good if it is there', async () => {
  const stage = new ListenerStage();
  const client = makeTestIdentity({ names: ['client'] });
  const stranger = makeTestIdentity({ names: ['client'], authority: null });
  const listener = await stage.started({ clientCertificate: 'optional', ca: client.ca });
  assert.equal((await stage.connect()).isOpen, true);
  await stage.connect({ cert: client.certPem, key: client.keyPem });
  const accepted = [listener.tryAccept(), listener.tryAccept()];
  assert.deepEqual(
    accepted.map((each) => each?.peerCertificate ?? null),
    [null, client.der],
  );
  const refused = await stage.refusal({ cert: stranger.certPem, key: stranger.keyPem });
  assert.equal(refused.code, 'ERR_QUIC_TLS_FAIL');
  await stage.until(listener.close());
});

test('L56 L57 a handler has the connection and its first id before its first packet, and may hand it on later', async () => {
  const stage = new ListenerStage();
  const seen: { connection: QuicConnection; id: Uint8Array; alpn: string | null; received: number }[] = [];
  const listener = await stage.started({
    datagrams: true,
    onConnection: (connection, { originalDestinationId }) => {
      const { alpn, stats } = connection;
      seen.push({ connection, id: originalDestinationId, alpn, received: stats.bytesReceived });
    },
  });
  const client = await stage.connect({ datagrams: true });
  const [first] = seen;
  assert.ok(first);
  assert.deepEqual([first.alpn, first.received], [null, 0]);
  assert.ok(first.id.length >= 8);
  assert.equal(listener.tryAccept(), null, 'the handler has it');
  assert.equal(listener.counts.pending, 0);
  // Somebody else takes over much later and finds all that happened meanwhile.
  const stream = await stage.until(client.createBidirectionalStream());
  void stream.end(new TextEncoder().encode('early')).catch(() => {});
  void client.sendDatagram(Uint8Array.of(7));
  await stage.run(500);
  const { connection } = first;
  assert.equal((await connection.opened).alpn, 'test');
  assert.deepEqual(await stage.until(connection.receiveDatagram()), Uint8Array.of(7));
  const incoming = await stage.until(connection.acceptBidirectionalStream());
  assert.equal(new TextDecoder().decode((await stage.until(incoming.read())) ?? undefined), 'early');
  await stage.until(listener.close());
});

test('L56 a handler that fails ends its own connection, is told of, and the listener goes on', async () => {
  const stage = new ListenerStage();
  const warnings: string[] = [];
  const note = (warning: Error) => void warnings.push(warning.message);
  process.on('warning', note);
  const failures: (() => unknown)[] = [
    () => {
      throw new Error('at once');
    },
    () => Promise.reject(new Error('later')),
  ];
  const listener = await stage.started({ onConnection: () => failures.shift()?.() });
  assert.notEqual((await stage.refusal()).code, 'none');
  assert.notEqual((await stage.refusal()).code, 'none');
  const fine = await stage.connect();
  assert.equal(fine.isOpen, true);
  process.off('warning', note);
  assert.deepEqual(warnings, [
    'The handler of a connection failed: at once',
    'The handler of a connection failed: later',
  ]);
  assert.equal(listener.connectionCount, 1);
  await stage.until(listener.close());
});
