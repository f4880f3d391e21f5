/** 0-RTT packets that arrive before the Initial of their client (RFC 9000 §5.2.2). */
import assert from 'node:assert/strict';
import test from 'node:test';
import { connect } from '../../src/index.ts';
import { ListenerStage } from '../support/listener-stage.ts';

test('L52 C26 RFC 9000 §5.2.2 a request in 0-RTT that overtakes its Initial is read with it, and not sent again', async () => {
  const stage = new ListenerStage();
  const { network, server, client } = stage;
  const listener = await stage.started({ earlyData: true });
  let session: Uint8Array | undefined;
  const first = await stage.connect({
    onSession: (bytes) => {
      session = bytes;
    },
  });
  await stage.run(100);
  await stage.until(first.close());
  assert.ok(session !== undefined && listener.tryAccept() !== null);

  // The first datagram of the client takes longer than the others.
  let initial: Uint8Array | null = null;
  const isInitial = (bytes: Uint8Array) => (bytes[0] & 0xf0) === 0xc0;
  const late = ({ bytes }: { bytes: Uint8Array }): boolean => {
    if (initial !== null || !isInitial(bytes)) return false;
    initial = bytes.slice();
    return true;
  };
  network.link(client, server, { delay: 10, drop: late }, { delay: 10 });
  const connection = await stage.until(
    connect(`${ListenerStage.SERVER}:4433`, {
      alpn: 'test',
      ca: stage.identity.caPem,
      serverName: 'localhost',
      session,
      earlyData: true,
      environment: stage.environmentOf(client),
    }),
  );
  const request = await stage.until(connection.createUnidirectionalStream());
  const written = request.end(new Uint8Array(3000).fill(1));
  await stage.run(50);
  assert.equal(listener.endpoint.sizes.overtaking, 1);
  assert.ok(listener.endpoint.counters.buffered >= 2 && listener.connectionCount === 0);
  const overtaken = initial as Uint8Array | null;
  assert.ok(overtaken !== null);
  const to = { address: ListenerStage.SERVER, port: 4433, family: 4 } as const;
  network.transmit(client, connection.localAddress, to, overtaken, 0, overtaken.length, 0);
  const accepted = await stage.until(listener.accept());
  const stream = await stage.until(accepted.acceptUnidirectionalStream());
  let bytes = 0;
  const read = async () => {
    for await (const chunk of stream) bytes += chunk.length;
  };
  await stage.until(read());
  await stage.until(written);
  assert.equal(bytes, 3000);
  assert.equal(stream.early, true);
  assert.equal(connection.earlyData, 'accepted');
  assert.equal(connection.stats.packetsLost, 0);
  assert.equal(listener.endpoint.counters.dropped['early-zero-rtt'], 0);
  assert.equal(listener.endpoint.sizes.overtaking, 0);
  await stage.until(listener.close());
});
