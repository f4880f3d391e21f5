import assert from 'node:assert/strict';
import test from 'node:test';
import { connect } from '../../src/client/connect.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import type { QuicConnection } from '../../src/runtime/connection.ts';
import { QuicEndpoint } from '../../src/runtime/endpoint.ts';
import type { Environment } from '../../src/runtime/environment.ts';
import type { VirtualHost } from '../../src/sim/virtual-host.ts';
import { VirtualNetwork } from '../../src/sim/virtual-network.ts';
import { seededIdentity } from '../support/certificates.ts';
import { echoListener } from '../support/echo-listener.ts';
import { at, textOf } from '../support/sockets.ts';

/** A client, and an echo server on a machine of two devices, eth0 at 10.0.0.2 and eth1 at 10.0.1.2. */
class Stage {
  readonly network: VirtualNetwork = new VirtualNetwork({ seed: 1, link: { delay: 10 } });
  readonly clock: VirtualNetwork['clock'] = this.network.clock;
  readonly client: VirtualHost = this.network.addHost('client', ['10.0.0.1']);
  readonly server: VirtualHost;
  readonly endpoint: QuicEndpoint;

  constructor(address = '10.0.0.2', packetInfo = false) {
    this.server = this.network.addHost('server', ['10.0.0.2'], { capabilities: { packetInfo } });
    this.server.addAddress('10.0.1.2', 'eth1');
    this.endpoint = new QuicEndpoint({
      address,
      port: 443,
      environment: environment(this.server),
    });
    // An endpoint's deadlines alone keep no simulation going.
    this.clock.schedule(this.clock.now() + 600_000, () => {});
  }

  async listen(): Promise<void> {
    await echoListener(this.server, at('10.0.0.2:443'), { endpoint: this.endpoint });
  }

  async connect(target: string, maxIdleTimeout = 30_000): Promise<QuicConnection> {
    const { caPem } = seededIdentity();
    return this.clock.until(
      connect(target, {
        alpn: 'test',
        serverName: 'localhost',
        ca: caPem,
        tokens: false,
        environment: environment(this.client),
        maxIdleTimeout,
      }),
    );
  }

  run(milliseconds: number): Promise<unknown> {
    return this.clock.runAsync(this.clock.now() + milliseconds);
  }

  async echo(connection: QuicConnection, text: string): Promise<string> {
    const stream = await this.clock.until(connection.createBidirectionalStream());
    await this.clock.until(stream.write(Buffer.from(text)));
    await this.clock.until(stream.end());
    let answer = '';
    for (;;) {
      const { value, done } = await this.clock.until(stream[Symbol.asyncIterator]().next());
      if (done) return answer;
      answer += Buffer.from(value).toString();
    }
  }
}

function environment({ clock, sockets, random }: VirtualHost): Environment {
  return { clock, sockets, random, provider: nodeProvider };
}

test('L43 a server keeps accepting when the address of its device changes, and the old connection is lost by time alone', async () => {
  const stage = new Stage();
  await stage.listen();
  const bound = await stage.clock.until(stage.endpoint.bindInterface('iface://v4.eth1:443'));
  const old = await stage.connect('10.0.1.2:443', 5000);
  assert.equal(await stage.echo(old, 'one'), 'one');
  stage.server.removeAddress('10.0.1.2');
  stage.server.addAddress('10.0.1.3', 'eth1');
  await stage.run(1000);
  assert.deepEqual(textOf(bound.addresses), ['10.0.1.3:443']);
  const fresh = await stage.connect('10.0.1.3:443');
  assert.equal(await stage.echo(fresh, 'two'), 'two');
  assert.equal(stage.endpoint.connections.length, 2, 'nobody closed the one on the address that is gone');
  await stage.run(20_000);
  assert.equal(stage.endpoint.connections.length, 1);
  await assert.rejects(
    old.opened.then(() => old.closed),
    { code: 'ERR_QUIC_IDLE_TIMEOUT' },
  );
});

test('a connection goes on when the address of its device was gone for a while', async () => {
  const stage = new Stage();
  await stage.listen();
  const bound = await stage.clock.until(stage.endpoint.bindInterface('iface://v4.eth1:443'));
  const connection = await stage.connect('10.0.1.2:443');
  assert.equal(await stage.echo(connection, 'one'), 'one');
  stage.server.removeAddress('10.0.1.2');
  await stage.run(2000);
  assert.equal(bound.state, 'waiting');
  const answer = stage.echo(connection, 'two');
  await stage.run(3000);
  stage.server.addAddress('10.0.1.2', 'eth1');
  assert.equal(await answer, 'two');
  await stage.run(1000);
  assert.equal(bound.state, 'bound');
  assert.equal(await stage.echo(await stage.connect('10.0.1.2:443'), 'three'), 'three');
});

test('a released interface refuses new connections while those that are there go on', async () => {
  const stage = new Stage();
  await stage.listen();
  const bound = await stage.clock.until(stage.endpoint.bindInterface('10.0.1.2:443'));
  const connection = await stage.connect('10.0.1.2:443');
  assert.equal(await stage.echo(connection, 'one'), 'one');
  await bound.release();
  await assert.rejects(stage.connect('10.0.1.2:443'), /refused|reached/);
  await stage.run(1500);
  assert.equal(await stage.echo(connection, 'two'), 'two');
  await stage.clock.until(connection.close());
  await stage.run(1500);
  assert.equal(stage.server.hasReceiver(at('10.0.1.2:443')), false, 'the socket went with the last path');
  assert.equal(await stage.echo(await stage.connect('10.0.0.2:443'), 'three'), 'three');
});

test('the socket of a released interface closes at its deadline, which closes no connection', async () => {
  const stage = new Stage();
  await stage.listen();
  const bound = await stage.clock.until(stage.endpoint.bindInterface('10.0.1.2:443'));
  const connection = await stage.connect('10.0.1.2:443');
  assert.equal(await stage.echo(connection, 'one'), 'one');
  await bound.release({ drain: 2000 });
  await stage.run(1900);
  assert.ok(stage.server.hasReceiver(at('10.0.1.2:443')));
  await stage.run(200);
  assert.equal(stage.server.hasReceiver(at('10.0.1.2:443')), false);
  assert.equal(stage.endpoint.connections.length, 1);
  const again = await stage.clock.until(stage.endpoint.bindInterface('10.0.1.2:443'));
  assert.equal(again.state, 'bound');
  assert.equal(await stage.echo(connection, 'two'), 'two', 'and it goes on when the address is bound again');
});

for (const packetInfo of [false, true]) {
  const kind = packetInfo ? 'one socket for all addresses' : 'a socket for each address';
  test(`an interface of one address outlives a released wildcard, and nothing else does, with ${kind}`, async () => {
    const stage = new Stage('0.0.0.0', packetInfo);
    await stage.listen();
    await stage.clock.until(stage.endpoint.bindInterface('10.0.1.2:443'));
    assert.equal(await stage.echo(await stage.connect('10.0.0.2:443'), 'one'), 'one');
    await stage.clock.until(stage.endpoint.release());
    await assert.rejects(stage.connect('10.0.0.2:443'), /refused|reached/);
    assert.equal(await stage.echo(await stage.connect('10.0.1.2:443'), 'two'), 'two');
    await stage.clock.until(stage.endpoint.bind());
    assert.equal(await stage.echo(await stage.connect('10.0.0.2:443'), 'three'), 'three');
  });
}
