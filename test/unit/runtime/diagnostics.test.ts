import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { test } from 'node:test';
import { connect } from '../../../src/client/connect.ts';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import { QuicEndpoint } from '../../../src/runtime/endpoint.ts';
import { VirtualNetwork } from '../../../src/sim/virtual-network.ts';
import { seededIdentity } from '../../support/certificates.ts';
import { echoListener } from '../../support/echo-listener.ts';
import { at } from '../../support/sockets.ts';

const NAMES = [
  'connection:start',
  'connection:open',
  'connection:close',
  'incoming',
  'datagram:drop',
  'interface',
].map((name) => `quayside:${name}`);

test('diagnostics channels tell the life of a connection, of clients and interfaces, and of what is dropped', async () => {
  const network = new VirtualNetwork({ seed: 1, link: { delay: 10 } });
  const { clock } = network;
  const server = network.addHost('server', ['10.0.0.2']);
  const client = network.addHost('client', ['10.0.0.1']);
  const environmentOf = ({ sockets, random }: typeof server) => ({
    clock,
    sockets,
    random,
    provider: nodeProvider,
  });
  clock.schedule(clock.now() + 60_000, () => {});
  const told: string[] = [];
  const endpoint = new QuicEndpoint({ address: '10.0.0.2', port: 443, environment: environmentOf(server) });
  // biome-ignore lint/suspicious/noExplicitAny: what a subscriber gets has no type
  const listener = (message: any, name: string | symbol): void => {
    if (message.endpoint !== endpoint) return;
    const { decision, reason, error, event } = message;
    told.push([name, decision ?? reason ?? error?.code ?? event?.type ?? ''].join(' ').trim());
  };
  for (const name of NAMES) subscribe(name, listener);
  try {
    await echoListener(server, at('10.0.0.2:443'), { endpoint });
    const options = {
      alpn: 'test',
      serverName: 'localhost',
      ca: seededIdentity().caPem,
      environment: environmentOf(client),
    };
    const connection = await clock.until(connect('10.0.0.2:443', options));
    await clock.until(connection.close());
    await clock.runAsync(clock.now() + 1000);
    const raw = await client.sockets.bind({ address: at('10.0.0.1:9') });
    raw.send(new Uint8Array(5), 0, 5, at('10.0.0.2:443'));
    await clock.runAsync(clock.now() + 1000);
  } finally {
    for (const name of NAMES) unsubscribe(name, listener);
  }
  assert.deepEqual(told, [
    'quayside:interface bound',
    'quayside:incoming accept',
    'quayside:connection:start',
    'quayside:connection:open',
    'quayside:connection:close ERR_QUIC_APPLICATION_ERROR',
    'quayside:datagram:drop too-small',
  ]);
});
