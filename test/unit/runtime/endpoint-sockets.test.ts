import assert from 'node:assert/strict';
import test from 'node:test';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import { connect, listen, QuicEndpoint } from '../../../src/index.ts';
import { VirtualNetwork } from '../../../src/sim/virtual-network.ts';
import { makeTestIdentity } from '../../support/certificates.ts';

function environmentOf(network: VirtualNetwork, name: string, addresses: string[]) {
  const host = network.addHost(name, addresses);
  const { clock, sockets, random } = host;
  return { host, environment: { clock, sockets, random, provider: nodeProvider } };
}

test('L9 a wildcard bind has a socket for each local address, and follows addresses that come and go', async () => {
  const network = new VirtualNetwork({ seed: 1 });
  const { host, environment } = environmentOf(network, 'server', ['10.0.0.1', '2001:db8::1']);
  const endpoint = new QuicEndpoint({ port: 4433, environment });
  await endpoint.bind();
  const bound = () => endpoint.addresses.map(({ address }) => address).sort();
  assert.deepEqual(bound(), ['10.0.0.1', '2001:db8::1']);
  host.addAddress('10.0.0.2');
  await network.clock.runAsync(network.clock.now() + 6_000);
  assert.deepEqual(bound(), ['10.0.0.1', '10.0.0.2', '2001:db8::1']);
  host.removeAddress('10.0.0.1');
  await network.clock.runAsync(network.clock.now() + 20_000);
  assert.deepEqual(bound(), ['10.0.0.2', '2001:db8::1']);
  await endpoint.close();
});

test('L84 whole endpoints run on the virtual network, with no socket and no wait', async () => {
  const network = new VirtualNetwork({ seed: 2 });
  const server = environmentOf(network, 'server', ['10.0.0.1']);
  const client = environmentOf(network, 'client', ['10.0.0.9']);
  network.link(client.host, server.host, { delay: 15 }, { delay: 15 });
  const identity = makeTestIdentity();
  const { clock } = network;
  const listener = await clock.until(
    listen({
      address: '10.0.0.1',
      port: 4433,
      alpn: 'test',
      cert: identity.certPem,
      key: identity.keyPem,
      environment: server.environment,
    }),
  );
  const accepted = listener.accept();
  const connection = await clock.until(
    connect('10.0.0.1:4433', {
      alpn: 'test',
      ca: identity.caPem,
      serverName: 'localhost',
      environment: client.environment,
    }),
  );
  const stream = await clock.until(connection.createBidirectionalStream());
  const ended = stream.end(new TextEncoder().encode('over no network at all'));
  const incoming = await clock.until((await clock.until(accepted)).acceptBidirectionalStream());
  const chunk = await clock.until(incoming.read());
  assert.equal(new TextDecoder().decode(chunk ?? undefined), 'over no network at all');
  await clock.until(ended);
  assert.ok(clock.now() < 1_000, 'a handshake and a stream take a few round trips of 30 ms');
  await clock.until(connection.close());
  await clock.until(listener.close());
});
