/** Paths of the friendly layer on the virtual network, where a link can die without a word. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { connect } from '../../src/client/connect.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import { VirtualNetwork } from '../../src/sim/virtual-network.ts';
import { socketAddress } from '../../src/util/address.ts';
import { seededIdentity } from '../support/certificates.ts';
import { echoListener } from '../support/echo-listener.ts';

test('C77 a connection with two paths outlives the death of the one in use, in the midst of a transfer', async () => {
  const network = new VirtualNetwork({ seed: 'two paths', link: { delay: 10, bandwidth: 2_000_000 } });
  const { clock } = network;
  clock.schedule(clock.now() + 120_000, () => {});
  const host = network.addHost('client', ['10.0.0.1', '10.0.1.1']);
  const server = network.addHost('server', ['10.0.0.2']);
  const at = socketAddress('10.0.0.2', 443);
  assert.ok(at);
  await echoListener(server, at);
  const { random, sockets } = host;
  const connection = await clock.until(
    connect('10.0.0.2:443', {
      alpn: 'test',
      serverName: 'localhost',
      ca: seededIdentity().caPem,
      environment: { clock, sockets, random, provider: nodeProvider },
    }),
  );
  const [first] = connection.paths;
  assert.ok(first);
  const localAddress = first.localAddress.address === '10.0.0.1' ? '10.0.1.1' : '10.0.0.1';
  const second = await clock.until(connection.addPath({ localAddress }));
  const events: string[] = [];
  connection.onPathEvent = ({ type }) => events.push(type);

  const stream = await clock.until(connection.createBidirectionalStream());
  const sent = new Uint8Array(300_000).map((_, at) => at * 7);
  void stream.write(sent).then(() => stream.end());
  const received: Uint8Array[] = [];
  let length = 0;
  const reading = (async () => {
    for await (const chunk of stream) {
      received.push(chunk);
      length += chunk.length;
      if (length > 100_000) network.link(first.localAddress.address, '10.0.0.2', { loss: 1 });
    }
  })();
  await clock.until(reading);
  assert.deepEqual(Buffer.concat(received), Buffer.from(sent.buffer));
  assert.ok(second.isActive);
  assert.equal(connection.localAddress.address, localAddress);
  assert.ok(second.stats.bytesReceived > 100_000);
  await clock.until(connection.close());
});
