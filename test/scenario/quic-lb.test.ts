/** Connection ids for load balancers, as they go over the wire. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { connect } from '../../src/client/connect.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import { decodeConnectionId } from '../../src/routing/decode-connection-id.ts';
import type { QuicLbOptions } from '../../src/routing/quic-lb-options.ts';
import { QuicEndpoint } from '../../src/runtime/endpoint.ts';
import { VirtualNetwork } from '../../src/sim/virtual-network.ts';
import { socketAddress } from '../../src/util/address.ts';
import { toHex } from '../../src/util/bytes.ts';
import { seededIdentity } from '../support/certificates.ts';
import { echoListener } from '../support/echo-listener.ts';

const SERVER_ID = '1122334455667788';
const KEY = '000102030405060708090a0b0c0d0e0f';

const LAYOUTS: QuicLbOptions[] = [
  { serverId: SERVER_ID },
  { serverId: SERVER_ID, key: KEY, rotation: 3 },
  { serverId: SERVER_ID, key: KEY, rotation: 6, nonceLength: 8 },
];

for (const connectionIds of LAYOUTS) {
  const { rotation = 0, key, nonceLength } = connectionIds;
  const kind = key === undefined ? 'plaintext' : nonceLength === 8 ? 'single-pass' : 'four-pass';
  test(`L66 ${kind}: the ids of Retry, handshake and migration all carry the server id`, async () => {
    const network = new VirtualNetwork({ seed: `quic-lb ${kind}`, link: { delay: 10 } });
    const { clock } = network;
    clock.schedule(clock.now() + 60_000, () => {});
    const server = network.addHost('server', ['10.0.0.2']);
    const client = network.addHost('client', ['10.0.0.1']);
    const at = socketAddress('10.0.0.2', 443);
    assert.ok(at !== null);
    const listener = await echoListener(server, at, { connectionIds, addressValidation: 'always' });
    const { random, sockets } = client;
    const environment = { clock, sockets, random, provider: nodeProvider };
    /** Source ids of the server's long headers, by packet type; destination ids of the client's short headers. */
    const seen: Record<'retry' | 'long' | 'short', Set<string>> = {
      retry: new Set(),
      long: new Set(),
      short: new Set(),
    };
    network.tap(({ kind: what, from, bytes }) => {
      if (what !== 'sent') return;
      const isLong = (bytes[0] & 0x80) !== 0;
      if (from.address === '10.0.0.2' && isLong) {
        const scidAt = 7 + bytes[5];
        const isRetry = (bytes[0] & 0x30) === 0x30;
        seen[isRetry ? 'retry' : 'long'].add(toHex(bytes.slice(scidAt, scidAt + bytes[scidAt - 1])));
      } else if (from.address === '10.0.0.1' && !isLong) {
        seen.short.add(toHex(bytes.slice(1, 1 + (nonceLength === 8 ? 17 : 16))));
      }
    });
    const endpoint = new QuicEndpoint({ environment });
    const { caPem } = seededIdentity();
    const options = { endpoint, alpn: ['test'], ca: caPem, serverName: 'localhost' };
    const connection = await clock.until(connect({ host: '10.0.0.2', port: 443 }, options));
    await clock.runAsync(clock.now() + 500);
    await clock.until(connection.migrate());
    await clock.runAsync(clock.now() + 500);
    assert.equal(seen.retry.size, 1);
    assert.equal(seen.long.size, 1);
    assert.ok(seen.short.size >= 2, 'a migration takes a new id');
    const layout = { serverIdLength: 8, ...connectionIds, serverId: undefined };
    for (const id of [...seen.retry, ...seen.long, ...seen.short]) {
      const decoded = decodeConnectionId(id, layout);
      assert.equal(decoded.rotation, rotation);
      assert.equal(decoded.serverId === null ? id : toHex(decoded.serverId), SERVER_ID);
    }
    await clock.until(endpoint.close());
    await clock.until(listener.close());
  });
}
