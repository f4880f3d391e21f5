import assert from 'node:assert/strict';
import test from 'node:test';
import { type ConnectOptions, connect, listen, type QuicConnection, QuicEndpoint } from '../../src/index.ts';
import { makeTestIdentity } from '../support/certificates.ts';
import { ListenerStage, type Refused } from '../support/listener-stage.ts';
import { at, textOf } from '../support/sockets.ts';

const { certPem: cert, keyPem: key, caPem: ca } = makeTestIdentity({ names: ['a.example', 'b.example'] });
const IDENTITY = { cert, key };
const UNRECOGNIZED_NAME = 0x170n;

/** A server machine with eth0 at 198.51.100.1 and .2, and eth1 at 203.0.113.1. */
class Stage extends ListenerStage {
  constructor() {
    super(1, [ListenerStage.SERVER, '198.51.100.2']);
    this.server.addAddress('203.0.113.1', 'eth1');
    // The deadlines of endpoints alone keep no simulation going.
    this.clock.schedule(this.clock.now() + 600_000, () => {});
  }

  to(target: string, serverName: string, options: Partial<ConnectOptions> = {}): Promise<QuicConnection> {
    const environment = this.environmentOf(this.client);
    return this.until(
      connect(target, { alpn: 'test', ca, serverName, environment, handshakeTimeout: 2000, ...options }),
    );
  }

  /** 'served', or why not: 'refused' by name, 'nobody' where nothing answers. */
  async outcome(target: string, serverName: string): Promise<string> {
    try {
      await this.until((await this.to(target, serverName)).close());
      return 'served';
    } catch (error) {
      const { code, errorCode } = error as Refused;
      if (errorCode === UNRECOGNIZED_NAME || code === 'ERR_QUIC_CONNECTION_REFUSED') return 'refused';
      return code === 'ERR_QUIC_HANDSHAKE_TIMEOUT' ? 'nobody' : code;
    }
  }

  isOpen(address: string): boolean {
    return this.server.hasReceiver(at(address));
  }
}

test('L26 a server takes clients on its own interfaces, and refuses those that come in on others', async () => {
  const stage = new Stage();
  const listener = await stage.started({ ...IDENTITY, address: '198.51.100.1' });
  await stage.until(listener.addServer('a.example', { ...IDENTITY, bind: 'iface://v4.eth1:4433' }));
  await stage.until(
    listener.addServer('b.example', { ...IDENTITY, bind: ['198.51.100.2:443', '198.51.100.1:4433'] }),
  );
  assert.equal(await stage.outcome('203.0.113.1:4433', 'a.example'), 'served');
  assert.equal(await stage.outcome('198.51.100.1:4433', 'a.example'), 'refused');
  assert.equal(await stage.outcome('198.51.100.2:443', 'b.example'), 'served');
  assert.equal(await stage.outcome('198.51.100.1:4433', 'b.example'), 'served');
  assert.equal(await stage.outcome('203.0.113.1:4433', 'b.example'), 'refused');
  // The default server is where the listener is, and not where others alone are.
  assert.equal(
    await stage.outcome('198.51.100.1:4433', 'localhost'),
    'ERR_QUIC_CERTIFICATE_HOST_MISMATCH',
    'its certificate has other names',
  );
  assert.equal(await stage.outcome('203.0.113.1:4433', 'localhost'), 'refused');
  await stage.until(listener.close());
});

test('L27 a server without an interface takes nobody until one is bound', async () => {
  const stage = new Stage();
  const listener = await stage.started();
  const server = await stage.until(listener.addServer('a.example', { ...IDENTITY, bind: [] }));
  assert.deepEqual(server.interfaces, []);
  assert.equal(await stage.outcome('198.51.100.1:4433', 'a.example'), 'refused');
  await stage.until(listener.bindInterfaces('a.example', '198.51.100.1:4433'));
  assert.equal(await stage.outcome('198.51.100.1:4433', 'a.example'), 'served');
  await stage.until(listener.close());
});

test('L24 L28 binding is idempotent, all or nothing, and for servers that exist', async () => {
  const stage = new Stage();
  const listener = await stage.started();
  const server = await stage.until(
    listener.addServer('a.example', { ...IDENTITY, bind: '198.51.100.2:443' }),
  );
  const bind = (...uris: string[]) => stage.until(listener.bindInterfaces('a.example', uris));
  await bind('inet://198.51.100.2:443', '198.51.100.2:443', 'iface://v4.eth9:443');
  const shown = () =>
    server.interfaces.map(({ uri, state, addresses }) => [uri, state, ...textOf(addresses)].join(' '));
  const before = ['198.51.100.2:443 bound 198.51.100.2:443', 'iface://v4.eth9:443 waiting'];
  assert.deepEqual(shown(), before);
  await assert.rejects(bind('203.0.113.1:443', '192.0.2.99:443'), /EADDRNOTAVAIL/);
  await assert.rejects(bind('203.0.113.1:443', 'eth0'), { code: 'ERR_QUIC_BIND_URI_PORT' });
  await assert.rejects(stage.until(listener.bindInterfaces('nobody.example', '203.0.113.1:443')), {
    code: 'ERR_QUIC_SERVER_NOT_FOUND',
  });
  assert.deepEqual(shown(), before);
  assert.equal(stage.isOpen('203.0.113.1:443'), false);
  await stage.until(listener.close());
});

test('L11 a server that cannot be bound is not added, and a device that is absent is waited for', async () => {
  const stage = new Stage();
  const listener = await stage.started();
  const blocker = await stage.server.sockets.bind({ address: at('203.0.113.1:443') });
  const binds = ['198.51.100.2:443', '203.0.113.1:443'];
  const add = (bind: string | string[]) =>
    stage.until(listener.addServer('a.example', { ...IDENTITY, bind }));
  await assert.rejects(add(binds), /EADDRINUSE/);
  await assert.rejects(add('inet://here:1'), { code: 'ERR_QUIC_BIND_URI_IP' });
  assert.equal(listener.getServer('a.example'), undefined);
  assert.equal(stage.isOpen('198.51.100.2:443'), false);
  await blocker.close();
  await add([...binds, 'iface://v4.eth9:4433']);
  stage.server.addAddress('203.0.113.9', 'eth9');
  await stage.run(1000);
  assert.equal(await stage.outcome('203.0.113.9:4433', 'a.example'), 'served');
  await stage.until(listener.close());
});

test('L29 unbinding takes an interface from given servers or from all, and ignores what is not there', async () => {
  const stage = new Stage();
  const listener = await stage.started();
  for (const name of ['a.example', 'b.example'])
    await stage.until(
      listener.addServer(name, { ...IDENTITY, bind: ['198.51.100.2:443', '203.0.113.1:443'] }),
    );
  await stage.until(listener.unbindInterface('198.51.100.2:443', 'a.example'));
  assert.equal(await stage.outcome('198.51.100.2:443', 'a.example'), 'refused');
  assert.equal(await stage.outcome('198.51.100.2:443', 'b.example'), 'served');
  await stage.until(listener.unbindInterface('198.51.100.2:443', ['a.example', 'nobody.example']));
  await stage.until(listener.unbindInterface('198.51.100.9:443'));
  await stage.until(listener.unbindInterface('203.0.113.1:443'));
  await stage.run(1000);
  assert.equal(stage.isOpen('203.0.113.1:443'), false);
  assert.ok(stage.isOpen('198.51.100.2:443'));
  await assert.rejects(listener.unbindInterface('203.0.113.1'), { code: 'ERR_QUIC_BIND_URI_PORT' });
  await assert.rejects(listener.unbindInterface('203.0.113.1:443', 'a.example', { drain: -1 }), {
    code: 'ERR_OUT_OF_RANGE',
  });
  await stage.until(listener.close());
});

test('L30 servers share a socket, which closes with the last of them', async () => {
  const stage = new Stage();
  const listener = await stage.started();
  for (const name of ['a.example', 'b.example'])
    await stage.until(listener.addServer(name, { ...IDENTITY, bind: '203.0.113.1:443' }));
  listener.removeServer('a.example');
  await stage.run(10);
  assert.equal(await stage.outcome('203.0.113.1:443', 'b.example'), 'served');
  listener.removeServer('b.example');
  await stage.run(1500);
  assert.equal(stage.isOpen('203.0.113.1:443'), false);
  await stage.until(listener.close());
});

test('a connection goes on when its server is unbound from its interface, and when it is removed', async () => {
  const stage = new Stage();
  const listener = await stage.started();
  await stage.until(listener.addServer('a.example', { ...IDENTITY, bind: '203.0.113.1:443' }));
  const connection = await stage.to('203.0.113.1:443', 'a.example', { maxIdleTimeout: 60_000 });
  const served = await stage.until(listener.accept());
  await stage.until(listener.unbindInterface('203.0.113.1:443'));
  await stage.run(2500);
  listener.removeServer('a.example');
  await stage.run(2500);
  const stream = await stage.until(connection.createUnidirectionalStream());
  await stage.until(stream.end(Buffer.from('still here')));
  const incoming = await stage.until(served.acceptUnidirectionalStream());
  assert.equal(Buffer.from((await stage.until(incoming.read())) ?? []).toString(), 'still here');
  await stage.until(connection.close());
  await stage.run(1500);
  assert.equal(stage.isOpen('203.0.113.1:443'), false);
  await stage.until(listener.close());
});

test('L12 interfaces are bound while the listener is started: not before, not after it stopped, and again', async () => {
  const stage = new Stage();
  const listener = stage.listener(IDENTITY);
  const server = await listener.addServer('a.example', { ...IDENTITY, bind: '203.0.113.1:443' });
  assert.equal(server.interfaces[0].state, 'released');
  assert.equal(stage.isOpen('203.0.113.1:443'), false);
  await stage.until(listener.start());
  assert.equal(await stage.outcome('203.0.113.1:443', 'a.example'), 'served');
  await stage.run(1500);
  await stage.until(listener.stop());
  assert.equal(stage.isOpen('203.0.113.1:443'), false);
  const blocker = await stage.server.sockets.bind({ address: at('203.0.113.1:443') });
  await assert.rejects(stage.until(listener.start()), /EADDRINUSE/);
  assert.equal(listener.state, 'stopped');
  assert.equal(stage.isOpen('198.51.100.1:4433'), false, 'a start that fails leaves nothing open');
  await blocker.close();
  await stage.until(listener.start());
  assert.equal(await stage.outcome('203.0.113.1:443', 'a.example'), 'served');
  await stage.until(listener.close());
  assert.equal(stage.isOpen('203.0.113.1:443'), false);
});

test('bind of a listener stands instead of address and port, and for servers that say nothing else', async () => {
  const stage = new Stage();
  const environment = stage.environmentOf(stage.server);
  const options = {
    ...IDENTITY,
    alpn: 'test',
    environment,
    bind: ['iface://v4.eth1:443', '198.51.100.2:443'],
  };
  const listener = await stage.until(listen(options));
  assert.deepEqual(textOf(listener.endpoint.addresses), ['203.0.113.1:443', '198.51.100.2:443']);
  await stage.until(listener.addServer('a.example', IDENTITY));
  assert.equal(await stage.outcome('203.0.113.1:443', 'a.example'), 'served');
  await stage.until(listener.unbindInterface('203.0.113.1:443'));
  await stage.until(listener.unbindInterface('iface://v4.eth1:443', '*'));
  assert.equal(await stage.outcome('203.0.113.1:443', 'a.example'), 'served');
  assert.equal(await stage.outcome('203.0.113.1:443', 'b.example'), 'refused');
  await stage.until(listener.close());
  await assert.rejects(listen({ ...options, port: 1 }), { code: 'ERR_INVALID_ARG_VALUE', message: /bind/ });
  const stopped = await stage.until(listen(options));
  await stage.until(stopped.stop());
  await assert.rejects(stopped.start({ port: 1 }), { code: 'ERR_QUIC_INVALID_STATE' });
  await stage.until(stopped.close());
});

test('servers that a resolver finds are where the listener is', async () => {
  const stage = new Stage();
  const resolveServer = () => IDENTITY;
  const listener = await stage.started({ resolveServer }, false);
  await stage.until(listener.addServer('b.example', { ...IDENTITY, bind: '203.0.113.1:443' }));
  assert.equal(await stage.outcome('198.51.100.1:4433', 'a.example'), 'served');
  assert.equal(await stage.outcome('203.0.113.1:443', 'a.example'), 'refused');
  assert.equal(await stage.outcome('203.0.113.1:443', 'b.example'), 'served');
  await stage.until(listener.close());
});

test('a listener on an endpoint that was given leaves its other interfaces to the endpoint', async () => {
  const stage = new Stage();
  const endpoint = new QuicEndpoint({
    address: '198.51.100.1',
    port: 4433,
    environment: stage.environmentOf(stage.server),
  });
  await stage.until(endpoint.bindInterface('203.0.113.1:443'));
  const listener = await stage.until(listen({ endpoint, alpn: 'test', ...IDENTITY }));
  await stage.until(listener.addServer('b.example', { ...IDENTITY, bind: '198.51.100.2:443' }));
  assert.equal(await stage.outcome('203.0.113.1:443', 'a.example'), 'served');
  await stage.until(listener.close());
  await stage.run(1500);
  assert.ok(stage.isOpen('203.0.113.1:443'));
  assert.equal(stage.isOpen('198.51.100.2:443'), false);
  await stage.until(endpoint.close());
});

test('L53 with antiPortScan an interface that is only there for its last connections is silent', async () => {
  const stage = new Stage();
  const listener = await stage.started({ ...IDENTITY, antiPortScan: true });
  await stage.until(listener.addServer('a.example', { ...IDENTITY, bind: '203.0.113.1:4433' }));
  const connection = await stage.to('203.0.113.1:4433', 'a.example');
  void listener.unbindInterface('203.0.113.1:4433');
  await stage.run(100);
  let sent = 0;
  stage.network.tap(({ kind, from, to }) => {
    if (kind === 'sent' && from.address === '203.0.113.1' && to.port !== connection.localAddress.port) sent++;
  });
  assert.equal(await stage.outcome('203.0.113.1:4433', 'a.example'), 'nobody');
  assert.equal(sent, 0);
  assert.equal(connection.isOpen, true);
  await stage.until(listener.close());
});

test('L20 a server that cannot be bound takes no other one with it that has its name by then', async () => {
  const stage = new Stage();
  const taken = await stage.started({ port: 5555 });
  const listener = await stage.started();
  const failing = listener.addServer('a.example', { ...IDENTITY, bind: `${ListenerStage.SERVER}:5555` });
  const failed = assert.rejects(failing, { code: /ERR_QUIC_(BIND|SERVER_NOT_FOUND)/ });
  assert.equal(listener.removeServer('a.example'), true);
  const second = await stage.until(listener.addServer('a.example', IDENTITY));
  await failed;
  assert.equal(listener.getServer('a.example'), second);
  assert.equal(await stage.outcome(`${ListenerStage.SERVER}:4433`, 'a.example'), 'served');
  await stage.until(Promise.all([listener.close(), taken.close()]));
});
