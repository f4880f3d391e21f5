import assert from 'node:assert/strict';
import test from 'node:test';
import { type ConnectOptions, connect } from '../../src/client/connect.ts';
import type { LookupFunction } from '../../src/client/resolve.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import { QuicError } from '../../src/errors.ts';
import { QuicEndpoint } from '../../src/runtime/endpoint.ts';
import type { Environment } from '../../src/runtime/environment.ts';
import type { VirtualHost } from '../../src/sim/virtual-host.ts';
import { VirtualNetwork } from '../../src/sim/virtual-network.ts';
import { socketAddress } from '../../src/util/address.ts';
import { seededIdentity } from '../support/certificates.ts';
import { echoListener } from '../support/echo-listener.ts';

const SERVER = ['fd00::2', '10.0.0.2', 'fd00::3', '10.0.0.3'];
const RTT = 20;

/** A client and a server of four addresses; what is sent to one where nobody listens is lost without a word. */
class Stage {
  readonly network: VirtualNetwork;
  readonly clock: VirtualNetwork['clock'];
  readonly client: VirtualHost;
  readonly server: VirtualHost;
  readonly environment: Environment;
  /** First datagram to each address: virtual ms since the start. */
  readonly tried: Map<string, number> = new Map();
  /** Sockets that are open on the client. */
  open = 0;

  constructor(seed: string) {
    this.network = new VirtualNetwork({ seed, link: { delay: RTT / 2 } });
    this.clock = this.network.clock;
    this.client = this.network.addHost('client', ['fd00::1', '10.0.0.1']);
    this.server = this.network.addHost('server', SERVER);
    const { random, sockets } = this.client;
    const counted: Environment['sockets'] = {
      ...sockets,
      bind: async (options) => {
        const socket = await sockets.bind(options);
        this.open++;
        const close = socket.close.bind(socket);
        socket.close = () => {
          this.open--;
          return close();
        };
        return socket;
      },
    };
    this.environment = { clock: this.clock, sockets: counted, random, provider: nodeProvider };
    const start = this.clock.now();
    // An endpoint's deadlines alone keep no simulation going.
    this.clock.schedule(start + 60_000, () => {});
    this.network.tap(({ kind, from, to, time }) => {
      if (!this.client.hasAddress(from.address) || kind === 'delivered') return;
      if (!this.tried.has(to.address)) this.tried.set(to.address, time - start);
    });
  }

  async listen(ip: string): Promise<void> {
    const at = socketAddress(ip, 443);
    assert.ok(at);
    await echoListener(this.server, at);
  }

  connect(addresses: string[], options: Partial<ConnectOptions> = {}): ReturnType<typeof connect> {
    return connect('server.example:443', {
      alpn: 'test',
      serverName: 'localhost',
      ca: seededIdentity().caPem,
      environment: this.environment,
      tokens: false,
      lookup: answers(addresses),
      ...options,
    });
  }
}

function answers(addresses: string[]): LookupFunction {
  return (_host, _options, callback) =>
    queueMicrotask(() =>
      callback(
        null,
        addresses.map((address) => ({ address })),
      ),
    );
}

function failure(promise: Promise<unknown>): Promise<QuicError> {
  return promise.then(
    () => assert.fail('connected'),
    (error) => {
      assert.ok(error instanceof QuicError, String(error));
      return error;
    },
  );
}

test('C78 C77 the handshake goes to the addresses of both families in turn, each a head start later', async () => {
  const stage = new Stage('turns');
  await stage.listen('10.0.0.3');
  const connection = await stage.clock.until(
    stage.connect(['fd00::2', 'fd00::3', '10.0.0.2', '10.0.0.3'], { connectionAttemptDelay: 100 }),
  );
  assert.equal(connection.remoteAddress.address, '10.0.0.3');
  assert.deepEqual(
    [...stage.tried],
    [
      ['fd00::2', 0],
      ['10.0.0.2', 100],
      ['fd00::3', 200],
      ['10.0.0.3', 300],
    ],
  );
  await stage.clock.runAsync(stage.clock.now() + 1);
  assert.equal(stage.open, 1, 'the losers freed their sockets');
  await stage.clock.until(connection.close());
  await stage.clock.runAsync(stage.clock.now() + 2_000);
  assert.equal(stage.open, 0);
});

test('C78 the head start is 250 ms, and a first address that answers has no rival', async () => {
  const stage = new Stage('default');
  await stage.listen('10.0.0.2');
  await stage.clock.until(stage.connect(['fd00::2', '10.0.0.2']));
  assert.equal(stage.tried.get('10.0.0.2'), 250);

  const other = new Stage('only');
  await other.listen('fd00::2');
  await other.listen('10.0.0.2');
  const connection = await other.clock.until(other.connect(['fd00::2', '10.0.0.2']));
  assert.equal(connection.remoteAddress.address, 'fd00::2');
  await other.clock.runAsync(other.clock.now() + 1_000);
  assert.deepEqual([...other.tried.keys()], ['fd00::2']);
});

test('C78 the first connection that opens wins, also when its attempt began later; the loser is closed', async () => {
  const stage = new Stage('slow');
  stage.network.link('fd00::1', 'fd00::2', { delay: 1_000 });
  await stage.listen('fd00::2');
  await stage.listen('10.0.0.2');
  const connection = await stage.clock.until(stage.connect(['fd00::2', '10.0.0.2']));
  assert.equal(connection.remoteAddress.address, '10.0.0.2');
  assert.ok(stage.clock.now() < 1_000, `took ${stage.clock.now()} ms`);
  // The answers to the loser come to nobody.
  await stage.clock.runAsync(stage.clock.now() + 10_000);
  assert.equal(stage.open, 1);
  assert.equal(connection.isOpen, true);
});

test('C78 an attempt that fails gives its head start away', async () => {
  const stage = new Stage('fails');
  await stage.listen('10.0.0.2');
  const { bind } = stage.environment.sockets;
  stage.environment.sockets.bind = (options) =>
    options.address.family === 6
      ? Promise.reject(new QuicError('ERR_QUIC_BIND', { reason: 'ENETUNREACH' }))
      : bind(options);
  const connection = await stage.clock.until(
    stage.connect(['fd00::2', '10.0.0.2'], { connectionAttemptDelay: 60_000 }),
  );
  assert.equal(connection.remoteAddress.address, '10.0.0.2');
  assert.ok(stage.clock.now() < 1_000, `took ${stage.clock.now()} ms`);
});

test('C78 when all addresses fail, one error has the error of each', async () => {
  const stage = new Stage('all');
  const error = await stage.clock.until(
    failure(stage.connect(['fd00::2', '10.0.0.2'], { handshakeTimeout: 1_000 })),
  );
  assert.equal(error.code, 'ERR_QUIC_HANDSHAKE_TIMEOUT');
  assert.deepEqual(
    error.errors?.map((each) => (each as QuicError).code),
    ['ERR_QUIC_HANDSHAKE_TIMEOUT', 'ERR_QUIC_HANDSHAKE_TIMEOUT'],
  );
  assert.equal(error.cause, error.errors?.[0]);
  assert.match(error.message, /^None of the 2 addresses of server\.example/);
  assert.equal(stage.open, 0);
});

test('C78 the answer of a server says more than the silence of another address', async () => {
  const stage = new Stage('telling');
  await stage.listen('10.0.0.2');
  const error = await stage.clock.until(
    failure(stage.connect(['fd00::2', '10.0.0.2'], { handshakeTimeout: 1_000, serverName: 'other.example' })),
  );
  assert.equal(error.code, 'ERR_QUIC_CERTIFICATE_HOST_MISMATCH');
  assert.deepEqual(
    error.errors?.map((each) => (each as QuicError).code),
    ['ERR_QUIC_HANDSHAKE_TIMEOUT', 'ERR_QUIC_CERTIFICATE_HOST_MISMATCH'],
  );
});

test('C78 the overall timeout and a signal end all attempts and free their sockets', async () => {
  const stage = new Stage('timeout');
  const start = stage.clock.now();
  const error = await stage.clock.until(failure(stage.connect(SERVER, { timeout: 600 })));
  assert.equal(error.code, 'ERR_QUIC_HANDSHAKE_TIMEOUT');
  assert.match(error.message, /within 600 ms/);
  assert.equal(stage.clock.now() - start, 600);
  assert.equal(stage.tried.size, 3);
  assert.equal(stage.open, 0);

  const stopped = new Stage('signal');
  const controller = new AbortController();
  stopped.clock.schedule(stopped.clock.now() + 300, () => controller.abort(new Error('enough')));
  await assert.rejects(stopped.clock.until(stopped.connect(SERVER, { signal: controller.signal })), /enough/);
  assert.equal(stopped.open, 0);
});

test('C78 the overall timeout covers a name that is not resolved', async () => {
  const stage = new Stage('name');
  const error = await stage.clock.until(failure(stage.connect([], { timeout: 500, lookup: () => {} })));
  assert.equal(error.code, 'ERR_QUIC_HANDSHAKE_TIMEOUT');
});

test('C78 one family alone is tried if that is asked for', async () => {
  const stage = new Stage('family');
  await stage.listen('10.0.0.2');
  const connection = await stage.clock.until(stage.connect(SERVER, { family: 4 }));
  assert.equal(connection.remoteAddress.address, '10.0.0.2');
  assert.deepEqual([...stage.tried.keys()], ['10.0.0.2']);
  await assert.rejects(stage.connect(['10.0.0.2'], { family: 6 }), { code: 'ERR_QUIC_NAME_RESOLUTION' });
  await assert.rejects(stage.connect([], { family: 5 as 4 }), { code: 'ERR_INVALID_ARG_VALUE' });
  await assert.rejects(stage.connect([], { connectionAttemptDelay: -1 }), { code: 'ERR_OUT_OF_RANGE' });
});

test('C78 attempts from a given endpoint share it, and it stays open', async () => {
  const stage = new Stage('endpoint');
  await stage.listen('10.0.0.2');
  const { environment } = stage;
  const endpoint = new QuicEndpoint({ environment });
  const connection = await stage.clock.until(stage.connect(['fd00::2', '10.0.0.2'], { endpoint }));
  assert.equal(connection.remoteAddress.address, '10.0.0.2');
  await stage.clock.runAsync(stage.clock.now() + 5_000);
  assert.deepEqual(endpoint.connections, [connection], 'the losers are gone');
  assert.equal(endpoint.isClosed, false);
  await stage.clock.until(endpoint.close());
});
