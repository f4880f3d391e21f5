import assert from 'node:assert/strict';
import test from 'node:test';
import { connect } from '../../src/client/connect.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import { QuicEndpoint } from '../../src/runtime/endpoint.ts';
import type { Environment } from '../../src/runtime/environment.ts';
import { VirtualNetwork } from '../../src/sim/virtual-network.ts';
import type { DatagramSocket, SocketFactory } from '../../src/udp/socket.ts';
import { seededIdentity } from '../support/certificates.ts';
import { echoListener } from '../support/echo-listener.ts';

const AT = { address: '10.0.0.2', port: 443, family: 4 } as const;
const SIZE = 1_000_000;

/** Sockets that say that they take so many datagrams at once, and count the calls. */
function taking(segments: number, factory: SocketFactory, onCall: () => void): SocketFactory {
  const capabilities = { ...factory.capabilities, segments };
  return {
    ...factory,
    capabilities,
    localAddresses: () => factory.localAddresses(),
    bind: async (options) => {
      const socket = await factory.bind(options);
      const send: DatagramSocket['send'] = (...datagrams) => {
        onCall();
        return socket.send(...datagrams);
      };
      return new Proxy(socket, {
        get: (target, name) => {
          if (name === 'capabilities') return capabilities;
          if (name === 'send') return send;
          const value = Reflect.get(target, name, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
        set: (target, name, value) => Reflect.set(target, name, value, target),
      });
    },
  };
}

for (const segments of [1, 10]) {
  test(`L85 datagrams of a connection leave up to ${segments} at once, and the counters tell`, async () => {
    const network = new VirtualNetwork({ seed: `batches ${segments}`, link: { delay: 5 } });
    const { clock } = network;
    clock.schedule(clock.now() + 60_000, () => {});
    const server = network.addHost('server', [AT.address]);
    const client = network.addHost('client', ['10.0.0.1']);
    let calls = 0;
    const { random } = server;
    const sockets = taking(segments, server.sockets, () => calls++);
    const environment: Environment = { clock, random, provider: nodeProvider, sockets };
    const listener = await echoListener(server, AT, { environment });
    const endpoint = new QuicEndpoint({
      environment: { clock, random: client.random, provider: nodeProvider, sockets: client.sockets },
    });
    const options = { endpoint, alpn: ['test'], ca: seededIdentity().caPem, serverName: 'localhost' };
    const connection = await clock.until(connect({ host: AT.address, port: AT.port }, options));
    const talk = async (): Promise<number> => {
      const stream = await connection.createBidirectionalStream();
      void stream.end(new Uint8Array(SIZE));
      let bytes = 0;
      for await (const chunk of stream) bytes += chunk.length;
      return bytes;
    };
    assert.equal(await clock.until(talk()), SIZE);
    const [{ stats }] = listener.endpoint.connections;
    const { flushes, coalesced } = stats.batches;
    assert.equal(flushes, calls, 'each call is counted');
    assert.ok(flushes + coalesced >= SIZE / 1452);
    if (segments === 1) assert.equal(coalesced, 0);
    else assert.ok(coalesced > flushes / 2, `${coalesced} in ${flushes} calls`);
    await clock.until(endpoint.close());
    await clock.until(listener.close());
  });
}
