/** What an authenticated peer can leave behind in an endpoint's tables. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { VirtualHost } from '../../src/sim/virtual-host.ts';
import type { SocketAddress } from '../../src/util/address.ts';
import { FRAME } from '../../src/wire/frame-table.ts';
import {
  writeConnectionClose,
  writeNewConnectionId,
  writePathResponse,
  writePing,
} from '../../src/wire/frame-writer.ts';
import { echoListener } from '../support/echo-listener.ts';
import { APPLICATION, frame, pad } from '../support/hostile-peer.ts';
import { HOSTILE, HostileStage, SERVER } from '../support/hostile-stage.ts';

test('T15 RFC 9000 §10.3.1 a client that moves leaves no reset token and no id behind', async () => {
  let host: VirtualHost | null = null;
  const stage = new HostileStage(15, {}, (server) => {
    host = server;
  });
  assert.ok(host !== null);
  const listener = await echoListener(host, SERVER);
  const { peer, network, hostileDriver, hostileHost, healthyDriver } = stage;
  const { clock } = network;
  healthyDriver.close();
  await clock.runAsync(500);
  assert.ok(peer.isEstablished);
  // Its acknowledgements would come from the old address.
  peer.acknowledges = false;
  let challenge: Uint8Array | null = null;
  peer.onFrame = ({ kind, data }) => {
    if (kind === FRAME.PATH_CHALLENGE) challenge = data;
  };
  const send = (at: SocketAddress, payload: Uint8Array): Promise<void> => {
    const packet = peer.packet(APPLICATION, pad(payload, 1180));
    network.transmit(hostileHost, at, SERVER, packet, 0, packet.length, 0);
    return clock.runAsync(clock.now() + 50);
  };
  let sequence = 1;
  let at: SocketAddress = HOSTILE;
  for (let port = 2000; port < 2020; port++, sequence++) {
    const id = new Uint8Array(8).fill(sequence);
    const token = new Uint8Array(16).fill(sequence);
    await send(
      at,
      frame((w) => writeNewConnectionId(w, sequence, sequence, id, token)),
    );
    at = hostileDriver.addLocal({ ...HOSTILE, port });
    challenge = null;
    await send(at, frame(writePing));
    assert.ok(challenge !== null, 'the new address is challenged');
    const data: Uint8Array = challenge;
    await send(
      at,
      frame((w) => writePathResponse(w, data)),
    );
  }
  assert.equal(peer.close, null);
  assert.equal(listener.endpoint.connections.length, 1);
  assert.ok(listener.endpoint.sizes.resetTokens > 0, 'ids of the client are in use');
  const close = { application: true, code: 0, frameType: 0, reason: new Uint8Array(0) };
  await send(
    at,
    frame((w) => writeConnectionClose(w, close)),
  );
  await clock.runAsync(clock.now() + 60_000);
  const { sizes } = listener.endpoint;
  assert.deepEqual(
    [listener.endpoint.connections.length, sizes.resetTokens, sizes.ids, sizes.originals, sizes.closing],
    [0, 0, 0, 0, 0],
  );
  await clock.until(listener.close());
});
