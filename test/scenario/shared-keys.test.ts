/** Servers that share keys stand in for each other: tickets, tokens and resets, while keys change. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { type ConnectOptions, connect } from '../../src/client/connect.ts';
import type { SessionStore } from '../../src/client/session-store.ts';
import { KeyRing } from '../../src/crypto/key-ring.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import type { ListenOptions } from '../../src/listener/listen-options.ts';
import type { QuicListener } from '../../src/listener/listener.ts';
import { MAX_PROVIDED_TOKEN } from '../../src/routing/checked-tokens.ts';
import { REPLAY_ANSWER_TIMEOUT } from '../../src/routing/replay-store.ts';
import type { TokenProvider } from '../../src/routing/tokens.ts';
import type { QuicConnection } from '../../src/runtime/connection.ts';
import { QuicEndpoint } from '../../src/runtime/endpoint.ts';
import type { VirtualHost } from '../../src/sim/virtual-host.ts';
import { VirtualNetwork } from '../../src/sim/virtual-network.ts';
import { seededIdentity } from '../support/certificates.ts';
import { echoListener } from '../support/echo-listener.ts';

const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);

/** One newest piece for all servers, so that one server's goes to the other. */
class OneStore implements SessionStore {
  newest: Uint8Array | undefined;
  take(): Uint8Array | undefined {
    return this.newest;
  }
  put(_server: string, bytes: Uint8Array): void {
    this.newest = bytes;
  }
}

class Stage {
  readonly network: VirtualNetwork;
  readonly clock: VirtualNetwork['clock'];
  readonly sessions: OneStore = new OneStore();
  readonly tokens: OneStore = new OneStore();
  readonly server: VirtualHost;
  readonly client: VirtualHost;
  /** Nothing reaches the client. */
  isCut = false;
  /** Retry packets that servers sent. */
  retries = 0;
  readonly #listeners: QuicListener[] = [];
  readonly #endpoints: QuicEndpoint[] = [];
  #ports = 400;

  constructor(seed: string) {
    this.network = new VirtualNetwork({ seed, link: { delay: 10 } });
    this.clock = this.network.clock;
    // An endpoint's deadlines alone keep no simulation going.
    this.clock.schedule(this.clock.now() + 600_000, () => {});
    this.server = this.network.addHost('server', ['10.0.0.2']);
    this.client = this.network.addHost('client', ['10.0.0.1']);
    this.network.link(this.server, this.client, { delay: 10, drop: () => this.isCut }, { delay: 10 });
    this.network.tap(({ kind, bytes }) => {
      if (kind === 'sent' && (bytes[0] & 0xf0) === 0xf0) this.retries++;
    });
  }

  async listen(options: Partial<ListenOptions>): Promise<QuicListener> {
    const at = { address: '10.0.0.2', port: this.#ports++, family: 4 } as const;
    const listener = await echoListener(this.server, at, options);
    this.#listeners.push(listener);
    return listener;
  }

  async connect(listener: QuicListener, options: Partial<ConnectOptions> = {}): Promise<QuicConnection> {
    const { clock } = this;
    const { random, sockets } = this.client;
    const endpoint = new QuicEndpoint({ environment: { clock, sockets, random, provider: nodeProvider } });
    this.#endpoints.push(endpoint);
    const connection = await clock.until(
      connect(
        { host: '10.0.0.2', port: listener.port },
        { endpoint, alpn: ['test'], ca: seededIdentity().caPem, serverName: 'localhost', ...options },
      ),
    );
    await clock.runAsync(clock.now() + 200);
    return connection;
  }

  async end(): Promise<void> {
    for (const endpoint of this.#endpoints) await this.clock.until(endpoint.close());
    for (const listener of this.#listeners) await this.clock.until(listener.close());
  }
}

test('L88 a session resumes with another listener that has the ring, also after rotations and the end of the first', async () => {
  const stage = new Stage('shared tickets');
  const ring = new KeyRing(key(1));
  const { sessions } = stage;
  const a = await stage.listen({ keys: ring });
  const b = await stage.listen({ keys: ring });
  const c = await stage.listen({ ticketKeys: ring });
  const stranger = await stage.listen({ keys: key(3) });
  assert.equal((await stage.connect(a, { sessions })).isResumed, false);
  const ticket = sessions.newest;
  assert.equal((await stage.connect(b, { sessions })).isResumed, true);
  sessions.newest = ticket;
  assert.equal((await stage.connect(stranger, { sessions })).isResumed, false);
  sessions.newest = ticket;
  assert.equal((await stage.connect(c, { sessions })).isResumed, false, 'keys for one purpose are no others');
  await stage.clock.until(a.close());
  ring.rotate(key(2));
  sessions.newest = ticket;
  assert.equal((await stage.connect(b, { sessions })).isResumed, true, 'the old key is accepted');
  const newer = sessions.newest;
  ring.replace(key(2));
  sessions.newest = ticket;
  assert.equal((await stage.connect(b, { sessions })).isResumed, false, 'the old key is gone');
  sessions.newest = newer;
  assert.equal((await stage.connect(b, { sessions })).isResumed, true);
  await stage.end();
});

test('L72 a token of one listener spares the Retry of another that has the ring, from any port', async () => {
  const stage = new Stage('shared tokens');
  const ring = new KeyRing(key(1));
  const { tokens } = stage;
  const a = await stage.listen({ keys: ring, addressValidation: 'always' });
  const b = await stage.listen({ tokenKeys: key(5), addressValidation: 'always' });
  const c = await stage.listen({ keys: [key(2), key(1)], addressValidation: 'always' });
  await stage.connect(a, { tokens });
  assert.equal(stage.retries, 1);
  const token = tokens.newest;
  await stage.connect(c, { tokens });
  assert.equal(stage.retries, 1, 'the token of the other was good');
  tokens.newest = token;
  await stage.connect(b, { tokens });
  assert.equal(stage.retries, 2, 'that of a stranger is none');
  await stage.end();
});

test('L67 a server that lost its connections resets them by the secret that it shares, and by no other', async () => {
  for (const [keys, code] of [
    [key(1), 'ERR_QUIC_STATELESS_RESET'],
    [[key(2), key(1)], 'ERR_QUIC_STATELESS_RESET'],
    [key(2), 'ERR_QUIC_IDLE_TIMEOUT'],
  ] as const) {
    const stage = new Stage(`shared resets ${keys.length}`);
    const a = await stage.listen({ keys: key(1) });
    const connection = await stage.connect(a, { maxIdleTimeout: 5000 });
    // What a crash leaves: a socket of another server at the same address.
    const { port } = a;
    stage.isCut = true;
    await stage.clock.until(a.close());
    await stage.clock.runAsync(stage.clock.now() + 100);
    stage.isCut = false;
    const b = await echoListener(stage.server, { address: '10.0.0.2', port, family: 4 }, { keys });
    const stream = await connection.createBidirectionalStream();
    stream.write(new Uint8Array(10)).catch(() => {});
    await assert.rejects(stage.clock.until(connection.closed), { code });
    await stage.clock.until(b.close());
    await stage.end();
  }
});

/** An application's tokens: in the clear, as no application should make them. */
class PlainTokens implements TokenProvider {
  readonly asked: string[] = [];
  makeRetry(request: { originalDestinationId: Uint8Array }): Uint8Array {
    this.asked.push('retry');
    return Uint8Array.of(1, ...request.originalDestinationId);
  }
  makeNew(): Uint8Array {
    this.asked.push('new');
    return Uint8Array.of(2);
  }
  open(token: Uint8Array, seen: { destinationId: Uint8Array }): ReturnType<TokenProvider['open']> {
    this.asked.push(`open ${token[0]}`);
    if (token[0] === 2) return { kind: 'new' };
    return {
      kind: 'retry',
      originalDestinationId: token.slice(1),
      retrySourceId: seen.destinationId.slice(),
    };
  }
}

test('L74 the tokens of the application are made, sent and taken in place of ours', async () => {
  const stage = new Stage('own tokens');
  const tokens = new PlainTokens();
  const listener = await stage.listen({ tokens, addressValidation: 'always' });
  await stage.connect(listener, { tokens: stage.tokens });
  assert.deepEqual(tokens.asked, ['retry', 'open 1', 'new']);
  assert.deepEqual(stage.tokens.newest, Uint8Array.of(2));
  await stage.connect(listener, { tokens: stage.tokens });
  assert.deepEqual(tokens.asked.slice(3), ['open 2', 'new']);
  assert.equal(stage.retries, 1);
  await stage.end();
});

test('L74 tokens that fail, or are none, lock nobody out and end no connection', async () => {
  const fail = (): never => {
    throw new Error('mine');
  };
  for (const bad of [
    { open: fail, makeNew: fail },
    { open: () => ({ kind: 'good' }) as never, makeNew: () => new Uint8Array(0) },
    { open: () => undefined as never, makeNew: () => new Uint8Array(MAX_PROVIDED_TOKEN + 1) },
    { open: () => ({ kind: 'retry' }) as never, makeNew: () => 'token' as never },
  ]) {
    const stage = new Stage('bad tokens');
    const listener = await stage.listen({ tokens: { makeRetry: fail, ...bad } });
    stage.tokens.newest = Uint8Array.of(7);
    const connection = await stage.connect(listener, { tokens: stage.tokens });
    assert.equal(connection.isOpen, true);
    assert.deepEqual(stage.tokens.newest, Uint8Array.of(7), 'no token came');
    await stage.end();
  }
  assert.throws(
    () => new QuicEndpoint({ tokens: { open: fail } as never }),
    /functions makeRetry, makeNew and open/,
  );
});

test('C26 a replay store that does not answer in time lets no early data in, and the handshake goes on', async () => {
  const stage = new Stage('silent store');
  const replayStore = { add: () => new Promise<boolean>(() => {}) };
  const listener = await stage.listen({ keys: key(1), earlyData: true, replayStore });
  const { sessions } = stage;
  await stage.connect(listener, { sessions, earlyData: true });
  const began = stage.clock.now();
  const connection = await stage.connect(listener, { sessions, earlyData: true });
  await stage.clock.until(connection.opened);
  assert.equal(connection.earlyData, 'rejected');
  assert.equal(connection.isResumed, true);
  assert.ok(stage.clock.now() - began >= REPLAY_ANSWER_TIMEOUT);
  await stage.end();
});
