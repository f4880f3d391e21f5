/** What strangers and authenticated peers can leave behind in an endpoint. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { RETRY_ABOVE_HALF_OPEN } from '../../src/listener/admission.ts';
import { CoreDriver } from '../../src/sim/core-driver.ts';
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
import { HealthyClient } from '../support/healthy-client.ts';
import { APPLICATION, frame, HostilePeer, pad } from '../support/hostile-peer.ts';
import { HEALTHY, HOSTILE, HostileStage, SERVER } from '../support/hostile-stage.ts';

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

test('P2 a flood of first Initials is met with Retry, and honest clients still get in', async () => {
  let host: VirtualHost | null = null;
  const stage = new HostileStage('flood', {}, (server) => {
    host = server;
  });
  assert.ok(host !== null);
  const listener = await echoListener(host, SERVER);
  const { network, hostileDriver, hostileHost, healthyDriver } = stage;
  const { clock } = network;
  hostileDriver.close();
  healthyDriver.close();
  await clock.runAsync(1000);
  let most = 0;
  for (let i = 0; i < RETRY_ABOVE_HALF_OPEN + 500; i++) {
    const at = { ...HOSTILE, port: 1024 + i };
    const flood = new HostilePeer({ seed: `flood ${i}`, local: at, remote: SERVER });
    flood.flush();
    for (const bytes of flood.queue) network.transmit(hostileHost, at, SERVER, bytes, 0, bytes.length, 0);
    if (i % 50 === 0) await clock.runAsync(clock.now() + 1);
    most = Math.max(most, listener.endpoint.connections.length);
  }
  await clock.runAsync(clock.now() + 10);
  assert.ok(most <= RETRY_ABOVE_HALF_OPEN + 1, `${most} connections`);
  assert.ok(listener.endpoint.counters.answers.retry >= 400);
  // An honest client, in the middle of it.
  const late = new HealthyClient({
    seed: 'late',
    local: { ...HEALTHY, port: 50_001 },
    remote: SERVER,
    now: clock.now(),
  });
  const driver = new CoreDriver(healthyDriver.host, { ...HEALTHY, port: 50_001 }, late.core);
  driver.onProgress = () => late.progress();
  late.say('let me in');
  driver.wake();
  await clock.runAsync(clock.now() + 2000);
  assert.ok(late.isAnswered);
  assert.ok(late.core.firstFlight.retrySourceId !== null, 'it followed a Retry');
  driver.close();
  // The others' handshakes time out.
  await clock.runAsync(clock.now() + 60_000);
  assert.equal(listener.endpoint.connections.length, 0);
  await clock.until(listener.close());
});
