/** A QUIC member of a group whose clients send in 0-RTT, on the virtual network. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { connect } from '../../src/client/connect.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import { ListenGroup } from '../../src/group.ts';
import type { Environment } from '../../src/runtime/environment.ts';
import { VirtualNetwork } from '../../src/sim.ts';
import { seededIdentity } from '../support/certificates.ts';

test('streams in 0-RTT reach their handler before the handshake is complete, and say that they may be copies', async () => {
  const network = new VirtualNetwork({ seed: 1, link: { delay: 50 } });
  const { clock } = network;
  const environment = (name: string, address: string): Environment => {
    const { sockets, random } = network.addHost(name, [address]);
    return { clock, sockets, random, provider: nodeProvider };
  };
  const seen: [early: boolean, isOpen: boolean | undefined, alpn: string | null][] = [];
  const group = new ListenGroup(
    {
      connected: ({ alpn }) => ({
        handler: {
          run(stream, { early, connection }) {
            seen.push([early, connection?.isOpen, alpn]);
            stream.end('answer');
          },
        },
      }),
    },
    { environment: environment('server', '10.0.0.1') },
  );
  const { certPem: cert, keyPem: key, caPem: ca } = seededIdentity();
  const listener = {
    kind: 'quic',
    address: '10.0.0.1',
    port: 4433,
    alpn: 'test',
    cert,
    key,
    earlyData: true,
  } as const;
  await clock.until(group.addListener({ id: 'q', listener }));
  const client = environment('client', '10.0.0.2');

  const ask = async (session?: Uint8Array): Promise<Uint8Array | null> => {
    const options = { alpn: 'test', ca, serverName: 'localhost', environment: client, earlyData: true };
    const target = { host: '10.0.0.1', port: 4433 };
    const connection = await connect(target, { ...options, ...(session === undefined ? {} : { session }) });
    const stream = await connection.createBidirectionalStream();
    stream.end(Buffer.from('question')).catch(() => {});
    let answer = '';
    for await (const chunk of stream) answer += Buffer.from(chunk).toString();
    assert.equal(answer, 'answer');
    const given = connection.session;
    await connection.close();
    return given;
  };
  const session = await clock.until(ask());
  assert.ok(session !== null);
  await clock.until(ask(session));
  assert.deepEqual(seen, [
    [false, true, 'test'],
    [true, false, 'test'],
  ]);
  await clock.until(group.shutdown());
});
